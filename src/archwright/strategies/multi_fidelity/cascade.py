"""A cascade: from proxies over a short training to the full one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.strategies.multi_fidelity.brackets import Bracket, Entry, Promoting
from archwright.strategies.multi_fidelity.engine import MultiFidelity
from archwright.strategies.ranking import Score
from archwright.trials import Candidate, Fidelity, Trial, TrialState, stage_shares

__all__ = ["Cascade"]

_SHORT = 4


class Cascade(MultiFidelity):
    """Scores many configurations by proxies; the best share of each stage goes on, to a short training, then the full.

    Its trials are measured by the estimator `cascade`; each records its stage in its fidelity: the proxy's name, or the
    epochs. A stage is a rung of asynchronous successive halving (Li et al. 2020, arXiv:1810.05934, promotion): whoever
    is in the best share of what has ended in its stage goes on, the highest stage first, and no worker waits. The first
    training begins anew; the full one continues the short one where these differ in epochs alone. Once there are no
    more configurations, the best of each stage out of which none has gone on does: one at least is trained in full.

    The sampler is told what training found; of a configuration that stays at a proxy, that it was cut short.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        proxies: Names of estimators that score at once, separated by commas, the cheapest first.
        keep: Share of a stage that goes on, in (0, 1): one for all, or one for each proxy and the short training,
            separated by commas.
        short: Share of the most effort that is spent in the short training, in (0, 1), but never less than the least.
        options: Of `MultiFidelity` without `eta`.

    Raises:
        UsageError: When an option is out of range, or the fidelity is no range.
    """

    measured_by: ClassVar[str | None] = "cascade"

    def __init__(
        self,
        space: SearchSpace[Any],
        objectives: Sequence[Objective],
        *,
        proxies: str = "synflow",
        keep: float | Sequence[float] | str = 0.25,
        short: float = 1 / _SHORT,
        **options: Any,
    ) -> None:
        super().__init__(space, objectives, **options)
        names = [name.strip() for name in proxies.split(",") if name.strip()]
        if not 0 < short < 1 or not names or len(set(names)) < len(names):
            raise UsageError(
                f"cascade: expected different proxies and 0 < short < 1, got {proxies!r} and {short}; name each once"
            )
        low, high = self.ends
        self.keep = stage_shares(keep, "the strategy 'cascade'", [*names, "the short training"])
        trained = [self.fidelity.at(max(low, high * Fraction(str(short)))), self.fidelity.high]
        self.levels = [*(Fidelity(proxy=name) for name in names), *trained]

    def open_bracket(self, number: int) -> Bracket:
        """The only one."""
        return Promoting(self.levels, lambda rung, n: math.floor(n * self.keep[rung]), ends_on_top=True)

    def inform(self, trial: Trial) -> None:
        """Tell the sampler; of a proxy's trial, that it was cut short."""
        is_proxys = trial.candidate.effort.proxy is not None and trial.state is TrialState.COMPLETED
        super().inform(replace(trial, state=TrialState.PRUNED) if is_proxys else trial)

    def scored(self, trial: Trial) -> Score:
        """By the stage's own score, the higher the better, where a proxy gave it."""
        if trial.candidate.effort.proxy is None:
            return super().scored(trial)
        found = trial.metrics.get("stage_score", math.nan)
        if trial.state is TrialState.COMPLETED and math.isfinite(found):
            return Score(0.0, (-found,))
        return Score(math.inf)

    def _further(self, number: int, rung: int, entry: Entry) -> Candidate:
        """A proxy leaves no weights to go on from."""
        made = super()._further(number, rung, entry)
        return made if self.levels[rung].proxy is None else replace(made, inherit="architecture")
