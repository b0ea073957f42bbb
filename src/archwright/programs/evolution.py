# mypy: disable-error-code="no-untyped-def"
# Compiled functions: numba infers their types.
"""Regularized evolution of programs in one compiled loop, with a cache of functional equivalence and a hurdle.

Real et al. 2020, arXiv:2003.03384. The population is a ring: each child takes the place of the oldest program.
"""

from __future__ import annotations

import numpy as np

from archwright.programs.compiling import compiled
from archwright.programs.evaluation import link, run_program
from archwright.programs.random_numbers import below, mixed, next_uniform
from archwright.programs.variation import mutate, random_function

__all__ = ["COUNTS", "evaluate_all", "evolve", "fill"]

COUNTS = ("slot", "programs", "cached", "rejected", "evaluated")
"""What a search counts: the next slot; programs so far; those whose fitness was known; those below the hurdle; those
that were run in full."""
_SLOT, _PROGRAMS, _CACHED, _REJECTED, _EVALUATED = range(5)
_STEP = 0.01
"""How far the hurdle moves with each program."""
_MOST_HITS = 100
_FUNCTION = np.uint64(0xF00D)


@compiled
def _known(cache, key):
    """The fitness kept under a hash; negative where none is, or it was taken often and is to be measured anew."""
    keys, values, hits = cache
    place = int(key & np.uint64(len(keys) - 1))
    if keys[place] != key:
        return -1.0
    hits[place] += 1
    if hits[place] >= _MOST_HITS:
        keys[place] = 0
        return -1.0
    return values[place]


@compiled
def _keep(cache, key, value):
    keys, values, hits = cache
    place = int(key & np.uint64(len(keys) - 1))
    keys[place], values[place], hits[place] = key, value, 0


@compiled
def _is_below(hurdle, reached, percentile):
    """Whether a part of a run is worse than a share of the earlier ones; moves the hurdle towards their percentile."""
    is_below = reached < hurdle[0]
    hurdle[0] += _STEP * (percentile / 100.0 - is_below)
    return is_below


@compiled
def _score(linked, key, tasks, room, options, cache, hurdle, counts, lanes, feats):
    """The fitness of a linked program: from the cache, by a part of a run where it fails the hurdle, else in full."""
    is_accuracy, shown, checked, part, percentile = options
    known = _known(cache, key) if checked[0] > 0 else -1.0
    is_same = known >= 0.0
    found, value = key, 0.0
    for turn in range(3):
        if known >= 0.0 or (turn == 0 and checked[0] == 0) or (turn == 1 and percentile == 0.0):
            continue
        # One call for all, since it is a large one to compile.
        examples = checked if turn == 0 else part if turn == 1 else shown
        value, errors = run_program(linked, tasks, room, examples, turn == 0, is_accuracy, lanes, feats)
        if turn == 0:
            found = errors ^ _FUNCTION
            known = _known(cache, found)
        elif turn == 1 and _is_below(hurdle, value, percentile):
            counts[_REJECTED] += 1
            return 0.0
    if known >= 0.0:
        value = known
        counts[_CACHED] += 1
    else:
        counts[_EVALUATED] += 1
    if checked[0] > 0 and not is_same:
        _keep(cache, key, value)
        if known < 0.0:
            _keep(cache, found, value)
    return value


@compiled
def fill(population, rules, memory, state):
    """Draw every program of a population; each function keeps its number of instructions."""
    codes, datas, sizes, _ = population
    for slot in range(len(codes)):
        for f in range(3):
            if rules[1][f] > 0:
                n = sizes[slot, f]
                random_function(codes[slot, f], datas[slot, f], n, rules[0][f], rules[1][f], memory, state)


@compiled
def evaluate_all(population, memory, skips, linked, tasks, room, options, lanes, feats):
    """Run every program of a population in full."""
    codes, datas, sizes, scores = population
    is_accuracy, shown, _, _, _ = options
    for slot in range(len(codes)):
        link(codes[slot], datas[slot], sizes[slot], memory, skips, linked, feats)
        scores[slot], _ = run_program(linked, tasks, room, shown, False, is_accuracy, lanes, feats)


@compiled
def _parent(scores, tournament, state):
    best = below(state, len(scores))
    for _ in range(tournament - 1):
        other = below(state, len(scores))
        if scores[other] > scores[best]:
            best = other
    return best


@compiled
def _copy(codes, datas, sizes, source, target):
    """Copy a program over another."""
    for f in range(3):
        sizes[target, f] = sizes[source, f]
        for k in range(sizes[source, f]):
            for i in range(4):
                codes[target, f, k, i] = codes[source, f, k, i]
            for i in range(3):
                datas[target, f, k, i] = datas[source, f, k, i]


@compiled
def evolve(search, memory, linked, tasks, room, options, how, lanes, feats):
    """Make children, one after the other.

    Args:
        search: The population (codes, datas, sizes, scores), what may be drawn, the cache, recent parts of runs,
            counts, and the state of the random numbers; all change in place.
        memory: How many scalars, vectors and matrices there are.
        linked: Room for `link`.
        tasks: As `run_program`.
        room: As `run_program`.
        options: Whether the fitness is accuracy, examples shown in full, for the cache's check (none
            where there is no cache) and for the hurdle, and its percentile (0 for none).
        how: Children to make, programs in a tournament, probability of a mutation, whether instructions without effect
            are skipped, and the fitness at which to stop.
        lanes: As many zeros as there are tasks.
        feats: As many zeros as there are features.

    Returns:
        The place of the last child that reached the fitness to stop at; -1 where none did.
    """
    population, rules, cache, hurdle, counts, state = search
    codes, datas, sizes, scores = population
    children, tournament, probability, skips, target = how
    for _ in range(children):
        slot = counts[_SLOT]
        parent = _parent(scores, tournament, state)
        if parent != slot:
            _copy(codes, datas, sizes, parent, slot)
        if next_uniform(state) < probability:
            mutate(codes[slot], datas[slot], sizes[slot], -1, rules, memory, state)
        key = link(codes[slot], datas[slot], sizes[slot], memory, skips, linked, feats)
        scores[slot] = _score(linked, mixed(key), tasks, room, options, cache, hurdle, counts, lanes, feats)
        counts[_PROGRAMS] += 1
        counts[_SLOT] = (slot + 1) % len(codes)
        if scores[slot] > target:
            return slot
    return -1
