"""Numbers, durations and names as a reader expects them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from archwright.durations import count_of, duration

# fmt: off
__all__ = [
    "MISSING", "architecture_brief", "capital", "clipped", "is_share", "metric_name", "metric_text",
    "number_ranges", "si_number", "value_text",
]
# fmt: on

MISSING = "–"
"""What stands where nothing was measured."""

_SHARES = {"accuracy", "balanced_accuracy"}
_NAMES = {
    "params": "parameters",
    "flops": "FLOPs",
    "f1": "F1",
    "r2": "R²",
    "mae": "MAE",
    "mse": "MSE",
    "rmse": "RMSE",
}


def is_share(name: str) -> bool:
    """Whether a metric is a share in [0, 1] that is read as a percentage."""
    return name.removeprefix("derived_") in _SHARES


def metric_name(name: str) -> str:
    """A metric's name in a sentence."""
    return _NAMES.get(name, name.replace("_", " "))


def capital(text: str) -> str:
    """The text with its first letter as a capital, the rest as it is."""
    return text[:1].upper() + text[1:]


def clipped(text: str, most: int) -> str:
    """The text, cut with an ellipsis where it is longer than `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def metric_text(name: str, value: float | None, digits: int = 2) -> str:
    """A metric's value with its unit.

    Args:
        name: The metric.
        value: Its value; None where it was not measured.
        digits: Decimal places of a percentage.
    """
    if value is None:
        return MISSING
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if is_share(name):
        return f"{100 * value:.{digits}f}\u00a0%"
    if name == "params":
        return f"{value:,.0f}"
    if name == "flops":
        return si_number(value)
    if name == "seconds":
        return duration(value)
    return f"{value:,.0f}" if abs(value) >= 1e4 and abs(value) < 1e12 else f"{value:.4g}"


def si_number(value: float) -> str:
    """A large number with a prefix: 1,234,567 is 1.23 M."""
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}\u00a0{prefix}"
    return f"{value:.3g}"


def number_ranges(numbers: Iterable[int], most: int = 12) -> str:
    """Whole numbers, runs of them joined.

    Args:
        numbers: The numbers, in any order.
        most: How many ranges to write out before "and N more".

    >>> number_ranges([1, 2, 3, 7])
    '1–3, 7'
    """
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = ", ".join(str(a) if a == b else f"{a}, {b}" if b == a + 1 else f"{a}–{b}" for a, b in runs[:most])
    rest = sum(b - a + 1 for a, b in runs[most:])
    return f"{shown} and {rest:,} more" if rest else shown


def value_text(value: Any) -> str:
    """A decided value, without quotes; a number rounded to four digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return "{" + ", ".join(map(value_text, value)) + "}"
    return str(value)


def architecture_brief(architecture: Mapping[str, Any], limit: int = 120) -> str:
    """The decisions in one line, cut at `limit` characters."""
    text = ""
    for i, (address, value) in enumerate(architecture.items()):
        part = f"{'  ' if i else ''}{address}={value_text(value)}"
        if text and len(text) + len(part) > limit:
            return f"{text}  … {count_of(len(architecture) - i, 'more decision')}"
        text += part
    return clipped(text, limit)
