"""The seam of pruners: when to stop a trial early."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.trials import Report, Trial, Verdict

__all__ = ["Observed", "Pruner", "judged_objective"]

Observed = tuple[Trial, Sequence[Report]]
"""A trial and its curve: what it reported, in order; after what its parent reported where it goes on from that."""


class Pruner(ABC):
    """Judges each report of a trial. The verdict depends on the arguments of `judge` alone.

    Verdicts are recorded: after an interruption nothing is judged again, and a trial that was told to stop stays told.
    """

    @abstractmethod
    def judge(self, trial: Trial, curve: Sequence[Report], others: Collection[Observed]) -> Verdict:
        """Whether a trial is to go on after what it has just reported.

        Args:
            trial: The trial, which is running.
            curve: Its reports; the last one is to be judged. Metrics may be NaN or infinite.
            others: All other trials of the search so far, in any state.
        """


def judged_objective(
    name: str, metric: str | None, objectives: Sequence[Objective], warmup_steps: int
) -> Objective:
    """The metric that a pruner looks at, with its direction: the given one, or the first objective.

    Raises:
        UsageError: When there is none, its direction is not known, or warmup_steps < 0.
    """
    if warmup_steps < 0:
        raise UsageError(f"the pruner {name!r}: expected warmup_steps >= 0, got {warmup_steps}")
    for objective in objectives:
        if objective.name == metric or (metric is None and objective.optimize):
            return objective
    if metric is None:
        raise UsageError(f"the pruner {name!r} needs an objective to optimise, or the option metric")
    return Objective(metric)
