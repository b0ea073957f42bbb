"""What every decision can do."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from archwright.spaces.expression import Expression, caller

__all__ = ["Decision", "told"]


def told(kind: str, name: str | None) -> str:
    """How an error text about a node that is being written begins: the user's line, the kind and the name."""
    return f"{caller()}: {kind}{f' {name!r}' if name else ''}"


class Decision(Expression):
    """Something a strategy decides.

    Attributes:
        size: How many values it can take; `math.inf` for a real.
        columns: How many numbers encode it.
    """

    __slots__ = ("columns", "size")
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
