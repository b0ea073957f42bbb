"""Levels of a resource and sizes of brackets, computed with whole numbers.

A logarithm in floating point loses a rung: log(243) / log(3) is 4.999...
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

__all__ = ["BracketSizes", "bracket_levels", "bracket_size", "kept", "most_halvings", "rung_levels"]

BracketSizes = Literal["ceil", "floor"]
"""How many configurations a bracket of Hyperband begins with: the two published forms."""


def most_halvings(low: Fraction, high: Fraction, eta: int) -> int:
    """The largest s with low * eta^s <= high: the s_max of Hyperband."""
    s = 0
    while low * eta ** (s + 1) <= high:
        s += 1
    return s


def rung_levels(low: Fraction, high: Fraction, eta: int) -> list[Fraction]:
    """low, low * eta, low * eta^2, ... below high, and last high, be it such a power or not."""
    levels = []
    while low < high:
        levels.append(low)
        low *= eta
    return [*levels, high]


def bracket_levels(high: Fraction, eta: int, s: int) -> list[Fraction]:
    """High / eta^s, ..., high / eta, high: the levels of a bracket of Hyperband."""
    return [high / eta**i for i in range(s, -1, -1)]


def bracket_size(s: int, s_max: int, eta: int, sizes: BracketSizes = "ceil") -> int:
    """Configurations that bracket s of Hyperband begins with (Li et al. 2018, arXiv:1603.06560).

    Args:
        s: How often the bracket halves.
        s_max: That of the first bracket.
        eta: One of so many goes on.
        sizes: "ceil": ⌈(s_max + 1) / (s + 1) · eta^s⌉, Algorithm 1 of the paper; "floor": ⌊(s_max + 1) / (s + 1)⌋ ·
            eta^s, the table of the paper and the authors' code.
    """
    power: int = eta**s
    if sizes == "floor":
        return (s_max + 1) // (s + 1) * power
    return -(-(s_max + 1) * power // (s + 1))


def kept(size: int, eta: int, rungs: int) -> list[int]:
    """How many of `size` are in each rung: ⌊size / eta^i⌋, and never none."""
    return [max(1, size // eta**i) for i in range(rungs)]
