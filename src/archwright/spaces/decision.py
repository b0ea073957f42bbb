"""What every decision can do."""

from __future__ import annotations

import itertools
import operator
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from archwright.spaces.expression import Expression, caller

__all__ = ["Decision", "Relaxed", "told"]


def told(kind: str, name: str | None) -> str:
    """How an error text about a node that is being written begins: the user's line, the kind and the name."""
    return f"{caller()}: {kind}{f' {name!r}' if name else ''}"


@dataclass(frozen=True, slots=True)
class Relaxed:
    """What carries a weight when a decision is relaxed, and how a value is made of it.

    Args:
        labels: The values, in order; the items where a value takes several of them.
        fewest: How many labels a value takes at least.
        most: How many at most.
        several: Whether a value is the tuple of its labels; else it is its one label.
    """

    labels: Sequence[Any]
    fewest: int = 1
    most: int = 1
    several: bool = False

    def value(self, labels: Iterable[Any]) -> Any:
        """The value that takes these labels."""
        return tuple(sorted(labels)) if self.several else next(iter(labels))

    def hot(self, value: Any) -> list[float]:
        """1 for each label that the value takes, else 0."""
        return [float(label in value if self.several else label == value) for label in self.labels]


class Decision(Expression):
    """Something a strategy decides.

    Attributes:
        several: Whether a value takes several labels at once, as a subset does. See `relaxed`.
        ordered: Whether the values are numbers on a scale.
        size: How many values it can take; `math.inf` for a real.
        columns: How many numbers encode it.
    """

    __slots__ = ("columns", "size")
    several: ClassVar[bool] = False
    ordered: ClassVar[bool] = False
    size: float
    columns: int

    @property
    def numeric(self) -> bool:
        """Whether every value is a number, so that arithmetic can take it."""
        return True

    def compile(self, key: Callable[[Any], Any]) -> Callable[[Mapping[Any, Any]], Any]:
        """The decided value."""
        return operator.itemgetter(key(self))

    def contains(self, value: Any) -> bool:
        """Whether the value equals one that this decision can take (so `1` is `True`, as for Python)."""
        try:
            return bool(self.coerce(value) == value)
        except ValueError:
            return False

    def default(self) -> Any:
        """The first value: what a decision takes that becomes active in a neighbour."""
        return next(self.values())

    def alternatives(self, limit: int) -> list[Any]:
        """All values where they are at most `limit`; else that many of them, in order.

        Numbers are evenly spaced on their scale with both ends, a single one is the middle; of anything else these
        are the first values.
        """
        return list(itertools.islice(self.values(), limit))

    def relaxed(self) -> Relaxed:
        """What carries a weight in a continuous relaxation: each value; of a subset each item.

        Raises:
            SpaceError: For a real, which has infinitely many values.
        """
        return Relaxed(tuple(self.values()))

    @abstractmethod
    def coerce(self, value: Any) -> Any:
        """A value in this decision's own form: numpy's number as Python's, a list as a tuple, a real rounded.

        Raises:
            ValueError: When it is none that this decision can take.
        """

    @abstractmethod
    def draw(self, random: Random) -> Any:
        """A value, each equally likely (for a real: uniform on its scale)."""

    @abstractmethod
    def values(self) -> Iterator[Any]:
        """All values, in order.

        Raises:
            SpaceError: For a real, which has infinitely many.
        """

    @abstractmethod
    def neighbors(self, value: Any) -> list[Any]:
        """The values next to this one, without it: all others where there is no order."""

    @abstractmethod
    def vary(self, value: Any, random: Random) -> Any:
        """A random other value. Only called where `size > 1`."""

    @abstractmethod
    def encode(self, value: Any) -> Sequence[float]:
        """The value as `columns` numbers in [0, 1]."""

    @abstractmethod
    def decode(self, numbers: Sequence[float]) -> Any:
        """The value whose code is nearest, for any finite numbers; the inverse of `encode` on codes."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Kind and values as a plain dict, for reports and to tell spaces apart."""
