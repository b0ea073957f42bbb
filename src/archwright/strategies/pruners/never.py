"""No pruning."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import final

from archwright.objectives import Objective
from archwright.strategies.pruners.pruner import Observed, Pruner
from archwright.trials import Report, Trial, Verdict

__all__ = ["NeverPruner"]


@final
class NeverPruner(Pruner):
    """Lets every trial go on to its end.

    Args:
        objectives: Not used; taken so that all pruners are made alike.
    """

    def __init__(self, objectives: Sequence[Objective] = ()) -> None:
        self.objectives = tuple(objectives)

    def judge(self, trial: Trial, curve: Sequence[Report], others: Collection[Observed]) -> Verdict:
        """Go on."""
        return Verdict.GO_ON
