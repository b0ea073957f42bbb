"""The median stopping rule."""

from __future__ import annotations

import bisect
import math
from collections.abc import Collection, Sequence
from itertools import accumulate
from statistics import median
from typing import final

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.strategies.pruners.pruner import Observed, Pruner, judged_objective
from archwright.trials import Report, Trial, TrialState, Verdict

__all__ = ["MedianPruner"]


@final
class MedianPruner(Pruner):
    """Stops a trial at a step when it is worse than the median of the completed trials up to there.

    The trial's best value so far is compared with the median, over the completed trials, of the mean of what each
    reported up to that step (Golovin et al. 2017, doi:10.1145/3097983.3098043, section 3.2.2). Steps without the
    metric, and values that are not finite, are passed over: without one finite value yet, a trial goes on. Trials on
    another share of the data are not compared.

    Args:
        objectives: The first one that is optimised is judged, where no metric is named.
        metric: Name of the reported metric to judge by.
        warmup_steps: Reports at smaller steps are not judged.
        minimum_trials: How many completed trials there must be to compare with, at least 1.

    Raises:
        UsageError: When there is no metric to judge by, minimum_trials < 1 or warmup_steps < 0.
    """

    def __init__(
        self,
        objectives: Sequence[Objective] = (),
        *,
        metric: str | None = None,
        warmup_steps: int = 0,
        minimum_trials: int = 5,
    ) -> None:
        if minimum_trials < 1:
            raise UsageError(f"the pruner 'median': expected minimum_trials >= 1, got {minimum_trials}")
        self.objective = judged_objective("median", metric, objectives, warmup_steps)
        self.warmup_steps, self.minimum_trials = warmup_steps, minimum_trials
        # Ended trials do not change; so their means need to be worked out once.
        self._means: dict[int, tuple[Trial, list[int], list[float]]] = {}

    def judge(self, trial: Trial, curve: Sequence[Report], others: Collection[Observed]) -> Verdict:
        """Stop where the best is strictly worse than the median of the means."""
        step = curve[-1].step
        losses = self._losses(curve)
        if step < self.warmup_steps or not losses or self.objective.name not in curve[-1].metrics:
            return Verdict.GO_ON
        means = [mean for other in others if (mean := self._mean(trial, other, step)) is not None]
        if len(means) < self.minimum_trials:
            return Verdict.GO_ON
        return Verdict.STOP if min(loss for _, loss in losses) > median(means) else Verdict.GO_ON

    def _losses(self, curve: Sequence[Report]) -> list[tuple[int, float]]:
        name, loss = self.objective.name, self.objective.loss
        found = ((point.step, point.metrics.get(name, math.nan)) for point in curve)
        return [(step, loss(value)) for step, value in found if math.isfinite(value)]

    def _mean(self, judged: Trial, other: Observed, step: int) -> float | None:
        """The mean loss of a completed trial up to a step, None where there is nothing to compare with."""
        trial, curve = other
        share = trial.candidate.effort.data_fraction
        if trial.state is not TrialState.COMPLETED or share != judged.candidate.effort.data_fraction:
            return None
        known = self._means.get(trial.number)
        if known is None or known[0] is not trial:
            losses = self._losses(curve)
            sums = accumulate(loss for _, loss in losses)
            means = [total / count for count, total in enumerate(sums, 1)]
            known = self._means[trial.number] = (trial, [at for at, _ in losses], means)
        reached = bisect.bisect_right(known[1], step)
        return known[2][reached - 1] if reached else None
