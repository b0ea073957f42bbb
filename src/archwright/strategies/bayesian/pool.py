"""The architectures among which an acquisition function looks for the next."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from archwright.errors import SpaceError
from archwright.spaces import Architecture, Space
from archwright.strategies.randomness import random_for
from archwright.surrogates import Features

__all__ = ["Candidates", "CandidateSource"]

Matrix = NDArray[np.float64]

_LISTED = 60_000
_MOST_NEIGHBORS = 150
_MUTANTS = 60


@dataclass(frozen=True, slots=True)
class Candidates:
    """Architectures, no canonical form twice.

    Args:
        architectures: The architectures.
        rows: Their features, shape (architectures, columns).
        sources: For each the observed row that it was made from; None of those that are from none.
        places: From a canonical form to its place.
    """

    architectures: Sequence[Architecture]
    rows: Matrix
    sources: Sequence[int | None]
    places: Mapping[Hashable, int]

    def taken(self, places: Sequence[int], space: Space) -> Candidates:
        """Those at some places."""
        chosen = [self.architectures[place] for place in places]
        return Candidates(
            chosen,
            self.rows[places],
            [self.sources[place] for place in places],
            {space.canonical(architecture): place for place, architecture in enumerate(chosen)},
        )


class CandidateSource:
    """Where candidates are from: all of a space of at most 60,000, else random ones and what lies around the best.

    The same draw and the same centres give the same candidates.

    Args:
        space: The space.
        features: What describes its architectures.
        seed: Seed of all random numbers.
        count: How many are random where the space is too large for all.
    """

    def __init__(self, space: Space, features: Features, seed: int, count: int) -> None:
        self.space, self.seed, self.count = space, seed, count
        self._features = features
        self._draw: tuple[int, list[Architecture], Matrix] | None = None
        self._around: dict[tuple[int, int], tuple[list[Architecture], Matrix]] = {}

    @property
    def _whole(self) -> Candidates | None:
        """The space, if it is looked at as a whole."""
        if self.space.size_bound > _LISTED:
            return None
        known = _WHOLE.setdefault(self.space, {})
        if self._features.columns not in known:
            architectures = list(self.space)
            known[self._features.columns] = self._joined(
                [(None, architectures, self._features(architectures))]
            )
        return known[self._features.columns]

    def describe(self, architectures: Sequence[Architecture]) -> Matrix:
        """Their features, shape (architectures, columns): of equal networks the same, where all are listed."""
        whole = self._whole
        if whole is None:
            return self._features(architectures)
        return whole.rows[[whole.places[self.space.canonical(made)] for made in architectures]]

    def candidates(self, draw: int, centres: Mapping[int, Architecture]) -> Candidates:
        """The candidates of a draw around some observed rows."""
        if self._whole is not None:
            return self._whole
        if self._draw is None or self._draw[0] != draw:
            self._draw = draw, *self._described(_at_random(self.space, self.seed, draw, self.count))
            self._around = {}
        self._around = {
            (draw, row): self._around.get((draw, row))
            or self._described(_around(self.space, self.seed, draw, centre))
            for row, centre in centres.items()
        }
        blocks = [(row, *block) for (_, row), block in self._around.items()]
        return self._joined([(None, *self._draw[1:]), *blocks])

    def _described(self, architectures: list[Architecture]) -> tuple[list[Architecture], Matrix]:
        return architectures, self._features(architectures)

    def _joined(self, blocks: Sequence[tuple[int | None, list[Architecture], Matrix]]) -> Candidates:
        architectures: list[Architecture] = []
        sources: list[int | None] = []
        places: dict[Hashable, int] = {}
        rows = []
        for source, made, described in blocks:
            fresh = []
            for i, architecture in enumerate(made):
                canonical = self.space.canonical(architecture)
                if canonical not in places:
                    places[canonical] = len(architectures)
                    architectures.append(architecture)
                    fresh.append(i)
            sources += [source] * len(fresh)
            rows.append(described[fresh])
        return Candidates(architectures, np.vstack(rows), sources, places)


_WHOLE: WeakKeyDictionary[Space, dict[int, Candidates]] = WeakKeyDictionary()
"""The spaces that are looked at as a whole, by how many features describe them; remembered from search to search."""


def _at_random(space: Space, seed: int, draw: int, count: int) -> list[Architecture]:
    """Random architectures, at most so many, no canonical form twice; from the random numbers of a draw."""
    random = random_for(seed, draw)
    found: dict[Hashable, Architecture] = {}
    try:
        for _ in range(count):
            architecture = space.sample(random)
            found.setdefault(space.canonical(architecture), architecture)
    except SpaceError:
        pass  # the constraints refuse nearly everything; whoever finds nothing here draws by `Seen`
    return list(found.values())


def _around(space: Space, seed: int, draw: int, centre: Architecture) -> list[Architecture]:
    """The neighbours of an architecture; mutants instead where there are many, and beside them where reals vary."""
    found: dict[Hashable, Architecture] = {}
    few = _neighbors(space) <= _MOST_NEIGHBORS
    if few:
        for neighbor in space.neighbors(centre):
            found[space.canonical(neighbor)] = neighbor
    if not few or space.size_bound == math.inf:
        for mutant in itertools.islice(_mutants(space, seed, draw, centre), _MUTANTS):
            found.setdefault(space.canonical(mutant), mutant)
    return list(found.values())


def _mutants(space: Space, seed: int, draw: int, centre: Architecture) -> Iterator[Architecture]:
    """Mutants of one step, and of two every third time."""
    random = random_for(seed, draw)
    try:
        for i in itertools.count():
            mutant = space.mutate(centre, random)
            yield space.mutate(mutant, random) if i % 3 == 2 else mutant
    except SpaceError:
        return


def _neighbors(space: Space) -> float:
    """About how many neighbours an architecture has at most."""
    sizes: Sequence[float] = [
        2 if decision.ordered else min(decision.size - 1, decision.columns**2)
        for decision in space.decisions.values()
    ]
    return sum(sizes)
