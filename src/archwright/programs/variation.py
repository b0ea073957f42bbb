# mypy: disable-error-code="no-untyped-def"
# Compiled functions: numba infers their types.
"""Random programs and their mutations, on arrays (Real et al. 2020, arXiv:2003.03384, and its reference code).

A program of at most N instructions a function is an array `code` (3, N, 4) of operation, inputs and output, an array
`data` (3, N, 3) of constants and the three numbers of instructions `size`. `memory` is (scalars, vectors, matrices).
What may be drawn is `rules`: operations (3, 65), padded; how many there are (3,); fewest and most instructions (3,)
each; places of the allowed mutations in `settings.MUTATIONS`.
"""

from __future__ import annotations

import math

import numpy as np

from archwright.programs.compiling import compiled
from archwright.programs.operations import OPERATIONS, TYPES
from archwright.programs.random_numbers import below, next_gaussian, next_uniform

__all__ = ["mutate", "random_function", "random_instruction"]


def _types(part: int) -> list[int]:
    read = [[TYPES.index(kind) for kind in op.output + op.inputs] for op in OPERATIONS]
    return [kinds[part] if part < len(kinds) else -1 for kinds in read]


# Types of the first and second input and of the output, by operation; -1 for none.
_IN1, _IN2, _OUT = (np.array(_types(part)) for part in (1, 2, 0))
KINDS = np.stack([_IN1, _IN2, _OUT], axis=1)
"""Types (65, 3) of first input, second input and output: 0 scalar, 1 vector, 2 matrix, -1 none."""
_CONSTANTS = np.array([op.constants for op in OPERATIONS])


@compiled
def _address(kind, part, memory, state):
    """A random address; the label s0 and the features v0 are never written."""
    first = 1 if part == 2 and kind < 2 else 0
    return first + below(state, memory[kind] - first)


@compiled
def random_instruction(code, data, ops, count, memory, state):
    """Draw an operation uniformly, its addresses uniformly over their types, and constants."""
    op = ops[below(state, count)]
    code[0] = op
    for part in range(3):
        kind = KINDS[op, part]
        code[1 + part] = _address(kind, part, memory, state) if kind >= 0 else 0
    data[:] = 0.0
    for i in range(_CONSTANTS[op]):
        _draw_constant(op, i, data, state)


@compiled
def _draw_constant(op, i, data, state):
    is_share = (op == 57 and i == 0) or (op == 58 and i < 2) or (op >= 62 and i == 1)
    drawn = next_uniform(state)
    drawn = drawn if is_share else 2.0 * drawn - 1.0
    # All but the scalar constant are kept in 32 bits.
    data[i] = drawn if op == 56 else np.float64(np.float32(drawn))
    if is_share and op < 59 and data[i] >= 1.0:
        data[i] = 0.0


@compiled
def random_function(code, data, n, ops, count, memory, state):
    """Draw every instruction of a function of n instructions."""
    for k in range(n):
        random_instruction(code[k], data[k], ops, count, memory, state)


@compiled
def _alter_constant(op, data, state):
    i = below(state, _CONSTANTS[op])
    if (op == 57 and i == 0) or (op == 58 and i < 2):
        _draw_constant(op, i, data, state)
        return
    is_deviation = op >= 62 and i == 1
    flips = next_uniform(state) < 0.1 and not is_deviation
    changed = -data[i] if flips else data[i] * math.exp(next_gaussian(state))
    data[i] = changed if op == 56 else np.float64(np.float32(changed))
    if 59 <= op <= 61 and data[0] > data[1]:
        data[0], data[1] = data[1], data[0]


@compiled
def _alter(code, data, memory, state):
    """Change one parameter of an instruction: an input or the output; of one with constants, output or constants."""
    op = code[0]
    if op == 0:
        return
    if _CONSTANTS[op] > 0:
        if next_uniform(state) < 0.5:
            _alter_constant(op, data, state)
        else:
            code[3] = _address(KINDS[op, 2], 2, memory, state)
        return
    inputs = 2 if KINDS[op, 1] >= 0 else 1
    part = below(state, inputs + 1)
    part = part if part < inputs else 2
    code[1 + part] = _address(KINDS[op, part], part, memory, state)


@compiled
def _move(code, data, source, target):
    for i in range(4):
        code[target, i] = code[source, i]
    for i in range(3):
        data[target, i] = data[source, i]


@compiled
def _remove(code, data, size, f, state):
    place = below(state, size[f])
    for k in range(place, size[f] - 1):
        _move(code[f], data[f], k + 1, k)
    size[f] -= 1


@compiled
def _insert(code, data, size, f, ops, count, memory, state):
    place = below(state, size[f] + 1)
    for k in range(size[f], place, -1):
        _move(code[f], data[f], k - 1, k)
    random_instruction(code[f, place], data[f, place], ops, count, memory, state)
    size[f] += 1


@compiled
def _vary(kind, code, data, size, f, rules, memory, state):
    """Apply one mutation to one function."""
    operations, counts, fewest, most, _ = rules
    ops, count = operations[f], counts[f]
    if kind == 0 and size[f] > 0:
        k = below(state, size[f])
        _alter(code[f, k], data[f, k], memory, state)
    elif kind == 1 and size[f] > 0:
        k = below(state, size[f])
        random_instruction(code[f, k], data[f, k], ops, count, memory, state)
    elif kind == 2:
        random_function(code[f], data[f], size[f], ops, count, memory, state)
    elif (kind == 3 or kind == 5) and size[f] < most[f] - 1:
        _insert(code, data, size, f, ops, count, memory, state)
        if kind == 5:
            _remove(code, data, size, f, state)
    elif kind == 4 and size[f] > fewest[f]:
        _remove(code, data, size, f, state)


@compiled
def mutate(code, data, size, only, rules, memory, state):
    """Change a program in place by one random mutation.

    Args:
        code: Its instructions.
        data: Their constants.
        size: Number of instructions in each function.
        only: The function to change; -1 takes one of those that may hold instructions.
        rules: What may be drawn.
        memory: How many scalars, vectors and matrices there are.
        state: Of the random numbers.
    """
    counts, mutations = rules[1], rules[4]
    kind = mutations[below(state, len(mutations))]
    f = only
    if only < 0:
        f = below(state, 3)
        while counts[f] == 0:
            f = below(state, 3)
    if kind != 6:
        _vary(kind, code, data, size, f, rules, memory, state)
        return
    for g in range(3):
        if counts[g] > 0:
            random_function(code[g], data[g], size[g], rules[0][g], counts[g], memory, state)
