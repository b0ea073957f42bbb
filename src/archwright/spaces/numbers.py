"""Decisions for numbers: whole ones from a range, real ones from an interval."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.decision import UNSET, Decision, Relaxed
from archwright.spaces.expression import plain, whole
from archwright.spaces.priors import Normal, Prior, TruncatedNormal, Weights

__all__ = ["Integer", "Real"]

_DIGITS = 12
_MOST = 10**15
"""Values of an integer: up to here a code and its value are exact inverses in floating point."""


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
    """A decision for a whole number: low, low + step, ..., high, both ends included.

    Args:
        low: The first value.
        high: The last.
        step: The distance between two values.
        name: Its address, or the last part of it.
        default: What it takes in `Space.default`; low when left out.
        prior: What sampling follows: `aw.normal(mean, deviation)`, or weights of the values, in order or by value;
            None means equal ones.

    Raises:
        SpaceError: When low > high, step < 1, or high is not low plus a multiple of step; when the default is none
            of the values, or the prior does not fit them.
    """

    __slots__ = ("_range",)

    def __init__(
        self,
        low: int,
        high: int,
        *,
        step: int = 1,
        name: str | None = None,
        default: Any = UNSET,
        prior: Normal | Mapping[int, float] | Sequence[float] | None = None,
    ) -> None:
        super().__init__(name)
        for label, value in (("low", low), ("high", high), ("step", step)):
            if whole(value) is None:
                raise self.error(f"expected {label} to be a whole number, got {value!r}")
        first, last, by = map(operator.index, (low, high, step))
        if first < -(2**63) or last >= 2**63:
            raise self.error(f"expected whole numbers of at most 64 bits, got {low} to {high}")
        if first > last:
            raise self.error(f"expected low <= high, got low={first}, high={last}; swap them")
        if by < 1:
            raise self.error(f"expected step >= 1, got {by}")
        if (last - first) % by:
            raise self.error(
                f"high={last} is not low={first} plus a multiple of step={by}; "
                f"the last value would be {last - (last - first) % by}"
            )
        if (last - first) // by >= _MOST:
            raise self.error(f"expected at most {_MOST:,} values; use a larger step, or aw.real")
        self._range = range(first, last + 1, by)
        self.size = len(self._range)
        self.columns = 1
        self.expect(default, prior)

    def coerce(self, value: Any) -> int:
        """The value as an int."""
        number = plain(value)
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if isinstance(number, int) and number in self._range:
            return int(number)
        raise ValueError(f"expected a number of {self!r}, got {value!r}")

    def make_prior(self, prior: Any) -> Prior:
        """`normal`, or weights of the single numbers."""
        if isinstance(prior, Normal):
            steps = max(1, len(self._range) - 1)
            mean, deviation = (
                self.encode(self.coerce(prior.mean))[0],
                prior.deviation / self._range.step / steps,
            )
            return TruncatedNormal(prior, self.decode, mean, deviation, 0.5 / steps)
        return Weights(self._range, prior)

    def uniform(self, random: Random) -> int:
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

    def mutate(self, value: Any, random: Random) -> int:
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
        return {"kind": "integer", "low": r[0], "high": r[-1], "step": r.step, **self.expected()}

    def __repr__(self) -> str:
        r = self._range
        return f"integer({r[0]}, {r[-1]}{f', step={r.step}' if r.step > 1 else ''})"


class Real(_Number):
    """A decision for a real number in [low, high], uniform, or log-uniform with `log=True`.

    Values carry 12 digits (counted from the first digit of the larger end, or of the value itself on a
    logarithmic scale), so that encoding and decoding are exact inverses.

    Args:
        low: The lower end.
        high: The upper end.
        log: Whether its scale is logarithmic.
        name: Its address, or the last part of it.
        default: What it takes in `Space.default`; the middle of the scale when left out.
        prior: What sampling follows: `aw.normal(mean, deviation)`; None means uniform.

    Raises:
        SpaceError: When low >= high, an end is not finite, log is asked with low <= 0, or the interval is too
            narrow or too wide for 12 digits; when the default is outside, or the prior does not fit.
    """

    __slots__ = ("_decimals", "_start", "_width", "high", "log", "low")

    def __init__(
        self,
        low: float,
        high: float,
        *,
        log: bool = False,
        name: str | None = None,
        default: Any = UNSET,
        prior: Normal | None = None,
    ) -> None:
        super().__init__(name)
        ends = plain(low), plain(high)
        for label, value in zip(("low", "high"), ends, strict=True):
            if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
                raise self.error(f"expected {label} to be a finite number, got {value!r}")
        low, high = map(float, ends)
        if not low < high:
            raise self.error(f"expected low < high, got low={low}, high={high}; swap them")
        if log and low <= 0:
            raise self.error(f"a logarithmic scale needs low > 0, got {low}; raise low or drop log=True")
        self.log = bool(log)
        self._decimals = _DIGITS - 1 - math.floor(math.log10(max(abs(low), abs(high))))
        self.low, self.high = self._rounded(low), self._rounded(high)
        self._start = math.log(self.low) if self.log else self.low
        self._width = (math.log(self.high) if self.log else self.high) - self._start
        if not 0 < self._width < math.inf:
            raise self.error(
                f"{low} to {high} cannot be told apart, or spanned, by numbers of "
                f"{_DIGITS} digits; take other ends"
            )
        self.size = math.inf
        self.columns = 1
        self.expect(default, prior)

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

    def make_prior(self, prior: Any) -> Prior:
        """`normal`."""
        if not isinstance(prior, Normal):
            raise ValueError(f"expected aw.normal(mean, deviation), got {prior!r}")
        return TruncatedNormal(
            prior, self.decode, self.encode(self.coerce(prior.mean))[0], prior.deviation / self._width
        )

    def uniform(self, random: Random) -> float:
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

    def default(self) -> Any:
        """The default that was given; else the middle of the scale."""
        return self.decode((0.5,)) if self._default is UNSET else self._default

    def neighbors(self, value: Any) -> list[float]:
        """A tenth of the scale down and up, as far as the ends allow."""
        unit = self.encode(value)[0]
        return [v for v in (self.decode((unit - 0.1,)), self.decode((unit + 0.1,))) if v != value]

    def mutate(self, value: Any, random: Random) -> float:
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
        return {"kind": "real", "low": self.low, "high": self.high, "log": self.log, **self.expected()}

    def __repr__(self) -> str:
        return f"real({self.low!r}, {self.high!r}{', log=True' if self.log else ''})"
