"""The architectures among which an acquisition function looks for the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from archwright.errors import SpaceError, UsageError
from archwright.spaces import Architecture, Space
from archwright.strategies.bayesian.observations import Ask
from archwright.strategies.randomness import random_for
from archwright.surrogates import Features, Group

__all__ = ["CandidateSource", "Candidates", "Mutants", "Surroundings"]

Matrix = NDArray[np.float64]
T = TypeVar("T")

_LISTED = 60_000
_MOST_NEIGHBORS = 150
_MUTANTS = 60
_PARENTS = 10


@dataclass(frozen=True, slots=True)
class Candidates:
    """Architectures, no canonical form twice.

    Args:
        architectures: The architectures.
        sources: For each the observed row that it was made from; None of those that are from none.
        rows: Their features, shape (architectures, columns), where they are known.
        places: From a canonical form to its place, where that is known.
        proposed: The places of those that were proposed since; grows.
    """

    architectures: Sequence[Architecture]
    sources: Sequence[int | None]
    rows: Matrix = field(default_factory=lambda: np.zeros((0, 0)))
    places: Mapping[Hashable, int] = field(default_factory=dict)
    proposed: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.architectures)

    def taken(self, places: Sequence[int], space: Space) -> Candidates:
        """Those at some places."""
        chosen = [self.architectures[place] for place in places]
        forms = {space.canonical(architecture): place for place, architecture in enumerate(chosen)}
        return Candidates(chosen, [self.sources[place] for place in places], self.rows[places], forms)

    def extended(self, more: Sequence[Architecture]) -> Candidates:
        """These, then others; without features."""
        return Candidates([*self.architectures, *more], [*self.sources, *[None] * len(more)])


CandidateSource = Callable[[Ask], Candidates]
"""Gives the candidates of an ask, when the model has just learned what is known."""

Forms = dict[Hashable, Architecture]
"""Architectures by their canonical form."""


class Mutants:
    """New mutants of the ten best and new random architectures at each ask.

    Args:
        space: The space.
        mutants: How many are mutants.
        samples: How many are random; at least 1 of both together.

    Raises:
        UsageError: When a number is out of range.
    """

    def __init__(self, space: Space, mutants: int, samples: int) -> None:
        if mutants < 0 or samples < 0 or not mutants + samples:
            raise UsageError(
                f"expected mutants and samples >= 0 that are not both 0, got {mutants} and {samples}"
            )
        self.space, self.mutants, self.samples = space, mutants, samples

    def __call__(self, ask: Ask) -> Candidates:
        """Those that were not proposed before. See `CandidateSource`."""
        known, random = ask.known, ask.random
        found: Forms = {}
        sources: list[int | None] = []
        if best := known.best(ask.now.feasible, _PARENTS) if self.mutants else []:
            parents = (best[int(random.random() * len(best))] for _ in range(self.mutants))
            pairs = ((known.architectures[row], row) for row in parents)
            for mutant, row in _mutants(self.space, random, pairs, 4):
                found.setdefault(self.space.canonical(mutant), mutant)
                sources += [row] * (len(found) - len(sources))
        _sample(self.space, random, self.samples, found)
        sources += [None] * (len(found) - len(sources))
        fresh = [i for i, architecture in enumerate(found.values()) if architecture not in known.seen]
        architectures = list(found.values())
        return Candidates([architectures[i] for i in fresh], [sources[i] for i in fresh])


class Surroundings:
    """All of a space of at most 60,000, else random architectures and what lies around the best, with their features.

    The same draw and the same centres give the same candidates.

    Args:
        space: The space.
        features: Describes architectures.
        seed: Seed of all random numbers.
        count: How many random architectures there are.
        listed: False looks at no space as a whole, for features that take long.
    """

    def __init__(
        self, space: Space, features: Features, seed: int, count: int, *, listed: bool = True
    ) -> None:
        self.space, self.features, self.seed, self.count = space, features, seed, count
        self._whole: Candidates | None = None
        self._blocks: dict[tuple[int, int | None], tuple[Forms, Matrix]] = {}
        if listed and space.size_bound <= _LISTED:
            known, kind = _WHOLE.setdefault(space, {}), tuple(features.groups)
            if kind not in known:
                every = {space.canonical(architecture): architecture for architecture in space}
                known[kind] = _joined({(0, None): self._described(every)})
            self._whole = known[kind]

    def describe(self, architectures: Sequence[Architecture]) -> Matrix:
        """Their features, shape (architectures, columns): of equal networks the same, where all are listed."""
        whole = self._whole
        if whole is None:
            return self.features(architectures)
        return whole.rows[[whole.places[self.space.canonical(made)] for made in architectures]]

    def of(self, draw: int, centres: Mapping[int, Architecture]) -> Candidates:
        """The candidates of a draw around some observed rows."""
        if self._whole is not None:
            return self._whole
        blocks = {}
        for row, centre in [(None, None), *centres.items()]:
            block = self._blocks.get((draw, row))
            if block is None:
                random = random_for(self.seed, draw)
                block = self._described(
                    _sample(self.space, random, self.count, {})
                    if centre is None
                    else _around(self.space, random, centre)
                )
            blocks[draw, row] = block
        self._blocks = blocks
        return _joined(blocks)

    def _described(self, architectures: Forms) -> tuple[Forms, Matrix]:
        return architectures, self.features(list(architectures.values()))


_WHOLE: WeakKeyDictionary[Space, dict[tuple[Group, ...], Candidates]] = WeakKeyDictionary()
"""The spaces that are looked at as a whole, by the features that describe them; remembered from search to search."""


def _joined(blocks: Mapping[tuple[int, int | None], tuple[Forms, Matrix]]) -> Candidates:
    """Blocks of architectures by draw and row as one; what is in two belongs to the first."""
    architectures: Forms = {}
    sources: list[int | None] = []
    rows = []
    for (_, source), (made, described) in blocks.items():
        rows.append(described[[i for i, form in enumerate(made) if form not in architectures]])
        for form, architecture in made.items():
            architectures.setdefault(form, architecture)
        sources += [source] * (len(architectures) - len(sources))
    places = {form: place for place, form in enumerate(architectures)}
    return Candidates(list(architectures.values()), sources, np.vstack(rows), places)


def _sample(space: Space, random: Random, count: int, found: Forms) -> Forms:
    """Add random architectures, at most so many, to those found."""
    try:
        for _ in range(count):
            architecture = space.sample(random)
            found.setdefault(space.canonical(architecture), architecture)
    except SpaceError:
        pass  # the constraints refuse nearly everything; whoever finds nothing here draws by `ProposedSet`
    return found


def _around(space: Space, random: Random, centre: Architecture) -> Forms:
    """The neighbours of an architecture; mutants instead where there are many, and beside them where reals vary."""
    sizes: Sequence[float] = [
        2 if decision.ordered else min(decision.size - 1, decision.columns**2)
        for decision in space.decisions.values()
    ]
    found: Forms = {}
    if few := sum(sizes) <= _MOST_NEIGHBORS:
        found = {space.canonical(neighbor): neighbor for neighbor in space.neighbors(centre)}
    if not few or space.size_bound == math.inf:
        for mutant, _ in _mutants(space, random, [(centre, None)] * _MUTANTS, 3):
            found.setdefault(space.canonical(mutant), mutant)
    return found


def _mutants(
    space: Space, random: Random, parents: Iterable[tuple[Architecture, T]], twice: int
) -> Iterator[tuple[Architecture, T]]:
    """A mutant of each parent, of two steps each so many times; fewer where the constraints refuse them."""
    try:
        for i, (parent, source) in enumerate(parents, 1):
            mutant = space.mutate(parent, random)
            yield mutant if i % twice else space.mutate(mutant, random), source
    except SpaceError:
        return
