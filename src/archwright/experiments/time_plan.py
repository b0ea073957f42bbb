"""How the minutes of a run are divided, from what training costs on the machine."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

__all__ = ["Costs", "Shares", "TimePlan"]

_FINALS = 0.4
"""Share of the time for the finalists, where that is enough to train each once."""
_ONCE = 0.6
"""Share of it in which each must be trained once; else fewer of the best are, or for fewer epochs."""
_REPEATS, _LEAST = 5, 0.1
"""So many trainings of each are what finalists can use, but never less than this share of the time."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds, measured before the search, for all epochs of the recipe.

    Args:
        training: Of a training of a typical network of the space that is rather large.
        baseline: Of one of the hand-made network; 0 where there is none.
        closing: Of test, export and report.
    """

    training: float
    baseline: float = 0.0
    closing: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Until when, in seconds since the run began, each part may go on.

    Args:
        search: The search.
        finals: The training of the finalists.
        retrain: How many of the best are among these, at most.
        fits: Whether the best and those to compare with can be trained once at all.
    """

    search: float
    finals: float
    retrain: int
    fits: bool


@dataclass(frozen=True, kw_only=True)
class TimePlan:
    """What was measured to plan a run of so many minutes. It holds when the run is resumed.

    Args:
        costs: What training costs.
        contestants: Networks to compare with, the hand-made one among them.
        spent: Seconds that the plan itself and what came before it took.
    """

    costs: Costs
    contestants: int = 1
    spent: float = 0.0

    def round(self, retrain: int, workers: int) -> float:
        """Seconds to train each finalist once.

        Args:
            retrain: How many of the best of the search are among them.
            workers: Trainings at once; the contestants come first, then the best.
        """
        first = math.ceil(self.contestants / workers) * self.costs.baseline
        return first + math.ceil(retrain / workers) * self.costs.training

    def shares(self, minutes: float, retrain: int, workers: int) -> Shares:
        """Divide the minutes. The finalists have their share first, then the search what is left.

        Args:
            minutes: Of the whole run.
            retrain: How many of the best are trained again at most; 0 leaves all to the search.
            workers: Trainings at once.
        """
        end = minutes * 60
        if retrain < 1:
            return Shares(search=end, finals=end, retrain=0, fits=True)
        finals = end - self.costs.closing
        left = max(0.0, finals - self.spent)
        fitting = [k for k in range(1, retrain + 1) if self.round(k, workers) <= _ONCE * left]
        most = max(fitting, default=1)
        once = self.round(most, workers)
        search = finals - max(once, min(_FINALS * left, max(_REPEATS * once, _LEAST * left)))
        return Shares(
            search=max(0.0, search), finals=finals, retrain=most, fits=self.round(1, workers) <= left
        )

    def trainings(self, minutes: float, retrain: int, workers: int) -> float:
        """About how many full trainings the search's share buys.

        Args:
            minutes: Of the whole run.
            retrain: How many of the best are trained again at most.
            workers: Trainings at once.
        """
        left = max(0.0, self.shares(minutes, retrain, workers).search - self.spent)
        return left * workers / self.costs.training

    def fitting_epochs(self, minutes: float, epochs: int, workers: int) -> int:
        """For how many epochs each finalist, one of the search among them, can be trained once; at least 1.

        Args:
            minutes: Of the whole run.
            epochs: Those that the costs are for.
            workers: Trainings at once.
        """
        left = max(0.0, minutes * 60 - self.costs.closing - self.spent)
        once = self.round(1, workers)
        return epochs if once <= _ONCE * left else max(1, int(epochs * _ONCE * left / once))

    def scaled(self, factor: float) -> TimePlan:
        """The same for other epochs: so many times as many."""
        costs = self.costs
        longer = replace(costs, training=costs.training * factor, baseline=costs.baseline * factor)
        return replace(self, costs=longer)
