"""The architectures among which an acquisition function looks for the next."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from archwright.errors import SpaceError
from archwright.spaces import Architecture, Space
from archwright.spaces.decisions import Integer, Real
from archwright.strategies.randomness import random_for

__all__ = ["Origin", "around", "at_random"]

_MOST_NEIGHBORS = 150
_MUTANTS = 60


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a block of the pool comes from; from which it is made again.

    Args:
        draw: The ask at which it was made: seeds its random numbers.
        row: The row around which it lies; None for random architectures.
    """

    draw: int
    row: int | None = None


def at_random(space: Space, seed: int, origin: Origin, count: int) -> list[Architecture]:
    """Random architectures, at most so many, no canonical form twice."""
    random = random_for(seed, origin.draw)
    found: dict[Hashable, Architecture] = {}
    tries = count if space.size_bound == math.inf else int(min(count, 4 * space.size_bound))
    try:
        for _ in range(tries):
            architecture = space.sample(random)
            found.setdefault(space.canonical(architecture), architecture)
    except SpaceError:
        pass  # the constraints refuse nearly everything; whoever finds nothing here draws by `Seen`
    return list(found.values())


def around(space: Space, seed: int, origin: Origin, centre: Architecture) -> list[Architecture]:
    """The neighbours of an architecture; mutants instead where there are many, and beside them where reals vary."""
    found: dict[Hashable, Architecture] = {}
    few = _neighbors(space) <= _MOST_NEIGHBORS
    if few:
        for neighbor in space.neighbors(centre):
            found[space.canonical(neighbor)] = neighbor
    if not few or space.size_bound == math.inf:
        for mutant in itertools.islice(_mutants(space, seed, origin, centre), _MUTANTS):
            found.setdefault(space.canonical(mutant), mutant)
    return list(found.values())


def _mutants(space: Space, seed: int, origin: Origin, centre: Architecture) -> Iterator[Architecture]:
    """Mutants of one step, and of two every third time."""
    random = random_for(seed, origin.draw)
    try:
        for i in itertools.count():
            mutant = space.mutate(centre, random)
            yield space.mutate(mutant, random) if i % 3 == 2 else mutant
    except SpaceError:
        return


def _neighbors(space: Space) -> float:
    """About how many neighbours an architecture has at most."""
    sizes: Sequence[float] = [
        2 if isinstance(decision, Integer | Real) else min(decision.size - 1, decision.columns**2)
        for decision in space.decisions.values()
    ]
    return sum(sizes)
