"""Decisions: the things that may vary. Each knows its values, how to draw, vary and encode them."""

from __future__ import annotations

import itertools
import math
import operator
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.expression import Arithmetic, Expression, caller

__all__ = [
    "Boolean",
    "Categorical",
    "Decision",
    "Integer",
    "Real",
    "Subset",
    "boolean",
    "categorical",
    "integer",
    "real",
    "subset",
]

_DIGITS = 12


def _tell(name: str | None, kind: str) -> str:
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

    @abstractmethod
    def draw(self, random: Random) -> Any:
        """A value, each equally likely (for a real: uniform on its scale)."""

    @abstractmethod
    def contains(self, value: Any) -> bool:
        """Whether the value is one this decision can take."""

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
        """The value whose code is nearest; the inverse of `encode` on codes."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Kind and values as a plain dict, for reports and to tell spaces apart."""

    def default(self) -> Any:
        """The first value: what a decision takes that becomes active in a neighbour."""
        return next(self.values())


class Categorical(Decision):
    """One of several labels without an order. See `categorical`."""

    __slots__ = ("_codes", "labels")

    def __init__(self, labels: Iterable[Any], name: str | None = None) -> None:
        super().__init__(name)
        self.labels = tuple(labels)
        told = _tell(name, "categorical")
        if not self.labels:
            raise SpaceError(f"{told}: expected at least one label, got none; list what may be chosen")
        for label in self.labels:
            if not (label is None or isinstance(label, str | int | float)):
                raise SpaceError(
                    f"{told}: expected labels that are strings, numbers, booleans or None, got {label!r}; "
                    "give it a name: aw.choice({'name': ...})"
                )
            if isinstance(label, float) and not math.isfinite(label):
                raise SpaceError(f"{told}: expected finite numbers, got {label!r}")
        if len(set(self.labels)) < len(self.labels):
            twice = next(label for label in self.labels if self.labels.count(label) > 1)
            raise SpaceError(f"{told}: the label {twice!r} stands twice; each label must differ")
        self.size = self.columns = len(self.labels)
        self._codes = {
            label: tuple(float(i == j) for j in range(self.columns)) for i, label in enumerate(self.labels)
        }

    @property
    def numeric(self) -> bool:
        return all(isinstance(label, int | float) for label in self.labels)

    def draw(self, random: Random) -> Any:
        return self.labels[int(random.random() * self.columns)]

    def contains(self, value: Any) -> bool:
        return any(value == label and type(value) is type(label) for label in self.labels)

    def values(self) -> Iterator[Any]:
        return iter(self.labels)

    def neighbors(self, value: Any) -> list[Any]:
        return [label for label in self.labels if label != value]

    def vary(self, value: Any, random: Random) -> Any:
        other = self.labels[int(random.random() * (self.columns - 1))]
        return self.labels[-1] if other == value else other

    def encode(self, value: Any) -> Sequence[float]:
        return self._codes[value]

    def decode(self, numbers: Sequence[float]) -> Any:
        return self.labels[max(range(self.columns), key=numbers.__getitem__)]

    def describe(self) -> dict[str, Any]:
        return {"kind": "categorical", "labels": list(self.labels)}

    def __repr__(self) -> str:
        return f"categorical({list(self.labels)!r})"


class Boolean(Categorical):
    """Yes or no. See `boolean`."""

    __slots__ = ()

    def __init__(self, name: str | None = None) -> None:
        super().__init__((False, True), name)

    def describe(self) -> dict[str, Any]:
        return {"kind": "boolean"}

    def __repr__(self) -> str:
        return "boolean()"


class Integer(Decision):
    """A whole number from an evenly spaced range. See `integer`."""

    __slots__ = ("_range",)

    def __init__(self, low: int, high: int, step: int = 1, name: str | None = None) -> None:
        super().__init__(name)
        told = _tell(name, "integer")
        for label, value in (("low", low), ("high", high), ("step", step)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise SpaceError(f"{told}: expected {label} to be a whole number, got {value!r}")
        if low > high:
            raise SpaceError(f"{told}: expected low <= high, got low={low}, high={high}; swap them")
        if step < 1:
            raise SpaceError(f"{told}: expected step >= 1, got {step}")
        if (high - low) % step:
            raise SpaceError(
                f"{told}: high={high} is not low={low} plus a multiple of step={step}; "
                f"the last value would be {high - (high - low) % step}"
            )
        self._range = range(low, high + 1, step)
        self.size = len(self._range)
        self.columns = 1

    def draw(self, random: Random) -> int:
        return self._range[int(random.random() * len(self._range))]

    def contains(self, value: Any) -> bool:
        return type(value) is int and value in self._range

    def values(self) -> Iterator[int]:
        return iter(self._range)

    def neighbors(self, value: Any) -> list[int]:
        return [v for v in (value - self._range.step, value + self._range.step) if v in self._range]

    def vary(self, value: Any, random: Random) -> int:
        other = self._range[int(random.random() * (len(self._range) - 1))]
        return self._range[-1] if other == value else other

    def encode(self, value: Any) -> Sequence[float]:
        return (self._range.index(value) / max(1, len(self._range) - 1),)

    def decode(self, numbers: Sequence[float]) -> int:
        last = len(self._range) - 1
        return self._range[min(last, max(0, round(numbers[0] * last)))]

    def describe(self) -> dict[str, Any]:
        r = self._range
        return {"kind": "integer", "low": r[0], "high": r[-1], "step": r.step}

    def __repr__(self) -> str:
        r = self._range
        return f"integer({r[0]}, {r[-1]}{f', step={r.step}' if r.step > 1 else ''})"


class Real(Decision):
    """A real number in an interval, to 12 significant digits. See `real`."""

    __slots__ = ("high", "log", "low")

    def __init__(self, low: float, high: float, log: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        told = _tell(name, "real")
        for label, value in (("low", low), ("high", high)):
            if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
                raise SpaceError(f"{told}: expected {label} to be a finite number, got {value!r}")
        if not low < high:
            raise SpaceError(f"{told}: expected low < high, got low={low}, high={high}; swap them")
        if log and low <= 0:
            raise SpaceError(f"{told}: a logarithmic scale needs low > 0, got {low}; raise low or drop log=True")
        self.low, self.high, self.log = _rounded(low), _rounded(high), log
        self.size = math.inf
        self.columns = 1

    def draw(self, random: Random) -> float:
        return self.decode((random.random(),))

    def contains(self, value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def values(self) -> Iterator[float]:
        raise SpaceError(f"{self!r} has infinitely many values, so the space cannot be listed; use aw.categorical")

    def default(self) -> float:
        return self.decode((0.5,))

    def neighbors(self, value: Any) -> list[float]:
        unit = self.encode(value)[0]
        return [v for v in (self.decode((unit - 0.1,)), self.decode((unit + 0.1,))) if v != value]

    def vary(self, value: Any, random: Random) -> float:
        unit = self.encode(value)[0]
        while True:
            other = unit + random.gauss(0.0, 0.2)
            if 0.0 <= other <= 1.0 and (drawn := self.decode((other,))) != value:
                return drawn

    def encode(self, value: Any) -> Sequence[float]:
        if self.log:
            return (math.log(value / self.low) / math.log(self.high / self.low),)
        return ((value - self.low) / (self.high - self.low),)

    def decode(self, numbers: Sequence[float]) -> float:
        unit = min(1.0, max(0.0, numbers[0]))
        if self.log:
            value = self.low * (self.high / self.low) ** unit
        else:
            value = self.low + (self.high - self.low) * unit
        return min(self.high, max(self.low, _rounded(value)))

    def describe(self) -> dict[str, Any]:
        return {"kind": "real", "low": self.low, "high": self.high, "log": self.log}

    def __repr__(self) -> str:
        return f"real({self.low!r}, {self.high!r}{', log=True' if self.log else ''})"


def _rounded(value: float) -> float:
    """To 12 significant digits: what lets a code and its value be exact inverses in floating point."""
    return float(f"{value:.{_DIGITS}g}")


class Subset(Decision):
    """A set of indices, held as a sorted tuple. See `subset`."""

    __slots__ = ("high", "low", "n")

    def __init__(self, n: int, k: int | tuple[int, int] | None = None, name: str | None = None) -> None:
        super().__init__(name)
        told = _tell(name, "subset")
        if not isinstance(n, int) or n < 1:
            raise SpaceError(f"{told}: expected n >= 1 items, got {n!r}")
        low, high = (0, n) if k is None else (k, k) if isinstance(k, int) else k
        if not (isinstance(low, int) and isinstance(high, int) and 0 <= low <= high <= n):
            raise SpaceError(
                f"{told}: expected k, or (fewest, most), with 0 <= fewest <= most <= n={n}, got {k!r}"
            )
        self.n, self.low, self.high = n, low, high
        self.size = sum(math.comb(n, i) for i in range(low, high + 1))
        self.columns = n

    @property
    def numeric(self) -> bool:
        return False

    def has(self, item: int) -> Arithmetic:
        """A condition: true where the item (0 to n-1) is in the subset.

        Raises:
            SpaceError: When no such item exists.
        """
        if not isinstance(item, int) or not 0 <= item < self.n:
            raise SpaceError(f"{_tell(self.name, 'subset')}: expected an item from 0 to {self.n - 1}, got {item!r}")
        return Arithmetic("has", self, item)

    def draw(self, random: Random) -> tuple[int, ...]:
        if self.low == self.high:
            return tuple(sorted(random.sample(range(self.n), self.low)))
        counts = [math.comb(self.n, i) for i in range(self.low, self.high + 1)]
        size = random.choices(range(self.low, self.high + 1), counts)[0]
        return tuple(sorted(random.sample(range(self.n), size)))

    def contains(self, value: Any) -> bool:
        return (
            isinstance(value, tuple)
            and self.low <= len(value) <= self.high
            and all(type(item) is int and 0 <= item < self.n for item in value)
            and all(a < b for a, b in itertools.pairwise(value))
        )

    def values(self) -> Iterator[tuple[int, ...]]:
        for size in range(self.low, self.high + 1):
            yield from itertools.combinations(range(self.n), size)

    def neighbors(self, value: Any) -> list[tuple[int, ...]]:
        inside, outside = list(value), [i for i in range(self.n) if i not in value]
        found = []
        if len(inside) > self.low:
            found += [tuple(i for i in inside if i != gone) for gone in inside]
        if len(inside) < self.high:
            found += [tuple(sorted([*inside, new])) for new in outside]
        found += [tuple(sorted([*(i for i in inside if i != a), b])) for a in inside for b in outside]
        return found

    def vary(self, value: Any, random: Random) -> tuple[int, ...]:
        return random.choice(self.neighbors(value))

    def encode(self, value: Any) -> Sequence[float]:
        return [float(i in value) for i in range(self.n)]

    def decode(self, numbers: Sequence[float]) -> tuple[int, ...]:
        ranked = sorted(range(self.n), key=lambda i: -numbers[i])
        size = min(self.high, max(self.low, sum(number >= 0.5 for number in numbers)))
        return tuple(sorted(ranked[:size]))

    def describe(self) -> dict[str, Any]:
        return {"kind": "subset", "n": self.n, "fewest": self.low, "most": self.high}

    def __repr__(self) -> str:
        return f"subset({self.n}, {(self.low, self.high)})"


def categorical(labels: Iterable[Any], *, name: str | None = None) -> Categorical:
    """A decision for one of several labels.

    Args:
        labels: Strings, finite numbers, booleans or None, all different.
        name: Its address, or the last part of it.

    Raises:
        SpaceError: When there is no label, one stands twice, or one is of another type.
    """
    return Categorical(labels, name)


def boolean(*, name: str | None = None) -> Boolean:
    """A decision for yes or no; counts as 1 or 0 in arithmetic."""
    return Boolean(name)


def integer(low: int, high: int, *, step: int = 1, name: str | None = None) -> Integer:
    """A decision for a whole number: low, low + step, ..., high, both ends included.

    Raises:
        SpaceError: When low > high, step < 1, or high is not low plus a multiple of step.
    """
    return Integer(low, high, step, name)


def real(low: float, high: float, *, log: bool = False, name: str | None = None) -> Real:
    """A decision for a real number in [low, high], uniform, or log-uniform with `log=True`.

    Values carry 12 significant digits, so that encoding and decoding are exact inverses.

    Raises:
        SpaceError: When low >= high, an end is not finite, or log is asked with low <= 0.
    """
    return Real(low, high, log, name)


def subset(n: int, k: int | tuple[int, int] | None = None, *, name: str | None = None) -> Subset:
    """A decision for a subset of the items 0 ... n-1; ask for one with `.has(item)`.

    Args:
        n: How many items there are.
        k: How many are taken: exactly k, or (fewest, most); None allows any number.
        name: Its address, or the last part of it.

    Raises:
        SpaceError: When n < 1 or k does not fit n.
    """
    return Subset(n, k, name)
