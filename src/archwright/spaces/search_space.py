"""The protocol of search spaces: what strategies call."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from random import Random
from typing import Any, Protocol, TypeVar

__all__ = ["LISTED", "SearchSpace"]

P = TypeVar("P")


class SearchSpace(Protocol[P]):
    """A set of points that strategies search. `Space` is one, whose points are architectures.

    Points are whatever the space says: strings, programs, graphs. A space needs the methods that its strategies name in
    `Strategy.verbs`, and no others.
    """

    @property
    def size_bound(self) -> float:
        """At most how many points there are; `math.inf` where they cannot be listed."""

    def __iter__(self) -> Iterator[P]:
        """Every point, in a fixed order. Called where `size_bound` is finite."""

    def sample(self, random: Random, /) -> P:
        """A random point."""

    def mutate(self, point: P, random: Random, /) -> P:
        """A random point near another, with another canonical form.

        Raises:
            SpaceError: When there is none.
        """

    def crossover(self, first: P, second: P, random: Random, /) -> P:
        """A point made of two."""

    def neighbors(self, point: P, /) -> list[P]:
        """The points one step away, in a fixed order, each canonical form once."""

    def canonical(self, point: P, /) -> Hashable:
        """Key that is equal for two spellings of one point."""

    def to_json(self, point: P, /) -> Any:
        """The point in JSON's own types."""

    def from_json(self, data: Any, /) -> P:
        """The inverse of `to_json`.

        Raises:
            SpaceError: When the data is no point of this space.
        """


LISTED = frozenset({"size_bound", "__iter__", "sample", "canonical", "to_json", "from_json"})
"""The methods needed to draw points, none twice, and to store them."""
