"""PriorBand: Hyperband that begins with what an expert believes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.multi_fidelity.brackets import Bracket
from archwright.strategies.multi_fidelity.engine import DEFAULT_RANGE
from archwright.strategies.multi_fidelity.hyperband import Hyperband
from archwright.strategies.multi_fidelity.levels import BracketSizes, bracket_levels, bracket_size, kept
from archwright.strategies.multi_fidelity.prior_sampler import PriorSampler
from archwright.trials import Candidate, FidelityRange, Trial

__all__ = ["PriorBand"]


class PriorBand(Hyperband):
    """Hyperband whose configurations are random, from the decisions' priors, or near the best so far.

    Mallik et al. 2023, arXiv:2306.12370. The brackets are those of `hyperband`, the configurations those of
    `PriorSampler`. What is near the best is proposed once the resource of the first bracket has been spent and a trial
    at R has ended.

    Args:
        space: What to search; `prior=` of its decisions is what the expert believes.
        objectives: What is optimised, and the limits.
        fidelity: From r to R.
        eta: One of so many goes on to the next rung; at least 2.
        sizes: How many begin in a bracket: "floor", as the authors' code, or "ceil", as for `hyperband`.
        seed: Seed of all random numbers.

    Raises:
        UsageError: When an option is out of range, or the fidelity is no range.
    """

    sampler: PriorSampler

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        fidelity: FidelityRange | None = None,
        eta: int = 3,
        sizes: BracketSizes = "floor",
        seed: int = 0,
    ) -> None:
        fidelity = DEFAULT_RANGE if fidelity is None else fidelity
        sampler = PriorSampler(space, objectives, full=fidelity.high, eta=eta, seed=seed)
        super().__init__(
            space, objectives, fidelity=fidelity, sampler=sampler, eta=eta, sizes=sizes, seed=seed
        )
        levels = bracket_levels(self.ends[1], eta, self.s_max)
        counts = kept(bracket_size(self.s_max, self.s_max, eta, sizes), eta, len(levels))
        begins = [Fraction(0), *levels] if self.fidelity.continues else [Fraction(0)] * (len(levels) + 1)
        steps = [level - begin for begin, level in zip(begins, levels, strict=False)]
        self.worth = sum((count * step for count, step in zip(counts, steps, strict=True)), Fraction(0))
        self._amounts = {self.fidelity.at(level): level for level in levels}
        self._below = {higher: lower for lower, higher in itertools.pairwise(levels)}
        self._spent = Fraction(0)

    def sample(self, bracket: Bracket, running: Sequence[Candidate]) -> Candidate | None:
        """Tell the sampler the rung where the bracket begins."""
        self.sampler.rung = self.s_max + 1 - len(bracket.levels)
        self.sampler.is_guided = self._spent >= self.worth
        return self.sampler.ask(running)

    def tell(self, trial: Trial) -> None:
        """Count what it spent, too."""
        super().tell(trial)
        amount = self._amounts.get(trial.candidate.effort, Fraction(0))
        self._spent += amount - (self._below.get(amount, Fraction(0)) if trial.candidate.continues else 0)

    def state_dict(self) -> dict[str, Any]:
        """That of Hyperband, and what was spent."""
        return {**super().state_dict(), "spent": str(self._spent)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        super().load_state_dict(state)
        self._spent = Fraction(state["spent"])
