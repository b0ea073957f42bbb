"""Lengths of time, and counts, in words."""

from __future__ import annotations

import math

__all__ = ["byte_count", "clock", "count_of", "duration", "range_of"]


def duration(seconds: float | None) -> str:
    """A length of time: `38 ms`, `0.4 s`, `48 s`, `2 min 31 s`, `3 h 05 min`; a dash where it is not known."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 0.0005:
        return "0 s"
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02d} min"


def clock(seconds: float) -> str:
    """Minutes and seconds, as a clock shows them: `2:05`."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def byte_count(count: float) -> str:
    """An amount of memory with three digits: `512 B`, `1.15 MB`, `3.2 GB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB"


def count_of(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun.

    >>> count_of(1, "trial"), count_of(1200, "trial")
    ('1 trial', '1,200 trials')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def range_of(low: str, high: str, to: str = " to ") -> str:
    """Two ends as they are shown; one where both are shown alike.

    >>> range_of("2 s", "5 s"), range_of("0:03", "0:03")
    ('2 s to 5 s', '0:03')
    """
    return low if low == high else f"{low}{to}{high}"
