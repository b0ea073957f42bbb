"""From the least to the most effort: what a multi-fidelity strategy moves over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, cast

from archwright.errors import UsageError
from archwright.trials.fidelity import FULL, Fidelity

__all__ = ["FidelityRange"]

_AMOUNTS = ("epochs", "data_fraction", "resolution", "replicates")
_ALIASES = {"data": "data_fraction", "fraction": "data_fraction", "seed": "replicate"}
_LABELS = ("replicate", "folds", "horizon")
_EXAMPLE = "such as epochs=2..16,resolution=16"


@dataclass(frozen=True, slots=True)
class FidelityRange:
    """From the least to the most effort that one estimate may spend; a point where they are equal.

    Args:
        low: The least.
        high: The most. Its epochs, or its horizon, are what the schedules of all in between are made for.

    Raises:
        UsageError: When the two differ in what is no amount, one leaves open what the other gives, or low > high.
    """

    low: Fidelity = FULL
    high: Fidelity = FULL

    def __post_init__(self) -> None:
        for name in ("replicate", "folds"):
            if getattr(self.low, name) != getattr(self.high, name):
                raise UsageError(
                    f"fidelity: {name} says which, not how much, so it has one value for all; give one of them"
                )
        if self.low.scaled.keys() != self.high.scaled.keys():
            raise UsageError("fidelity: expected the same options of the scale at both ends of the range")
        for name in (*_AMOUNTS, *self.low.scaled):
            low, high = _amount(self.low, name), _amount(self.high, name)
            if (low is None) != (high is None):
                raise UsageError(f"fidelity: expected {name} at both ends of the range, or at none")
            if low is not None and high is not None and low > high:
                raise UsageError(
                    f"fidelity: expected {name} from low to high, got {low:g}..{high:g}; swap them"
                )
        if self.low.epochs != self.high.epochs:  # rungs are one training, cut into pieces
            horizon = self.high.horizon or self.high.epochs
            for name in ("low", "high"):
                object.__setattr__(self, name, replace(getattr(self, name), horizon=horizon))

    @property
    def is_point(self) -> bool:
        """Whether nothing varies."""
        return self.low == self.high

    @property
    def axes(self) -> tuple[str, ...]:
        """What varies, the first of which is the resource that others follow."""
        names = (*_AMOUNTS, *self.low.scaled)
        return tuple(name for name in names if _amount(self.low, name) != _amount(self.high, name))

    @property
    def continues(self) -> bool:
        """Whether a higher level goes on from a lower one's weights: only the epochs vary, or only the replicates.

        Another share of the data, another image or another network begins anew.
        """
        return self.axes in (("epochs",), ("replicates",))

    @property
    def ends(self) -> tuple[Fraction, Fraction]:
        """Least and most of the resource, exactly.

        Raises:
            UsageError: When nothing varies.
        """
        if not self.axes:
            raise UsageError(f"fidelity: expected a range, {_EXAMPLE}, got {self}")
        low, high = (_amount(end, self.axes[0]) for end in (self.low, self.high))
        return Fraction(str(low)), Fraction(str(high))

    def at(self, level: Fraction | int) -> Fidelity:
        """The fidelity at an amount of the resource; other axes are as far along their range, geometrically.

        Args:
            level: From the least to the most; rounded where the resource is a whole number.
        """
        low, high = self.ends
        if not low < level < high:
            return self.high if level >= high else self.low
        share = math.log(level / low) / math.log(high / low)
        changes: dict[str, float] = {self.axes[0]: _like(_amount(self.low, self.axes[0]), level)}
        for name in self.axes[1:]:
            begin, end = _amount(self.low, name), _amount(self.high, name)
            assert begin is not None
            assert end is not None
            changes[name] = _like(begin if isinstance(end, int) else end, begin * (end / begin) ** share)
        scale = {name: changes.pop(name, value) for name, value in self.low.scaled.items()}
        return replace(self.low, **cast("dict[str, Any]", changes), scale=scale)

    @classmethod
    def of(cls, given: FidelityRange | Fidelity | str) -> FidelityRange:
        """A range, a single fidelity, or the text of either, as `--fidelity` takes it.

        Raises:
            UsageError: When the text has another form.
        """
        if isinstance(given, FidelityRange):
            return given
        return cls.parse(given) if isinstance(given, str) else cls(given, given)

    @classmethod
    def parse(cls, text: str) -> FidelityRange:
        """Read `epochs=2..16,resolution=16`: names of `Fidelity`, and options of the space's scale.

        `folds=5` without `replicate` or `replicates` means all folds once: `folds=5,replicates=5`.

        Raises:
            UsageError: When it has another form, a name comes twice, or a number is out of range.
        """
        ends: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for word in filter(None, (word.strip() for word in text.split(","))):
            name, sign, value = word.partition("=")
            name = _ALIASES.get(name.strip(), name.strip())
            first, dots, last = value.partition("..")
            if not sign or not name:
                raise UsageError(f"fidelity {word!r}: expected NAME=NUMBER or NAME=LOW..HIGH, {_EXAMPLE}")
            if name in ends[0]:
                raise UsageError(f"fidelity {word!r}: {name} is given twice; give it once")
            if dots and name in _LABELS:
                cure = f"give one value, or how many: replicates={first or 1}..{last}"
                raise UsageError(
                    f"fidelity {word!r}: {name} says which, not how much, so it has no range; {cure}"
                )
            for end, number in zip(ends, (first, last if dots else first), strict=True):
                end[name] = _number(name, number, word)
        if not ends[0]:
            raise UsageError(f"fidelity {text!r}: expected NAME=NUMBER or NAME=LOW..HIGH, {_EXAMPLE}")
        for end in ends:
            if "folds" in end and not {"replicate", "replicates"} & end.keys():
                end["replicates"] = end["folds"]
        return cls(*map(_fidelity, ends))

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` reads back; of a point that of its fidelity."""
        if self.is_point:
            return self.high.to_json()
        return {"low": self.low.to_json(), "high": self.high.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FidelityRange:
        """The inverse of `to_json`; the fidelity of an older run is a point."""
        if "low" in data:
            return cls(Fidelity.from_json(data["low"]), Fidelity.from_json(data["high"]))
        return cls.of(Fidelity.from_json(data))

    def __str__(self) -> str:
        if self.is_point:
            return str(self.high)
        return f"{self.low} to {self.high}"


def _amount(fidelity: Fidelity, name: str) -> float | None:
    found: float | None = fidelity.scaled.get(name) if name in fidelity.scaled else getattr(fidelity, name)
    return found


def _like(kind: float | None, value: Fraction | float) -> float:
    """A value as a whole number, half up, where that is what is wanted; else to 6 digits, alike on every machine."""
    return math.floor(value + Fraction(1, 2)) if isinstance(kind, int) else float(f"{float(value):.6g}")


def _number(name: str, text: str, word: str) -> float:
    whole = name not in ("data_fraction",)
    try:
        if whole:
            try:
                return int(text)
            except ValueError:
                if name in (*_AMOUNTS, *_LABELS):
                    raise
        return float(text)
    except ValueError:
        kind = (
            "a number" if name == "data_fraction" or name not in (*_AMOUNTS, *_LABELS) else "a whole number"
        )
        raise UsageError(f"fidelity {word!r}: expected {kind}, got {text!r}; {_EXAMPLE}") from None


def _fidelity(given: dict[str, Any]) -> Fidelity:
    known = {name: value for name, value in given.items() if name in (*_AMOUNTS, *_LABELS)}
    return Fidelity(**known, scale={name: value for name, value in given.items() if name not in known})
