# mypy: disable-error-code="no-untyped-def"
# Compiled functions: numba infers their types.
"""The 65 operations compiled, for several tasks at once.

Memory is one array (rows, T): a row a scalar, F rows a vector, F x F rows a matrix, then room for one more matrix; T
tasks stand side by side as lanes, so that one dispatch serves all. Addresses are rows. `lanes` and `feats` are tuples
of T and F
zeros: their lengths are known when the code is compiled, which unrolls the loops.
"""

from __future__ import annotations

import math

import numpy as np

from archwright.programs.compiling import compiled, inlined
from archwright.programs.random_numbers import gaussian_at, mixed, uniform_at

__all__ = ["execute"]

_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE, _ABS, _INVERSE, _POSITIVE = range(7)
_NORM, _MEAN, _STD = range(3)

_SHARED = np.full(65, -1)
"""What scalars, vectors and matrices have in common: operation to kind."""
for _kind, _numbers in enumerate(
    [(1, 23, 39), (2, 24, 40), (3, 25, 41), (4, 26, 42), (5, 22, 38), (6, 20, 30), (16, 17)]
):
    _SHARED[list(_numbers)] = _kind
_WHOLE = np.array([op in (17, 29, 30, 38, 39, 40, 41, 42, 46, 49, 61, 64) for op in range(65)])
"""Whether an elementwise operation is one of matrices."""


@compiled
def _function(op, x):
    if op == 7:
        return math.sin(x)
    if op == 8:
        return math.cos(x)
    if op == 9:
        return math.tan(x)
    if op == 10:
        return math.asin(x)
    if op == 11:
        return math.acos(x)
    if op == 12:
        return math.atan(x)
    if op == 13:
        return math.exp(x)
    if op == 14:
        return math.log(x)
    return 1.0 if x >= 0.0 else 0.0


@compiled
def _functions(op, a, o, mem, lanes):
    for t in range(len(lanes)):
        mem[o, t] = _function(op, mem[a, t])


@inlined
def _elementwise(kind, a, b, o, mem, rows, lanes):
    for i in range(rows):
        if kind == _ADD:
            for t in range(len(lanes)):
                mem[o + i, t] = mem[a + i, t] + mem[b + i, t]
        elif kind == _SUBTRACT:
            for t in range(len(lanes)):
                mem[o + i, t] = mem[a + i, t] - mem[b + i, t]
        elif kind == _MULTIPLY:
            for t in range(len(lanes)):
                mem[o + i, t] = mem[a + i, t] * mem[b + i, t]
        elif kind == _DIVIDE:
            for t in range(len(lanes)):
                mem[o + i, t] = mem[a + i, t] / mem[b + i, t]
        elif kind == _ABS:
            for t in range(len(lanes)):
                mem[o + i, t] = abs(mem[a + i, t])
        elif kind == _INVERSE:
            for t in range(len(lanes)):
                mem[o + i, t] = 1.0 / mem[a + i, t]
        else:
            for t in range(len(lanes)):
                mem[o + i, t] = 1.0 if mem[a + i, t] > 0.0 else 0.0


@compiled
def _extreme(op, a, b, o, mem, rows, lanes):
    for i in range(rows):
        for t in range(len(lanes)):
            x, y = mem[a + i, t], mem[b + i, t]
            if op == 44 or op == 45:
                z = y if y < x else x
            elif op == 47 or op == 48:
                z = y if x < y else x
            elif op == 46:
                z = x if x < y else y
            else:
                z = x if x > y else y
            mem[o + i, t] = z


@compiled
def _reduce(kind, a, o, outer, jump, count, step, mem, lanes):
    """One number for each of `outer` groups that begin `jump` rows apart and hold `count` rows `step` apart."""
    for i in range(outer):
        for t in range(len(lanes)):
            total, squares = 0.0, 0.0
            for j in range(count):
                x = mem[a + i * jump + j * step, t]
                total += x
                squares += x * x
            if kind == _NORM:
                total = math.sqrt(squares)
            elif kind == _MEAN:
                total = total / count
            else:
                total = total / count
                total = math.sqrt(squares / count - total * total)
            mem[o + i, t] = total


@compiled
def _reductions(op, a, o, mem, lanes, feats):
    size = len(feats)
    if op == 21 or op == 50 or op == 54:
        _reduce(_NORM if op == 21 else _MEAN if op == 50 else _STD, a, o, 1, 0, size, 1, mem, lanes)
    elif op == 34 or op == 51 or op == 55:
        _reduce(_NORM if op == 34 else _MEAN if op == 51 else _STD, a, o, 1, 0, size * size, 1, mem, lanes)
    elif op == 35:
        _reduce(_NORM, a, o, size, 1, size, size, mem, lanes)
    else:
        _reduce(_NORM if op == 36 else _MEAN if op == 52 else _STD, a, o, size, size, size, 1, mem, lanes)


@inlined
def _dot(a, b, o, mem, lanes, feats):
    room = len(mem) - 1
    for t in range(len(lanes)):
        mem[room, t] = 0.0
    for i in range(len(feats)):
        for t in range(len(lanes)):
            mem[room, t] += mem[a + i, t] * mem[b + i, t]
    for t in range(len(lanes)):
        mem[o, t] = mem[room, t]


@inlined
def _scale(a, b, o, mem, rows, lanes):
    for i in range(rows):
        for t in range(len(lanes)):
            mem[o + i, t] = mem[a, t] * mem[b + i, t]


@compiled
def _products(op, a, b, o, mem, lanes, feats):
    """Outer product, and matrix times vector or matrix by way of the room at the end."""
    size = len(feats)
    if op == 28:
        for i in range(size):
            for j in range(size):
                for t in range(len(lanes)):
                    mem[o + i * size + j, t] = mem[a + i, t] * mem[b + j, t]
        return
    columns = 1 if op == 31 else size
    room = len(mem) - size * size
    mem[room:] = 0.0
    for i in range(size):
        for j in range(size):
            for k in range(columns):
                for t in range(len(lanes)):
                    mem[room + i * columns + k, t] += mem[a + i * size + j, t] * mem[b + j * columns + k, t]
    for i in range(size * columns):
        for t in range(len(lanes)):
            mem[o + i, t] = mem[room + i, t]


@compiled
def _place(share, size):
    """The reference multiplies in 32 bits, so that one program runs at any size."""
    return int(np.float32(size) * np.float32(share))


@compiled
def _reshaped(op, a, o, data, k, mem, lanes, feats):
    size = len(feats)
    if op == 19:
        for i in range(size):
            for t in range(len(lanes)):
                mem[o + i, t] = mem[a, t]
    elif op == 57 or op == 58:
        place = o + _place(data[k, 0], size) * (1 if op == 57 else size)
        place += _place(data[k, 1], size) if op == 58 else 0
        for t in range(len(lanes)):
            mem[place, t] = data[k, op - 56]
    elif op == 37:
        for i in range(size):
            for j in range(i + 1):
                for t in range(len(lanes)):
                    upper, lower = mem[a + j * size + i, t], mem[a + i * size + j, t]
                    mem[o + j * size + i, t], mem[o + i * size + j, t] = lower, upper
    else:
        for i in range(size):
            for j in range(size):
                for t in range(len(lanes)):
                    mem[o + i * size + j, t] = mem[a + (i if op == 32 else j), t]


@compiled
def _random(op, o, data, k, mem, keys, step, rows, lanes):
    for t in range(len(lanes)):
        key = mixed(keys[t] ^ mixed(np.uint64(step)))
        for i in range(rows):
            if op <= 61:
                z = data[k, 0] + (data[k, 1] - data[k, 0]) * uniform_at(key, i)
            else:
                z = data[k, 0] + data[k, 1] * gaussian_at(key, i)
            mem[o + i, t] = z


@compiled
def _execute_rare(op, a, b, o, data, k, mem, keys, step, lanes, feats):
    size = len(feats)
    rows = size * size if _WHOLE[op] else size
    if op <= 15:
        _functions(op, a, o, mem, lanes)
    elif _SHARED[op] >= 0:
        _elementwise(_SHARED[op], a, b, o, mem, size * size, lanes)
    elif op == 29:
        _scale(a, b, o, mem, size * size, lanes)
    elif op == 28 or op == 31 or op == 43:
        _products(op, a, b, o, mem, lanes, feats)
    elif op == 44 or op == 47:
        _extreme(op, a, b, o, mem, 1, lanes)
    elif 45 <= op <= 49:
        _extreme(op, a, b, o, mem, rows, lanes)
    elif op == 19 or op == 32 or op == 33 or op == 37 or op == 57 or op == 58:
        _reshaped(op, a, o, data, k, mem, lanes, feats)
    elif op >= 59:
        _random(op, o, data, k, mem, keys, step, 1 if op == 59 or op == 62 else rows, lanes)
    else:
        _reductions(op, a, o, mem, lanes, feats)


@inlined
def execute(op, a, b, o, data, k, mem, keys, step, lanes, feats):
    """Run one instruction.

    Args:
        op: Its operation.
        a: First row of the first input.
        b: Of the second.
        o: Of the output.
        data: Constants (n, 3) of all instructions.
        k: Which of these are its own.
        mem: All memory (rows, T).
        keys: For each task the key of this instruction's random numbers.
        step: How often the instruction ran before.
        lanes: As many zeros as there are tasks.
        feats: As many zeros as there are features.
    """
    # The cheap ones stand in the loop itself: a call would take longer than they do.
    if 1 <= op <= 6:
        _elementwise(op - 1, a, b, o, mem, 1, lanes)
    elif op == 56:
        for t in range(len(lanes)):
            mem[o, t] = data[k, 0]
    elif op == 27:
        _dot(a, b, o, mem, lanes, feats)
    elif op == 18:
        _scale(a, b, o, mem, len(feats), lanes)
    elif 16 <= op <= 26 and op != 17 and op != 19 and op != 21:
        _elementwise(_SHARED[op], a, b, o, mem, len(feats), lanes)
    elif op > 0:
        _execute_rare(op, a, b, o, data, k, mem, keys, step, lanes, feats)
