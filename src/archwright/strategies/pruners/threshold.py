"""Bounds on what a trial reports."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import final

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.strategies.pruners.pruner import Observed, Pruner, judged_objective
from archwright.trials import Report, Trial, Verdict

__all__ = ["ThresholdPruner"]


@final
class ThresholdPruner(Pruner):
    """Stops a trial that reports a number outside of bounds, or one that is not finite.

    Without bounds it stops what has diverged.

    Args:
        objectives: The first one that is optimised is judged, where no metric is named.
        metric: Name of the reported metric to judge by; reports without it are not judged.
        below: Stop when the metric is smaller than this.
        above: Stop when the metric is larger than this.
        warmup_steps: Reports at smaller steps are not held to the bounds.

    Raises:
        UsageError: When there is no metric to judge by, a bound is NaN or they leave nothing between them, or
            warmup_steps < 0.
    """

    def __init__(
        self,
        objectives: Sequence[Objective] = (),
        *,
        metric: str | None = None,
        below: float | None = None,
        above: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.below = -math.inf if below is None else below
        self.above = math.inf if above is None else above
        if not self.below <= self.above:
            raise UsageError(
                f"the pruner 'threshold': expected numbers with below <= above, got {below} and {above}"
            )
        self.objective = judged_objective("threshold", metric, objectives, warmup_steps)
        self.warmup_steps = warmup_steps

    def judge(self, trial: Trial, curve: Sequence[Report], others: Collection[Observed]) -> Verdict:
        """Stop where the last report is out of bounds."""
        value = curve[-1].metrics.get(self.objective.name)
        if value is None:
            return Verdict.GO_ON
        outside = curve[-1].step >= self.warmup_steps and not self.below <= value <= self.above
        return Verdict.STOP if outside or not math.isfinite(value) else Verdict.GO_ON
