"""Hyperband."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.strategies.multi_fidelity.brackets import Synchronous
from archwright.strategies.multi_fidelity.engine import MultiFidelity
from archwright.strategies.multi_fidelity.levels import (
    BracketSizes,
    bracket_levels,
    bracket_size,
    kept,
    most_halvings,
)

__all__ = ["Hyperband"]


class Hyperband(MultiFidelity):
    """Brackets of successive halving, from many configurations that begin with little to few that begin with all.

    Li et al. 2018, arXiv:1603.06560. With s_max = ⌊log_eta(R / r)⌋, bracket s = s_max, ..., 0 begins n_s configurations
    at R·eta^-s, and its rung i keeps ⌊n_s / eta^i⌋ of them; after bracket 0 comes s_max again. A resource in whole
    numbers is rounded. Two sizes n_s are published, see `sizes`. While a bracket waits for its last trials, other
    workers begin with the next one, as in the authors' code.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        sizes: How many begin in bracket s: "ceil" of (s_max + 1) / (s + 1) · eta^s, Algorithm 1 of the paper and Syne
            Tune; "floor": ⌊(s_max + 1) / (s + 1)⌋ · eta^s, the paper's table and HpBandSter.
        options: Of `MultiFidelity`.

    Raises:
        UsageError: When an option is out of range, or the fidelity is no range.
    """

    def __init__(
        self,
        space: SearchSpace[Any],
        objectives: Sequence[Objective],
        *,
        sizes: BracketSizes = "ceil",
        **options: Any,
    ) -> None:
        super().__init__(space, objectives, **options)
        self.sizes = sizes
        self.s_max = most_halvings(*self.ends, self.eta)

    def open_bracket(self, number: int) -> Synchronous:
        """Bracket s_max first, then s_max - 1, down to 0, and again."""
        s = self.s_max - number % (self.s_max + 1)
        levels = [self.fidelity.at(level) for level in bracket_levels(self.ends[1], self.eta, s)]

        def halve(size: int) -> list[int]:
            return kept(size, self.eta, s + 1)

        return Synchronous(levels, halve(bracket_size(s, self.s_max, self.eta, self.sizes)), halve)
