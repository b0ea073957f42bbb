"""How the minutes of a run are divided, from what training costs on the machine."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

__all__ = ["Costs", "Shares", "TimePlan", "Trainings"]

_FINALS = 0.4
"""Share of the time for the finalists, where that is enough to train each once."""
_ONCE = 0.6
"""Share of it in which each must be trained once; else fewer of the best are, or for fewer epochs."""
_REPEATS, _LEAST = 5, 0.1
"""So many trainings of each are what finalists can use, but never less than this share of the time."""
_ENOUGH = 15.0
"""Full trainings that a search needs: where there is time for more, each is longer."""
_LONGEST, _STEPS = 100, 3_000
"""Epochs up to which a training is made longer where there is time for it; or so many steps, where data are few."""
_CLOSING = 0.4
"""Share of the time that is kept for test, export and report at most."""
_FEW = 0.5
"""Share of that up to which the chosen network is trained once more, for longer than the others."""
_LONGER = 0.65
"""Share of the time for the longer training of the chosen network, at most."""


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """What is trained at full length after a search.

    Args:
        retrain: How many of the best of the search, at most; 0 trains nothing.
        ensemble: How many trainings are delivered as one network; 1 delivers a single one.
        refit: Whether what is delivered is trained once more, on training and validation data.
    """

    retrain: int = 3
    ensemble: int = 1
    refit: bool = False


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds, measured before the search, for all epochs of the recipe.

    Args:
        training: Of a training of a typical network of the space that is rather large.
        baseline: Of one of the hand-made network; 0 where there is none.
        closing: Of test, export and report.
        growth: How many times as long a training on training and validation data together takes.
    """

    training: float
    baseline: float = 0.0
    closing: float = 0.0
    growth: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Until when, in seconds since the run began, each part may go on.

    Args:
        search: The search.
        finals: The training of the finalists.
        members: Further trainings for an ensemble.
        longer: The longer training of the chosen network.
        retrain: How many of the best are among these, at most.
        fits: Whether the best and those to compare with can be trained once at all.
    """

    search: float
    finals: float
    members: float
    longer: float
    retrain: int
    fits: bool


@dataclass(frozen=True, kw_only=True)
class TimePlan:
    """What was measured to plan a run of so many minutes. It holds when the run is resumed.

    Args:
        costs: What training costs.
        contestants: Networks to compare with, the hand-made one among them.
        spent: Seconds that the plan itself and what came before it took.
        longest: Seconds that are kept, at most, to train the chosen network once more, for longer, and the one that
            the user gave for as long; 0 where none is.
    """

    costs: Costs
    contestants: int = 1
    spent: float = 0.0
    longest: float = 0.0

    def round(self, retrain: int, workers: int) -> float:
        """Seconds to train each finalist once.

        Args:
            retrain: How many of the best of the search are among them.
            workers: Trainings at once; the contestants come first, then the best.
        """
        first = math.ceil(self.contestants / workers) * self.costs.baseline
        return first + math.ceil(retrain / workers) * self.costs.training

    def members(self, retrain: int, trainings: Trainings, workers: int) -> float:
        """Seconds to train what an ensemble lacks beside the best of the search, which all count among it.

        Args:
            retrain: How many these are.
            trainings: What is trained after the search.
            workers: Trainings at once.
        """
        more = max(0, trainings.ensemble - retrain) if trainings.ensemble > 1 else 0
        return math.ceil(more / workers) * self.costs.training

    def refit(self, trainings: Trainings, workers: int) -> float:
        """Seconds to train what is delivered once more, on more data."""
        longest = max(self.costs.training, self.costs.baseline) * self.costs.growth
        return math.ceil(trainings.ensemble / workers) * longest if trainings.refit else 0.0

    def needed(self, trainings: Trainings, workers: int) -> float:
        """Seconds of a run that does the least: a search of no length, and each training once.

        Args:
            trainings: What is trained after the search.
            workers: Trainings at once.
        """
        once = self.round(1, workers) + self.members(1, trainings, workers) + self.refit(trainings, workers)
        return self.spent + once + self.costs.closing

    def shares(self, minutes: float, trainings: Trainings, workers: int) -> Shares:
        """Divide the minutes. What comes after the search has its share first, then the search what is left.

        Args:
            minutes: Of the whole run.
            trainings: What is trained after the search; without any, all is the search's.
            workers: Trainings at once.
        """
        end = minutes * 60
        if trainings.retrain < 1:
            return Shares(search=end, finals=end, members=end, longer=end, retrain=0, fits=True)
        least = self.round(1, workers) + self.members(1, trainings, workers)
        left = self._left(end, trainings, workers)
        longer = max(0.0, end - self._closing(end) - self.refit(trainings, workers))
        end = max(0.0, longer - self.longer(minutes))
        fitting = [
            k
            for k in range(1, trainings.retrain + 1)
            if self.round(k, workers) + self.members(k, trainings, workers) <= _ONCE * left
        ]
        most = max(fitting, default=1)
        once = self.round(most, workers)
        finals = max(0.0, end - self.members(most, trainings, workers))
        search = finals - max(once, min(_FINALS * left, max(_REPEATS * once, _LEAST * left)))
        return Shares(
            search=max(0.0, search),
            finals=finals,
            members=end,
            longer=longer,
            retrain=most,
            fits=least <= left,
        )

    def longer(self, minutes: float) -> float:
        """Seconds for the longer training of the chosen network."""
        end = minutes * 60
        left = max(0.0, end - self._closing(end) - self.spent)
        return min(_LONGER * left, self.longest)

    def _closing(self, end: float) -> float:
        """Seconds for test, export and report; on a machine that is very busy not all of a short time."""
        return min(self.costs.closing, _CLOSING * end)

    def _left(self, end: float, trainings: Trainings, workers: int) -> float:
        """Seconds for search and finalists; at least a little, for where other things take all of a short time."""
        needed = self._closing(end) + self.refit(trainings, workers) + self.longer(end / 60) + self.spent
        return max(_LEAST * end, end - needed)

    def full_trainings(self, minutes: float, trainings: Trainings, workers: int) -> float:
        """About how many full trainings the search's share buys.

        Args:
            minutes: Of the whole run.
            trainings: What is trained after the search.
            workers: Trainings at once.
        """
        left = max(0.0, self.shares(minutes, trainings, workers).search - self.spent)
        return left * workers / self.costs.training

    def fitting_epochs(self, minutes: float, epochs: int, trainings: Trainings, workers: int) -> int:
        """For how many epochs all can be trained once, with one of the best of the search; at least 1.

        Args:
            minutes: Of the whole run.
            epochs: Those that the costs are for.
            trainings: What is trained after the search.
            workers: Trainings at once.
        """
        left = self._left(minutes * 60, Trainings(), workers)  # a refit is among what is needed
        once = self.round(1, workers) + self.members(1, trainings, workers)
        needed = once / _ONCE + self.refit(trainings, workers)
        return epochs if needed <= left else max(1, int(epochs * left / needed))

    def planned_epochs(self, minutes: float, epochs: int, trainings: Trainings, workers: int) -> int:
        """For how many epochs networks are trained: fewer where no full training fits, more where many do.

        Args:
            minutes: Of the whole run.
            epochs: Those that the costs are for.
            trainings: What is trained after the search.
            workers: Trainings at once.
        """
        fitting = self.fitting_epochs(minutes, epochs, trainings, workers)
        if fitting < epochs:
            return fitting
        factor = self.full_trainings(minutes, trainings, workers) / _ENOUGH
        return max(epochs, min(_LONGEST, int(epochs * factor)))

    def prolonged(self, epochs: int, planned: int, steps: int, networks: int = 1) -> TimePlan:
        """The same with time to train the chosen network for longer, where the others have few epochs.

        Args:
            epochs: Those that the costs are for.
            planned: Those that the others have.
            steps: Of an epoch.
            networks: How many are trained for as long: the chosen one, and the one that the user gave.
        """
        many = max(_LONGEST, _STEPS / steps)
        if planned >= _FEW * many:
            return self
        return replace(self, longest=networks * self.costs.training * many / epochs)

    def scaled(self, factor: float) -> TimePlan:
        """The same for other epochs: so many times as many."""
        costs = self.costs
        longer = replace(costs, training=costs.training * factor, baseline=costs.baseline * factor)
        return replace(self, costs=longer)
