# mypy: disable-error-code="no-untyped-def"
# Compiled functions: numba infers their types.
"""The fitness of a program: it is trained and validated on several tasks at once (Real et al. 2020, arXiv:2003.03384).

Tasks stand side by side as lanes: inputs (n, F, T) and labels (n, T), those of training first, and a seed for each
task. A task whose error is NaN or too large is dead, and its fitness is 0; the run ends when all are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from archwright.programs.compiling import COMPILED, compiled, inlined
from archwright.programs.random_numbers import mixed
from archwright.programs.variation import KINDS

if COMPILED and not TYPE_CHECKING:
    from archwright.programs.kernels import execute
    from archwright.programs.rows import absolute, any_less, load, spread, store, where_less
else:
    from archwright.programs.interpreter import execute
    from archwright.programs.plain_rows import absolute, any_less, load, spread, store, where_less

__all__ = ["WORST_ERROR", "link", "linking_room", "predict_rows", "run_program"]

WORST_ERROR = 100.0
"""An error above ends the run of its task with fitness 0."""
_BOUND, _DEAD_BOUND = np.nextafter(WORST_ERROR, np.inf), -1.0
"""Below what an error must be for a task to live on."""
_DEAD = np.uint64(0x5DEAD)


@compiled
def _walk(code, n, wanted, memory, keep):
    """Mark what must be kept of a function so that `wanted`, changed in place to what is needed before, is right."""
    for k in range(n - 1, -1, -1):
        op = code[k, 0]
        keep[k] = False
        if op == 0:
            continue
        target = _name(KINDS[op, 2], code[k, 3], memory)
        if not wanted[target]:
            continue
        keep[k] = True
        if op != 57 and op != 58:
            wanted[target] = False
        for part in range(2):
            if KINDS[op, part] >= 0:
                wanted[_name(KINDS[op, part], code[k, 1 + part], memory)] = True


@compiled
def _name(kind, address, memory):
    return address + (memory[0] if kind > 0 else 0) + (memory[1] if kind > 1 else 0)


@compiled
def _mark(code, size, memory, marks):
    """Mark the instructions that can have an effect on a prediction. See `program.live_instructions`."""
    keep, before, wanted = marks
    names = len(before)
    before[:] = False
    grows = True
    while grows:
        for i in range(names):
            wanted[i] = before[i]
        _walk(code[2], size[2], wanted, memory, keep[2])
        for i in range(names):
            wanted[i] = wanted[i] or before[i]
        wanted[1] = True
        _walk(code[1], size[1], wanted, memory, keep[1])
        grows = False
        for i in range(names):
            if wanted[i] and not before[i]:
                before[i] = True
                grows = True
    _walk(code[0], size[0], before, memory, keep[0])


def linking_room(capacity: int, memory: Sequence[int]) -> tuple[Any, ...]:
    """Where `link` writes a program whose functions have room for so many instructions; the last is for itself."""
    names = sum(memory)
    marks = np.zeros((3, capacity), np.bool_), np.zeros(names, np.bool_), np.zeros(names, np.bool_)
    steps, constants = np.zeros((3 * capacity, 5), np.int64), np.zeros((3 * capacity, 3))
    return steps, constants, np.zeros(4, np.int64), marks


@compiled
def link(code, data, size, memory, skips, linked, feats):
    """Resolve the addresses of a program, without the instructions that have no effect.

    Args:
        code: Its instructions (3, N, 4).
        data: Their constants (3, N, 3).
        size: Number of instructions in each function.
        memory: How many scalars, vectors and matrices there are.
        skips: Whether instructions without effect are left out.
        linked: Where to: operation, three rows of memory and place (3 N, 5), constants (3 N, 3), and numbers of
            instructions with the row of v0 (4,). Those of function f begin at f N. See `linking_room`.
        feats: As many zeros as there are features.

    Returns:
        A hash of what is left.
    """
    steps, constants, counts, marks = linked
    most, features, keep = code.shape[1], len(feats), marks[0]
    keep[:] = True
    if skips:
        _mark(code, size, memory, marks)
    bits = data.view(np.uint64)
    key = np.uint64(1)
    counts[3] = memory[0]
    for f in range(3):
        n = f * most
        for k in range(size[f]):
            op = code[f, k, 0]
            if not keep[f, k] or op == 0:
                continue
            steps[n, 0], steps[n, 4] = op, k
            for part in range(3):
                steps[n, 1 + part] = _row(KINDS[op, part], code[f, k, 1 + part], memory, features)
                key = mixed(key ^ np.uint64(steps[n, 1 + part] * 65 + op))
            for i in range(3):
                constants[n, i] = data[f, k, i]
                key = mixed(key ^ bits[f, k, i]) if data[f, k, i] != 0.0 else key
            if op >= 59:
                key = mixed(key ^ np.uint64(k + 1))
            n += 1
        counts[f] = n - f * most
        key = mixed(key ^ np.uint64(f + 7))
    return key


@compiled
def _row(kind, address, memory, features):
    if kind <= 0:
        return address
    if kind == 1:
        return memory[0] + address * features
    return memory[0] + (memory[1] + address * features) * features


@inlined
def _run(f, steps, constants, counts, mem, seeds, keys, step, lanes, feats):
    """Run one function once."""
    first = f * (len(steps) // 3)
    for k in range(first, first + counts[f]):
        op = steps[k, 0]
        if op >= 59:
            for t in range(len(lanes)):
                keys[t] = mixed(seeds[t] ^ np.uint64(f * 1024 + steps[k, 4] + 1))
        a, b, o = steps[k, 1], steps[k, 2], steps[k, 3]
        execute(op, a, b, o, constants, k, mem, keys, step, lanes, feats)


@inlined
def _show(inputs, place, first, mem, lanes, feats):
    """Put an example's features into v0 and hide its label."""
    for i in range(len(feats)):
        store(mem, first + i, load(inputs, place * len(feats) + i, lanes))
    store(mem, 0, spread(0.0, lanes))


@inlined
def _settle(labels, place, mem, bounds, errors, lanes):
    """Note the tasks whose error is NaN or too large as dead; whether any lives. The errors of the dead are -1."""
    bound, dead = load(bounds, 0, lanes), spread(_DEAD_BOUND, lanes)
    error = absolute(load(labels, place, lanes) - load(mem, 1, lanes))
    store(bounds, 0, where_less(error, bound, bound, dead))
    error = where_less(error, bound, error, dead)
    store(errors, 0, error)
    return any_less(dead, error)


@compiled
def _hashed(errors, key):
    for bits in errors.view(np.uint64):
        key = mixed(key ^ bits)
    return key


@inlined
def _validate(labels, place, is_accuracy, mem, bounds, errors, scores, lanes):
    """Add up the hits or the squared errors of one example; whether any task lives."""
    if not is_accuracy:
        lives = _settle(labels, place, mem, bounds, errors, lanes)
        error = load(errors, 0, lanes)
        store(scores, 0, load(scores, 0, lanes) + error * error)
        return lives
    zero, half, one = spread(0.0, lanes), spread(0.5, lanes), spread(1.0, lanes)
    label, found = load(labels, place, lanes), load(mem, 1, lanes)
    # NaN is class 0, and no error.
    wrong = where_less(half, label, one, zero) - where_less(half, found, one, zero)
    store(scores, 0, load(scores, 0, lanes) + (one - wrong * wrong))
    is_alive = load(bounds, 0, lanes)
    store(errors, 0, where_less(zero, is_alive, absolute(label - found), spread(_DEAD_BOUND, lanes)))
    return True


@inlined
def _squash(mem, lanes):
    for t in range(len(lanes)):
        mem[1, t] = 1.0 / (1.0 + np.exp(-mem[1, t]))


@compiled
def run_program(linked, tasks, room, shown, hashes, is_accuracy, lanes, feats):
    """Train a program and validate it.

    Args:
        linked: By `link`.
        tasks: Inputs (n, F, T), labels (n, T), where those of validation begin, and seeds (T,).
        room: Memory; for each task a key, below what its error must be, an error and the score: all overwritten.
        shown: How many examples of training and of validation are shown.
        hashes: Whether the errors are hashed.
        is_accuracy: Whether labels are classes 0 and 1 and the fitness is the accuracy; else it is
            1 - 2/pi atan(root mean squared error).
        lanes: As many zeros as there are tasks.
        feats: As many zeros as there are features.

    Returns:
        The mean fitness of the tasks, and a hash of all errors.
    """
    steps, constants, counts, _ = linked
    inputs, labels, validation, seeds = tasks
    mem, keys, bounds, errors, scores = room
    bounds[:] = _BOUND
    scores[:] = 0.0
    mem[:] = 0.0
    key = np.uint64(5)
    # Setup, then Predict and Learn for each example of training, then Predict for each of validation: one loop with one
    # call, so that all is compiled as one function once.
    for turn in range(1 + 2 * shown[0] + shown[1]):
        i = (turn - 1) // 2
        is_training = i < shown[0]
        i = i if is_training else turn - 1 - shown[0]
        f = 0 if turn == 0 else 1 + (turn - 1) % 2 if is_training else 1
        place = i if is_training else validation + i - shown[0]
        if f == 1:
            _show(inputs, place, counts[3], mem, lanes, feats)
        elif f == 2:
            store(mem, 0, load(labels, place, lanes))
        _run(f, steps, constants, counts, mem, seeds, keys, max(i, 0), lanes, feats)
        if f != 1:
            continue
        if is_accuracy:
            _squash(mem, lanes)
        if is_training:
            lives = _settle(labels, place, mem, bounds, errors, lanes)
        else:
            lives = _validate(labels, place, is_accuracy, mem, bounds, errors, scores, lanes)
        if not lives:
            scores[:] = 0.0
            return 0.0, _DEAD
        if hashes:
            key = _hashed(errors, key)
    return _fitness(scores, bounds, max(shown[1], 1), is_accuracy), key


@compiled
def predict_rows(linked, inputs, step, mem, seeds, keys, squashes, outputs, lanes, feats):
    """Run Predict on examples, one after the other, on the memory that training left.

    Args:
        linked: By `link`.
        inputs: Shape (n, F, T).
        step: How many examples were shown before.
        mem: The memory, changed in place.
        seeds: Of each task.
        keys: Room for a key of each task.
        squashes: Whether s1 becomes a probability after each example.
        outputs: Shape (n, T): what is in s1 after each example, not squashed.
        lanes: As many zeros as there are tasks.
        feats: As many zeros as there are features.
    """
    steps, constants, counts, _ = linked
    for i in range(len(inputs)):
        _show(inputs, i, counts[3], mem, lanes, feats)
        _run(1, steps, constants, counts, mem, seeds, keys, step + i, lanes, feats)
        store(outputs, i, load(mem, 1, lanes))
        if squashes:
            _squash(mem, lanes)


@compiled
def _fitness(scores, bounds, n, is_accuracy):
    """The mean over tasks; replaces the sums in `scores` by the fitness of each."""
    total = 0.0
    for t in range(len(scores)):
        if bounds[t] < 0.0:
            scores[t] = 0.0
        elif is_accuracy:
            scores[t] = scores[t] / n
        else:
            scores[t] = 1.0 - 2.0 / math.pi * math.atan(math.sqrt(scores[t] / n))
        total += scores[t]
    return total / len(scores)
