"""What an evolution is put together from: who becomes a parent, how a child comes about, who stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from archwright.spaces import Architecture, Space
from archwright.strategies.ranking import Score

__all__ = ["Aging", "Member", "Offspring", "Selection", "Survival", "Tournament", "Variation"]


@dataclass(frozen=True, slots=True)
class Member:
    """One of the population.

    Args:
        number: Its trial's number.
        architecture: What was tried.
        score: How it did.
    """

    number: int
    architecture: Architecture
    score: Score

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` reads back."""
        return {
            "number": self.number,
            "architecture": self.architecture.to_json(),
            "score": self.score.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], space: Space) -> Member:
        """The inverse of `to_json`.

        Raises:
            SpaceError: When the architecture is not of the space.
        """
        return cls(data["number"], space.architecture(data["architecture"]), Score.from_json(data["score"]))


Selection = Callable[[Sequence[Member], Sequence[tuple[float, ...]], Random], Member]
"""From the members and their standings (smaller is better) to one that becomes a parent."""

Variation = Callable[[Space, Callable[[], Member], Random], tuple[Architecture, Member]]
"""From a space and a source of parents to a child and the parent it is most like."""

Survival = Callable[[Sequence[Member]], list[Member]]
"""From the members, oldest first, the last just added, to those that stay."""


@dataclass(frozen=True, slots=True)
class Tournament:
    """The best of a few members drawn at random, with replacement. Of equals the first drawn: a random one.

    Args:
        size: How many are drawn.
    """

    size: int

    def __call__(
        self, members: Sequence[Member], standings: Sequence[tuple[float, ...]], random: Random
    ) -> Member:
        """Select one."""
        drawn = [int(random.random() * len(members)) for _ in range(self.size)]
        return members[min(drawn, key=standings.__getitem__)]


@dataclass(frozen=True, slots=True)
class Offspring:
    """A mutant of one parent or, now and then, a cross of two.

    Args:
        crossover: Chance of a cross (see `Space.crossover`), in [0, 1].
    """

    crossover: float = 0.0

    def __call__(
        self, space: Space, select: Callable[[], Member], random: Random
    ) -> tuple[Architecture, Member]:
        """Make one child."""
        parent = select()
        if self.crossover and random.random() < self.crossover:
            return space.crossover(parent.architecture, select().architecture, random), parent
        return space.mutate(parent.architecture, random), parent


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
