"""Which trials can be compared, and in what order. Lenient where the search is strict: a run is shown as it is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from archwright.objectives.meter import METERS
from archwright.objectives.objective import Objective
from archwright.objectives.pareto import measured_value, of_most_effort, rank_key
from archwright.trials import Trial

if TYPE_CHECKING:
    from archwright.experiments import Run

# fmt: off
__all__ = [
    "comparable", "completed", "first_objective", "in_order", "is_cost", "keeps_limits", "measured", "score_names",
    "value_of",
]
# fmt: on


def first_objective(run: Run) -> Objective:
    """The objective by which the report ranks: the first that is optimised."""
    return next(objective for objective in run.objectives if objective.optimize)


def score_names(run: Run) -> list[str]:
    """The metrics that tell how good a network is, the objectives' first, then the task's; no costs."""
    wanted = [
        first_objective(run).name,
        *(o.name for o in (*run.objectives, *run.config.objectives)),
        run.config.task.metric,
    ]
    return [name for name in dict.fromkeys(wanted) if not is_cost(run, name)]


def is_cost(run: Run, name: str) -> bool:
    """Whether a metric is read off the network or the clock, so that it says nothing of how good the network is."""
    metered = (objective.name for objective in run.objectives if objective.has_meter)
    return name in METERS or name == "seconds" or name in metered


def value_of(trial: Trial, name: str) -> float | None:
    """A metric of a trial, None where it is missing or not a finite number. See `measured_value`."""
    value = measured_value(trial, name)
    return value if value is not None and math.isfinite(value) else None


def completed(run: Run) -> list[Trial]:
    """The completed trials of the search, in the order of asking; a pruned one was completed as far as it came."""
    return [trial for trial in run.trials if trial.is_measured]


def measured(trials: Iterable[Trial], name: str) -> list[tuple[Trial, float]]:
    """The trials for which a metric is a finite number, with it."""
    return [(trial, value) for trial in trials if (value := value_of(trial, name)) is not None]


def keeps_limits(trial: Trial, objectives: Iterable[Objective]) -> bool:
    """Whether a trial's metrics are within every limit; one that was not measured is not."""
    for objective in objectives:
        if objective.limit is not None:
            value = value_of(trial, objective.name)
            if value is None or objective.violation(value) > 0:
                return False
    return True


def comparable(run: Run) -> list[Trial]:
    """The trials that compete: within the limits, by the rule of `archwright.objectives.of_most_effort`."""
    first = first_objective(run).name
    kept = (trial for trial in completed(run) if keeps_limits(trial, run.objectives))
    return of_most_effort(trial for trial in kept if value_of(trial, first) is not None)


def in_order(run: Run, most: int | None = None) -> list[Trial]:
    """The trials that compete, best first, ordered as `archwright.objectives.best_trial` chooses.

    Args:
        run: The run.
        most: How many of them; None for all.
    """
    return sorted(comparable(run), key=lambda trial: rank_key(trial, run.objectives))[:most]
