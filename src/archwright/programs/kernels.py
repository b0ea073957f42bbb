# mypy: disable-error-code="no-untyped-def"
# Compiled functions: numba infers their types.
"""The 65 operations compiled, for several tasks at once.

Memory is one array (rows, T): a row a scalar, F rows a vector, F x F rows a matrix, then room for one more matrix; T
tasks stand side by side as lanes, so that one dispatch serves all. Addresses are rows. `lanes` and `feats` are tuples
of T and F zeros: their lengths are known when the code is compiled, which unrolls the loops.
"""

from __future__ import annotations

import math

import numpy as np

from archwright.programs.compiling import compiled, inlined
from archwright.programs.random_numbers import gaussian_at, mixed, uniform_at
from archwright.programs.rows import absolute, load, spread, store, where_less

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
    zeros, ones = spread(0.0, lanes), spread(1.0, lanes)
    for i in range(rows):
        x, y = load(mem, a + i, lanes), load(mem, b + i, lanes)
        if kind == _ADD:
            store(mem, o + i, x + y)
        elif kind == _SUBTRACT:
            store(mem, o + i, x - y)
        elif kind == _MULTIPLY:
            store(mem, o + i, x * y)
        elif kind == _DIVIDE:
            store(mem, o + i, x / y)
        elif kind == _ABS:
            store(mem, o + i, absolute(x))
        elif kind == _INVERSE:
            store(mem, o + i, ones / x)
        else:
            store(mem, o + i, where_less(zeros, x, ones, zeros))


@compiled
def _extreme(op, a, b, o, mem, rows, lanes):
    for i in range(rows):
        x, y = load(mem, a + i, lanes), load(mem, b + i, lanes)
        if op == 44 or op == 45:
            store(mem, o + i, where_less(y, x, y, x))
        elif op == 47 or op == 48:
            store(mem, o + i, where_less(x, y, y, x))
        elif op == 46:
            store(mem, o + i, where_less(x, y, x, y))
        else:
            store(mem, o + i, where_less(y, x, x, y))


@compiled
def _reduce(kind, a, o, outer, jump, count, step, mem, lanes):
    """One number for each of `outer` groups that begin `jump` rows apart and hold `count` rows `step` apart."""
    for i in range(outer):
        total, squares = spread(0.0, lanes), spread(0.0, lanes)
        for j in range(count):
            x = load(mem, a + i * jump + j * step, lanes)
            total = total + x
            squares = squares + x * x
        mean = total / spread(float(count), lanes)
        if kind == _NORM:
            mean = squares
        elif kind == _STD:
            mean = squares / spread(float(count), lanes) - mean * mean
        store(mem, o + i, mean)
        if kind != _MEAN:
            for t in range(len(lanes)):
                mem[o + i, t] = math.sqrt(mem[o + i, t])


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
def _dot(a, b, o, jump, mem, lanes, feats):
    """The sum of the products of F rows from `a` on and F rows from `b` on, which stand `jump` rows apart."""
    total = spread(0.0, lanes)
    for i in range(len(feats)):
        total = total + load(mem, a + i, lanes) * load(mem, b + i * jump, lanes)
    store(mem, o, total)


@inlined
def _scale(a, b, o, mem, rows, lanes):
    x = load(mem, a, lanes)
    for i in range(rows):
        store(mem, o + i, x * load(mem, b + i, lanes))


@compiled
def _products(op, a, b, o, mem, lanes, feats):
    """Outer product, and matrix times vector or matrix by way of the room at the end."""
    size = len(feats)
    if op == 28:
        for i in range(size):
            x = load(mem, a + i, lanes)
            for j in range(size):
                store(mem, o + i * size + j, x * load(mem, b + j, lanes))
        return
    columns = 1 if op == 31 else size
    room = len(mem) - size * size
    for i in range(size):
        for k in range(columns):
            _dot(a + i * size, b + k, room + i * columns + k, columns, mem, lanes, feats)
    for i in range(size * columns):
        store(mem, o + i, load(mem, room + i, lanes))


@compiled
def _place(share, size):
    """The reference multiplies in 32 bits, so that one program runs at any size."""
    return int(np.float32(size) * np.float32(share))


@compiled
def _reshaped(op, a, o, data, k, mem, lanes, feats):
    size = len(feats)
    if op == 19:
        x = load(mem, a, lanes)
        for i in range(size):
            store(mem, o + i, x)
    elif op == 57 or op == 58:
        place = o + _place(data[k, 0], size) * (1 if op == 57 else size)
        place += _place(data[k, 1], size) if op == 58 else 0
        store(mem, place, spread(data[k, op - 56], lanes))
    elif op == 37:
        for i in range(size):
            for j in range(i + 1):
                upper, lower = load(mem, a + j * size + i, lanes), load(mem, a + i * size + j, lanes)
                store(mem, o + j * size + i, lower)
                store(mem, o + i * size + j, upper)
    else:
        for i in range(size):
            for j in range(size):
                store(mem, o + i * size + j, load(mem, a + (i if op == 32 else j), lanes))


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
        store(mem, o, spread(data[k, 0], lanes))
    elif op == 27:
        _dot(a, b, o, 1, mem, lanes, feats)
    elif op == 18:
        _scale(a, b, o, mem, len(feats), lanes)
    elif 16 <= op <= 26 and op != 17 and op != 19 and op != 21:
        _elementwise(_SHARED[op], a, b, o, mem, len(feats), lanes)
    elif op > 0:
        _execute_rare(op, a, b, o, data, k, mem, keys, step, lanes, feats)
