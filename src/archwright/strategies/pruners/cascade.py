"""Which trials go on to the next stage of a cascade."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import final

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.strategies.pruners.pruner import Observed, Pruner
from archwright.trials import Report, Trial, Verdict, stage_shares

__all__ = ["CascadePruner"]


@final
class CascadePruner(Pruner):
    """Stops a trial after a stage unless it is among the best share of those that reached the stage so far.

    A stage's report has "stage" and "stage_score" (the higher the better), as those of the estimator `cascade`; other
    reports are not judged. Of n trials that reached a stage, this one among them, the best ⌈keep · n⌉ go on: the rule
    by which asynchronous successive halving stops (Li et al. 2020, arXiv:1810.05934). Until there are 1 / keep of them
    all go on. A score that is not finite is the worst.

    Args:
        objectives: Not used; taken so that all pruners are made alike.
        keep: Share that goes on, in (0, 1): one for all stages, or one for each, separated by commas.

    Raises:
        UsageError: When keep is out of range.
    """

    def __init__(
        self, objectives: Sequence[Objective] = (), *, keep: float | Sequence[float] | str = 0.25
    ) -> None:
        self.objectives, self.keep = tuple(objectives), stage_shares(keep, "the pruner 'cascade'")

    def judge(self, trial: Trial, curve: Sequence[Report], others: Collection[Observed]) -> Verdict:
        """Stop where enough others were better at the stage."""
        stage = curve[-1].metrics.get("stage")
        if stage is None or "stage_score" not in curve[-1].metrics:
            return Verdict.GO_ON
        own = _score(curve[-1])
        scores = [
            _score(point)
            for _, reports in others
            for point in reports
            if point.metrics.get("stage") == stage and "stage_score" in point.metrics
        ]
        n = len(scores) + 1
        keep = self._share(int(stage))
        if n * keep < 1:
            return Verdict.GO_ON
        better = sum(score > own for score in scores)
        return Verdict.GO_ON if better < math.ceil(keep * n) else Verdict.STOP

    def _share(self, stage: int) -> Fraction:
        if len(self.keep) == 1:
            return self.keep[0]
        if stage >= len(self.keep):
            raise UsageError(
                f"the pruner 'cascade': keep has {len(self.keep)} shares, and a trial reached its stage {stage + 1}; "
                "give one for each stage but the last, or one for all"
            )
        return self.keep[stage]


def _score(report: Report) -> float:
    score = report.metrics["stage_score"]
    return score if math.isfinite(score) else -math.inf
