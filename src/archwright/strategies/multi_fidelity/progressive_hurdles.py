"""Progressive dynamic hurdles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.strategies.multi_fidelity.brackets import Bracket, Entry
from archwright.strategies.multi_fidelity.engine import MultiFidelity
from archwright.strategies.multi_fidelity.levels import rung_levels
from archwright.strategies.strategy import Strategy
from archwright.trials import Fidelity

__all__ = ["ProgressiveHurdles"]


class ProgressiveHurdles(MultiFidelity):
    """Evolution whose children train on while they are better than the mean of those that trained as long.

    So et al. 2019, arXiv:1901.11117, section 4. The first m children train the first number of steps, and the mean of
    their fitness becomes the first hurdle; of the next m those that are above it train on to the second number, and the
    mean of those that did becomes the second hurdle, and so on. A hurdle stays as it was made. The numbers of steps are
    r, r·eta, r·eta^2, ..., R. The rule assumes that curves rarely cross. Failed children are left out of the means.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits; the fitness is the first that is optimised.
        sampler: Picks the children: a strategy, or the name of one.
        m: Children from one hurdle to the next, at least 1.
        options: Of `MultiFidelity`.

    Raises:
        UsageError: When an option is out of range, or the fidelity is no range.
    """

    def __init__(
        self,
        space: SearchSpace[Any],
        objectives: Sequence[Objective],
        *,
        sampler: str | Strategy = "evolution",
        m: int = 10,
        **options: Any,
    ) -> None:
        if m < 1:
            raise UsageError(f"progressive hurdles: expected m >= 1, got {m}")
        super().__init__(space, objectives, sampler=sampler, **options)
        self.m = m
        self.levels = [self.fidelity.at(level) for level in rung_levels(*self.ends, self.eta)]

    def open_bracket(self, number: int) -> Hurdles:
        """The only one."""
        return Hurdles(self.levels, self.m)


class Hurdles(Bracket):
    """A hurdle above each rung, once it is made.

    Args:
        levels: As for `Bracket`.
        m: Children from one hurdle to the next.

    Attributes:
        hurdles: The loss that a child must be below, for each rung that has one.
        children: Children that have ended for good since the last hurdle was made.
    """

    def __init__(self, levels: Sequence[Fidelity], m: int) -> None:
        super().__init__(levels)
        self.m = m
        self.hurdles: list[float] = []
        self.children = 0

    def settle(self, rung: int, entry: Entry) -> None:
        """Let a child that is over its hurdle train on; make a hurdle after m children."""
        goes_on = entry.waits and bool(entry.score.losses)
        entry.waits = False
        if goes_on and rung < len(self.hurdles) and entry.score.losses[0] < self.hurdles[rung]:
            self.go_on(rung, entry)
            return
        self.children += 1
        made = len(self.hurdles)
        losses = [one.score.losses[0] for one in self.rungs[made] if one.score.losses]
        if self.children >= self.m and made + 1 < len(self.levels) and losses:
            self.hurdles.append(fmean(losses))
            self.children = 0

    def state(self) -> dict[str, Any]:
        """The hurdles, and how many children there were since the last."""
        return {"hurdles": list(self.hurdles), "children": self.children}

    def load(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        self.hurdles, self.children = list(state["hurdles"]), state["children"]
