"""What an evolution is put together from: who becomes a parent, how a child comes about, who stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from archwright.spaces import SearchSpace
from archwright.strategies.ranking import Score, dominates, rank_keys

__all__ = [
    "Aging",
    "Chain",
    "Crossover",
    "Either",
    "Elitism",
    "Member",
    "Mutation",
    "ParetoTournament",
    "PointMutations",
    "Selection",
    "Survival",
    "Tournament",
    "Variation",
]


@dataclass(frozen=True, slots=True)
class Member:
    """One of the population.

    Args:
        number: Its trial's number.
        architecture: What was tried: a point of the space.
        score: How it did.
    """

    number: int
    architecture: Any
    score: Score

    def to_json(self, space: SearchSpace[Any]) -> dict[str, Any]:
        """A plain dict that `from_json` reads back."""
        return {
            "number": self.number,
            "architecture": space.to_json(self.architecture),
            "score": self.score.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], space: SearchSpace[Any]) -> Member:
        """The inverse of `to_json`.

        Raises:
            SpaceError: When the architecture is not of the space.
        """
        return cls(data["number"], space.from_json(data["architecture"]), Score.from_json(data["score"]))


Selection = Callable[[Sequence[Member], Sequence[tuple[float, ...]], Random], Member]
"""From the members and their rank_keys (smaller is better) to one that becomes a parent."""

Variation = Callable[[SearchSpace[Any], Any, Callable[[], Member], Random], Any]
"""Maps a parent to its child; the function gives further parents."""

Survival = Callable[[Sequence[Member]], list[Member]]
"""From the members, oldest first, the newest last, to those that stay, in the same order."""


@dataclass(frozen=True, slots=True)
class Tournament:
    """The best of a few members drawn at random, with replacement. Of equals the first drawn: a random one.

    Args:
        size: How many are drawn; with 1 every member is selected equally often.
    """

    size: int

    def __call__(
        self, members: Sequence[Member], rank_keys: Sequence[tuple[float, ...]], random: Random
    ) -> Member:
        """Select one."""
        count, draw = len(members), random.random
        best = int(draw() * count)
        for _ in range(self.size - 1):
            other = int(draw() * count)
            if rank_keys[other] < rank_keys[best]:
                best = other
        return members[best]


@dataclass(frozen=True, slots=True)
class ParetoTournament:
    """A random one of those that no other of a few random members beats, drawn with replacement.

    The winner criterion of EvoNorm (Liu et al. 2020, arXiv:2004.02967, section 3.3): one by constraint domination, see
    `archwright.strategies.ranking.dominates`. With one objective it is a `Tournament`.

    Args:
        size: How many are drawn.
    """

    size: int

    def __call__(
        self, members: Sequence[Member], rank_keys: Sequence[tuple[float, ...]], random: Random
    ) -> Member:
        """Select one."""
        drawn = [members[int(random.random() * len(members))] for _ in range(self.size)]
        front = [one for one in drawn if not any(dominates(other.score, one.score) for other in drawn)]
        return front[int(random.random() * len(front))]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One active decision changes. See `Space.mutate`."""

    def __call__(
        self, space: SearchSpace[Any], architecture: Any, select: Callable[[], Member], random: Random
    ) -> Any:
        """Make a mutant."""
        return space.mutate(architecture, random)


@dataclass(frozen=True, slots=True)
class PointMutations:
    """Every decision changes with the same chance, so that some children stay as they are.

    Of n active decisions, the length of a point, as many mutations are made, one after the other, as n draws with the
    chance hit.

    Args:
        expected: How many change on average, at least 0; the chance of each is this over n, at most 1.
    """

    expected: float = 1.0

    def __call__(
        self, space: SearchSpace[Any], architecture: Any, select: Callable[[], Member], random: Random
    ) -> Any:
        """Make the changes."""
        count, draw = len(architecture), random.random
        for _ in range(count):
            if draw() * count < self.expected:
                architecture = space.mutate(architecture, random)
        return architecture


@dataclass(frozen=True, slots=True)
class Crossover:
    """Uniform crossover with one more parent. See `Space.crossover`.

    Args:
        chance: How often it takes place, in [0, 1].
    """

    chance: float = 1.0

    def __call__(
        self, space: SearchSpace[Any], architecture: Any, select: Callable[[], Member], random: Random
    ) -> Any:
        """Cross, or leave it."""
        if self.chance < 1.0 and random.random() >= self.chance:
            return architecture
        return space.crossover(architecture, select().architecture, random)


@dataclass(frozen=True, slots=True)
class Either:
    """One of two variations.

    Args:
        chance: That of the first, in [0, 1].
        first: Takes place with the chance.
        second: Takes place otherwise.
    """

    chance: float
    first: Variation
    second: Variation

    def __call__(
        self, space: SearchSpace[Any], architecture: Any, select: Callable[[], Member], random: Random
    ) -> Any:
        """Vary by one of them."""
        is_first = self.chance > 0.0 and random.random() < self.chance
        return (self.first if is_first else self.second)(space, architecture, select, random)


@dataclass(frozen=True, slots=True)
class Chain:
    """Variations one after the other.

    Args:
        links: In their order.
    """

    links: tuple[Variation, ...]

    def __call__(
        self, space: SearchSpace[Any], architecture: Any, select: Callable[[], Member], random: Random
    ) -> Any:
        """Vary by all of them."""
        for link in self.links:
            architecture = link(space, architecture, select, random)
        return architecture


@dataclass(frozen=True, slots=True)
class Aging:
    """The youngest stay, however good the old ones were.

    Args:
        size: How many stay.
    """

    size: int

    def __call__(self, members: Sequence[Member]) -> list[Member]:
        """The youngest `size`."""
        return list(members[-self.size :])


@dataclass(frozen=True, slots=True)
class Elitism:
    """The best stay, by `archwright.strategies.ranking.rank_keys`, however old they are.

    Of equals the youngest, so that the population drifts over plateaus.

    Args:
        size: How many stay.
    """

    size: int

    def __call__(self, members: Sequence[Member]) -> list[Member]:
        """The best `size`."""
        if len(members) <= self.size:
            return list(members)
        ranked = rank_keys([member.score for member in members])
        kept = sorted(range(len(members)), key=lambda i: (ranked[i], -i))[: self.size]
        return [members[i] for i in sorted(kept)]
