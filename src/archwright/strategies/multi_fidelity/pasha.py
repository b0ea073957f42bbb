"""Progressive asynchronous successive halving."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.strategies.multi_fidelity.asha import promotable
from archwright.strategies.multi_fidelity.brackets import Entry, Promoting, ranked
from archwright.strategies.multi_fidelity.engine import MultiFidelity
from archwright.strategies.multi_fidelity.levels import rung_levels
from archwright.trials import Fidelity

__all__ = ["PASHA"]

_PERCENTILE = 90


class PASHA(MultiFidelity):
    """ASHA by promotion, whose highest rung rises only while the rankings of the two highest disagree.

    Bohdal et al. 2023, openreview.net/forum?id=syfgJE6nFRW. The cap begins at the second rung. After each trial that
    ends there, the ranking of the configurations in the highest allowed rung is compared with the ranking of the same
    ones in the rung below; where it differs, the cap rises by one rung. The ranking is soft: a configuration may stand
    at any place whose value in the lower rung is within ε of its own, and ε is the 90th percentile of the present
    differences of those pairs whose curves have crossed and crossed back, which are taken for noise. So a search in
    which rankings settle early never trains for R.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits; rankings and ε are of the first that is optimised.
        rule: How many of n may go on: "floor" or "quantile", as for `asha`.
        checkpoints: How many that wait in a rung keep their checkpoints, the best; one promoted later begins anew.
        options: Of `MultiFidelity`.

    Raises:
        UsageError: When an option is out of range, or the fidelity is no range of at least two rungs.
    """

    keeps_curves = True

    def __init__(
        self,
        space: SearchSpace[Any],
        objectives: Sequence[Objective],
        *,
        rule: Literal["floor", "quantile"] = "floor",
        checkpoints: int = 100,
        **options: Any,
    ) -> None:
        super().__init__(space, objectives, **options)
        self.levels = [self.fidelity.at(level) for level in rung_levels(*self.ends, self.eta)]
        if checkpoints < 0:
            raise UsageError(f"PASHA: expected checkpoints >= 0, got {checkpoints}")
        self.allowed, self.checkpoints = promotable(rule, self.eta), checkpoints

    def open_bracket(self, number: int) -> Capped:
        """The only one."""
        return Capped(self.levels, self.allowed, self.checkpoints)


class Capped(Promoting):
    """Promotion up to a cap that rises.

    Args:
        levels: As for `Promoting`.
        allowed: As for `Promoting`.
        checkpoints: As for `Promoting`.

    Attributes:
        cap: The highest rung that may be reached.
        epsilon: How far apart two values are taken for equal.
    """

    def __init__(
        self, levels: Sequence[Fidelity], allowed: Callable[[int, int], int], checkpoints: int | None = None
    ) -> None:
        super().__init__(levels, allowed, checkpoints)
        self.cap = min(1, len(levels) - 1)
        self.epsilon = 0.0

    @property
    def top(self) -> int:
        """The cap."""
        return self.cap

    def settle(self, rung: int, entry: Entry) -> None:
        """Raise the cap where the two highest rungs disagree."""
        super().settle(rung, entry)
        if rung != self.cap or rung + 1 == len(self.levels):
            return
        top = [one for one in ranked(self.rungs[rung]) if one.curve]
        found = [
            distance for pair in itertools.combinations(top, 2) if (distance := noise(*pair)) is not None
        ]
        if found:
            self.epsilon = float(np.percentile(found, _PERCENTILE))
        if not self._agrees(top):
            self.cap += 1

    def _agrees(self, top: Sequence[Entry]) -> bool:
        """Whether each of the highest rung stands where one within epsilon of it stood in the rung below."""
        below = {entry.architecture: entry for entry in self.rungs[self.cap - 1]}
        known = [entry for entry in top if entry.architecture in below]
        losses = {entry.architecture: below[entry.architecture].score.losses[0] for entry in known}
        before = [entry.architecture for entry in ranked([below[entry.architecture] for entry in known])]
        places = zip(known, before, strict=True)
        return all(abs(losses[now.architecture] - losses[then]) <= self.epsilon for now, then in places)

    def state(self) -> dict[str, Any]:
        """Cap and epsilon."""
        return {"cap": self.cap, "epsilon": self.epsilon}

    def load(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        self.cap, self.epsilon = state["cap"], state["epsilon"]


def noise(first: Entry, second: Entry) -> float | None:
    """The present difference of two curves that have crossed and crossed back; None of others."""
    pairs = list(zip(first.curve, second.curve, strict=False))
    last = pairs[-1][0] > pairs[-1][1]
    orders = [one > other for one, other in reversed(pairs)]
    if (not last) not in orders:
        return None
    return abs(pairs[-1][0] - pairs[-1][1]) if last in orders[orders.index(not last) :] else None
