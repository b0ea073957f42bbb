"""Decisions: the things that may vary. Each knows its values, how to draw, vary and encode them."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.decision import Decision, Relaxed, told
from archwright.spaces.expression import Expression, plain, whole
from archwright.spaces.subsets import Subset

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
_MOST = 10**15
"""Values of an integer: up to here a code and its value are exact inverses in floating point."""


class Categorical(Decision):
    """One of several labels without an order. See `categorical`."""

    __slots__ = ("_codes", "_own", "labels")

    def __init__(self, labels: Iterable[Any], name: str | None = None) -> None:
        super().__init__(name)
        if isinstance(labels, str | set | frozenset | Expression) or not isinstance(labels, Iterable):
            raise SpaceError(f"{told('categorical', name)}: expected a list of labels, got {labels!r}")
        self.labels = tuple(map(plain, labels))
        if not self.labels:
            raise SpaceError(
                f"{told('categorical', name)}: expected at least one label, got none; list what may be chosen"
            )
        self._own: dict[Any, Any] = {}
        for label in self.labels:
            if not (label is None or type(label) in (str, int, float, bool)):
                raise SpaceError(
                    f"{told('categorical', name)}: expected labels that are strings, numbers, booleans or "
                    f"None, got {label!r}; give it a name: aw.choice({{'name': ...}})"
                )
            if isinstance(label, float) and not math.isfinite(label):
                raise SpaceError(f"{told('categorical', name)}: expected finite numbers, got {label!r}")
            if isinstance(label, int) and not -(2**63) <= label < 2**63:
                raise SpaceError(
                    f"{told('categorical', name)}: expected whole numbers of at most 64 bits, got {label}"
                )
            if label in self._own:
                same = self._own[label]
                twice = f"{label!r} stands twice" if same is label else f"{label!r} equals {same!r}"
                raise SpaceError(f"{told('categorical', name)}: the label {twice}; each label must differ")
            self._own[label] = label
        self.size = self.columns = len(self.labels)
        self._codes = {
            label: tuple(float(i == j) for j in range(self.columns)) for i, label in enumerate(self.labels)
        }

    @property
    def numeric(self) -> bool:
        """Whether every label is a number."""
        return all(isinstance(label, int | float) for label in self.labels)

    def coerce(self, value: Any) -> Any:
        """The label that the value equals."""
        try:
            return self._own[plain(value)]
        except (KeyError, TypeError):
            raise ValueError(f"expected one of {list(self.labels)!r}, got {value!r}") from None

    def draw(self, random: Random) -> Any:
        """A label, each equally likely."""
        return self.labels[int(random.random() * self.columns)]

    def values(self) -> Iterator[Any]:
        """The labels."""
        return iter(self.labels)

    def neighbors(self, value: Any) -> list[Any]:
        """All other labels."""
        return [label for label in self.labels if label != value]

    def vary(self, value: Any, random: Random) -> Any:
        """Another label, each equally likely."""
        other = self.labels[int(random.random() * (self.columns - 1))]
        return self.labels[-1] if other == value else other

    def encode(self, value: Any) -> Sequence[float]:
        """One-hot."""
        return self._codes[value]

    def decode(self, numbers: Sequence[float]) -> Any:
        """The label with the largest number, the first of several."""
        return self.labels[max(range(self.columns), key=numbers.__getitem__)]

    def describe(self) -> dict[str, Any]:
        """Kind and labels."""
        return {"kind": "categorical", "labels": list(self.labels)}

    def __repr__(self) -> str:
        return f"categorical({list(self.labels)!r})"


class Boolean(Categorical):
    """Yes or no. See `boolean`."""

    __slots__ = ()

    def __init__(self, name: str | None = None) -> None:
        super().__init__((False, True), name)

    def describe(self) -> dict[str, Any]:
        """Kind."""
        return {"kind": "boolean"}

    def __repr__(self) -> str:
        return "boolean()"


class _Number(Decision):
    """A number on a scale, encoded by its place from 0 at the low end to 1 at the high end."""

    __slots__ = ()
    ordered = True

    def alternatives(self, limit: int) -> list[Any]:
        """At most `limit` values, evenly spaced on the scale."""
        if self.size <= limit:
            return list(self.values())
        places = [i / (limit - 1) for i in range(limit)] if limit > 1 else [0.5]
        return list(dict.fromkeys(self.decode((place,)) for place in places))


class Integer(_Number):
    """A whole number from an evenly spaced range. See `integer`."""

    __slots__ = ("_range",)

    def __init__(self, low: int, high: int, step: int = 1, name: str | None = None) -> None:
        super().__init__(name)
        first, last, by = whole(low), whole(high), whole(step)
        if first is None or last is None or by is None:
            label, value = next(
                (label, value)
                for label, value in (("low", low), ("high", high), ("step", step))
                if whole(value) is None
            )
            raise SpaceError(f"{told('integer', name)}: expected {label} to be a whole number, got {value!r}")
        if first < -(2**63) or last >= 2**63:
            raise SpaceError(
                f"{told('integer', name)}: expected whole numbers of at most 64 bits, got {low} to {high}"
            )
        if first > last:
            raise SpaceError(
                f"{told('integer', name)}: expected low <= high, got low={first}, high={last}; swap them"
            )
        if by < 1:
            raise SpaceError(f"{told('integer', name)}: expected step >= 1, got {by}")
        if (last - first) % by:
            raise SpaceError(
                f"{told('integer', name)}: high={last} is not low={first} plus a multiple of step={by}; "
                f"the last value would be {last - (last - first) % by}"
            )
        if (last - first) // by >= _MOST:
            raise SpaceError(
                f"{told('integer', name)}: expected at most {_MOST:,} values; use a larger step, or aw.real"
            )
        self._range = range(first, last + 1, by)
        self.size = len(self._range)
        self.columns = 1

    def coerce(self, value: Any) -> int:
        """The value as an int."""
        number = plain(value)
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if isinstance(number, int) and number in self._range:
            return int(number)
        raise ValueError(f"expected a number of {self!r}, got {value!r}")

    def draw(self, random: Random) -> int:
        """A number, each equally likely."""
        return self._range[int(random.random() * len(self._range))]

    def values(self) -> Iterator[int]:
        """All numbers, ascending."""
        return iter(self._range)

    def relaxed(self) -> Relaxed:
        """Each number carries a weight."""
        return Relaxed(self._range)

    def neighbors(self, value: Any) -> list[int]:
        """One step down and one up."""
        return [v for v in (value - self._range.step, value + self._range.step) if v in self._range]

    def vary(self, value: Any, random: Random) -> int:
        """Another number, each equally likely."""
        other = self._range[int(random.random() * (len(self._range) - 1))]
        return self._range[-1] if other == value else other

    def encode(self, value: Any) -> Sequence[float]:
        """Its place between the first value (0) and the last (1)."""
        return (self._range.index(value) / max(1, len(self._range) - 1),)

    def decode(self, numbers: Sequence[float]) -> int:
        """The nearest value."""
        return self._range[round(min(1.0, max(0.0, numbers[0])) * (len(self._range) - 1))]

    def describe(self) -> dict[str, Any]:
        """Kind, ends and step."""
        r = self._range
        return {"kind": "integer", "low": r[0], "high": r[-1], "step": r.step}

    def __repr__(self) -> str:
        r = self._range
        return f"integer({r[0]}, {r[-1]}{f', step={r.step}' if r.step > 1 else ''})"


class Real(_Number):
    """A real number in an interval, to 12 digits. See `real`."""

    __slots__ = ("_decimals", "_start", "_width", "high", "log", "low")

    def __init__(self, low: float, high: float, log: bool = False, name: str | None = None) -> None:
        super().__init__(name)
        ends = plain(low), plain(high)
        for label, value in zip(("low", "high"), ends, strict=True):
            if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
                raise SpaceError(
                    f"{told('real', name)}: expected {label} to be a finite number, got {value!r}"
                )
        low, high = map(float, ends)
        if not low < high:
            raise SpaceError(
                f"{told('real', name)}: expected low < high, got low={low}, high={high}; swap them"
            )
        if log and low <= 0:
            raise SpaceError(
                f"{told('real', name)}: a logarithmic scale needs low > 0, got {low}; raise low or drop "
                "log=True"
            )
        self.log = bool(log)
        self._decimals = _DIGITS - 1 - math.floor(math.log10(max(abs(low), abs(high))))
        self.low, self.high = self._rounded(low), self._rounded(high)
        self._start = math.log(self.low) if self.log else self.low
        self._width = (math.log(self.high) if self.log else self.high) - self._start
        if not 0 < self._width < math.inf:
            raise SpaceError(
                f"{told('real', name)}: {low} to {high} cannot be told apart, or spanned, by numbers of "
                f"{_DIGITS} digits; take other ends"
            )
        self.size = math.inf
        self.columns = 1

    def _rounded(self, value: float) -> float:
        """As many digits as let a code and its value be exact inverses in floating point."""
        return float(f"{value:.{_DIGITS}g}") if self.log else round(value, self._decimals)

    def coerce(self, value: Any) -> float:
        """The value as a float, rounded."""
        number = plain(value)
        if isinstance(number, int | float) and abs(number) <= sys.float_info.max:
            rounded = self._rounded(float(number))
            if self.low <= rounded <= self.high:
                return rounded
        raise ValueError(f"expected a number of {self!r}, got {value!r}")

    def draw(self, random: Random) -> float:
        """A number, uniform on the scale."""
        return self.decode((random.random(),))

    def values(self) -> Iterator[float]:
        """Raise, since they are infinitely many.

        Raises:
            SpaceError: Always.
        """
        raise SpaceError(
            f"{self!r}{f' (named {self.name!r})' if self.name else ''} has infinitely many values, so the "
            "space cannot be listed; use aw.categorical"
        )

    def default(self) -> float:
        """The middle of the scale."""
        return self.decode((0.5,))

    def neighbors(self, value: Any) -> list[float]:
        """A tenth of the scale down and up, as far as the ends allow."""
        unit = self.encode(value)[0]
        return [v for v in (self.decode((unit - 0.1,)), self.decode((unit + 0.1,))) if v != value]

    def vary(self, value: Any, random: Random) -> float:
        """A Gaussian step on the scale, with a standard deviation of 0.2 of it."""
        unit = self.encode(value)[0]
        while True:
            other = unit + random.gauss(0.0, 0.2)
            if 0.0 <= other <= 1.0 and (drawn := self.decode((other,))) != value:
                return drawn

    def encode(self, value: Any) -> Sequence[float]:
        """Its place on the scale: 0 at low, 1 at high."""
        return (((math.log(value) if self.log else value) - self._start) / self._width,)

    def decode(self, numbers: Sequence[float]) -> float:
        """The value at a place on the scale."""
        place = self._start + min(1.0, max(0.0, numbers[0])) * self._width
        if not self.log:
            return min(self.high, max(self.low, self._rounded(place)))
        return min(self.high, max(self.low, self._rounded(math.exp(place))))

    def describe(self) -> dict[str, Any]:
        """Kind, ends and scale."""
        return {"kind": "real", "low": self.low, "high": self.high, "log": self.log}

    def __repr__(self) -> str:
        return f"real({self.low!r}, {self.high!r}{', log=True' if self.log else ''})"


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

    Values carry 12 digits (counted from the first digit of the larger end, or of the value itself on a
    logarithmic scale), so that encoding and decoding are exact inverses.

    Raises:
        SpaceError: When low >= high, an end is not finite, log is asked with low <= 0, or the interval is too
            narrow or too wide for 12 digits.
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
