"""Which trials are good: feasibility, the best, the Pareto front, the hypervolume."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from archwright.errors import UsageError, did_you_mean
from archwright.objectives.direction import Direction
from archwright.objectives.objective import Objective, optimized
from archwright.trials import Trial, TrialState

__all__ = [
    "best_trial",
    "best_trials",
    "expected_cost",
    "hypervolume",
    "is_feasible",
    "keeps_limits",
    "measured_value",
    "objective_values",
    "of_most_effort",
    "pareto_front",
    "rank_key",
]


def objective_values(trial: Trial, objectives: Sequence[Objective]) -> tuple[float, ...]:
    """What a completed trial scored on each objective, in the metric's own unit and direction.

    "seconds" is the wall time of the estimate where no metric of that name was measured.

    Args:
        trial: A completed trial.
        objectives: What to look up.

    Returns:
        One number an objective, in their order.

    Raises:
        UsageError: When an objective was not measured.
    """
    return tuple(_value(trial, objective.name) for objective in objectives)


def keeps_limits(objectives: Sequence[Objective], metrics: Mapping[str, float]) -> bool:
    """Whether all that is known of a network is within its limits; what is not known breaks none."""
    return all(one.violation(metrics[one.name]) == 0.0 for one in objectives if one.name in metrics)


def is_feasible(trial: Trial, objectives: Sequence[Objective]) -> bool:
    """Whether a trial was measured, every objective is a finite number, and every limit is kept.

    A trial that was pruned, or scored by a proxy, may lack an objective, and is not feasible then.

    Raises:
        UsageError: When an objective was not measured by a completed trial.
    """
    if not trial.is_measured:
        return False
    if trial.may_lack_objectives and not all(o.name in trial.metrics for o in objectives):
        return False
    return all(
        math.isfinite(value) and objective.violation(value) == 0.0
        for objective, value in zip(objectives, objective_values(trial, objectives), strict=True)
    )


def expected_cost(trial: Trial) -> tuple[int, float]:
    """How much effort a trial's result stands for; larger is more. See `Fidelity.cost`.

    Full fidelity is more than any number of epochs, any resolution and any scale.

    A pruned trial counts at the fidelity that it reached: the epochs of its curve.
    """
    effort, epochs = trial.candidate.effort, trial.candidate.effort.epochs
    if trial.state is TrialState.PRUNED:
        curve = trial.measurement.curve if trial.measurement else ()
        reached = int(curve[-1].get("epoch", len(curve))) if curve else 0
        epochs = reached if epochs is None else min(reached, epochs)
    return effort.cost(epochs)


def of_most_effort(trials: Iterable[Trial]) -> list[Trial]:
    """The trials that may be compared with each other as the results of a search: those of the largest expected cost.

    These are the trials at full fidelity, where there are any: a score after two epochs says little beside one after
    twenty.
    """
    costs = [(expected_cost(trial), trial) for trial in trials]
    most = max((cost for cost, _ in costs), default=None)
    return [trial for cost, trial in costs if cost == most]


def best_trial(trials: Iterable[Trial], objectives: Sequence[Objective]) -> Trial | None:
    """The best trial. See `best_trials`."""
    return next(iter(best_trials(trials, objectives, 1)), None)


def best_trials(
    trials: Iterable[Trial],
    objectives: Sequence[Objective],
    most: int,
    same: Callable[[Trial], Hashable] = lambda trial: trial.number,
) -> list[Trial]:
    """The best feasible trials. This is the one rule of what is best, for searches, reports and retraining alike.

    A trial of larger expected cost comes first: at full fidelity where there are such trials (`expected_cost`). Among
    equals it is the better on the first optimised objective.

    A tie goes to the better on the next optimised objective and so on, then to the smaller loss: on a few hundred
    validation examples many networks have the same accuracy, and the loss still tells the surer one. Then it goes
    to the better on the limits' metrics in their order, then to the lower number.

    Args:
        trials: In any order.
        objectives: At least one of them optimised.
        most: How many.
        same: Gives equal keys to trials of which only the best is wanted, such as those of one architecture.

    Returns:
        The trials, best first; fewer where not so many are feasible.

    Raises:
        UsageError: When no objective is optimised, or one was not measured.
    """
    optimized(objectives)
    found: dict[Hashable, Trial] = {}
    feasible = [trial for trial in trials if is_feasible(trial, objectives)]
    for trial in sorted(feasible, key=lambda trial: rank_key(trial, objectives)):
        if len(found) == most:
            break
        found.setdefault(same(trial), trial)
    return list(found.values())


def rank_key(trial: Trial, objectives: Sequence[Objective]) -> tuple[Any, ...]:
    """What is smaller for the better of two trials that keep the limits. See `best_trials`.

    What was not measured, or is no finite number, counts as the worst.
    """

    def losses(is_optimized: bool) -> list[float]:
        chosen = [o for o in objectives if o.optimize is is_optimized]
        values = [measured_value(trial, objective.name) for objective in chosen]
        return [
            math.inf if value is None or not math.isfinite(value) else objective.loss(value)
            for objective, value in zip(chosen, values, strict=True)
        ]

    full, cost = expected_cost(trial)
    loss = trial.metrics.get("loss", 0.0)
    loss = loss if math.isfinite(loss) else 0.0
    return -full, -cost, losses(True), loss, losses(False), trial.number


def pareto_front(trials: Iterable[Trial], objectives: Sequence[Objective]) -> list[int]:
    """The numbers of the feasible trials that no other dominates, among those of the largest expected cost.

    One dominates another when it is at least as good on every optimised objective and better on one, so
    trials that score alike are on the front together. Limits bound the candidates; they span no axis of it.

    Args:
        trials: In any order.
        objectives: At least one of them optimised; with just one, the front is the best trial and its ties.

    Returns:
        Trial numbers, best on the first optimised objective first, ties as in `best_trials`.

    Raises:
        UsageError: When no objective is optimised, or one was not measured.
    """
    import moocore

    goals = optimized(objectives)
    feasible = of_most_effort(trial for trial in trials if is_feasible(trial, objectives))
    if not feasible:
        return []
    values = [objective_values(trial, goals) for trial in feasible]
    losses = [[o.loss(value) for o, value in zip(goals, row, strict=True)] for row in values]
    # Weakly dominated points would be dropped otherwise: of two equal networks, the second.
    kept = moocore.is_nondominated(np.array(losses, dtype=float), keep_weakly=True)
    front = [trial for trial, keep in zip(feasible, kept, strict=True) if keep]
    return [trial.number for trial in sorted(front, key=lambda trial: rank_key(trial, objectives))]


def hypervolume(points: ArrayLike, objectives: Sequence[Objective], reference: Sequence[float]) -> float:
    """The volume that the points dominate, up to the reference point (Zitzler & Thiele 1998).

    Args:
        points: Shape (n, m): a row a network, a column an optimised objective, in the metric's own unit and
            direction (an accuracy is not negated). Points that do not dominate the reference add nothing.
        objectives: Their m optimised ones give the directions; limits are passed over.
        reference: Length m: a point that is worse than all of interest, in the same units.

    Returns:
        The volume, in the product of the units; larger is better, 0 for no points.

    Raises:
        UsageError: When no objective is optimised, the columns and the reference do not fit them, or a number
            is NaN.
    """
    import moocore

    goals = optimized(objectives)
    corner = np.asarray(reference, dtype=float)
    if corner.shape != (len(goals),):
        raise UsageError(
            f"expected a reference point of {len(goals)} numbers, one for each of "
            f"{', '.join(objective.name for objective in goals)}; got the shape {corner.shape}"
        )
    rows = np.asarray(points, dtype=float)
    if rows.size == 0:
        return 0.0
    if rows.ndim != 2 or rows.shape[1] != len(goals):
        raise UsageError(
            f"expected points of the shape (n, {len(goals)}), a column for each of "
            f"{', '.join(objective.name for objective in goals)}; got {rows.shape}"
        )
    if np.isnan(rows).any() or np.isnan(corner).any():
        raise UsageError(
            "expected numbers to measure a hypervolume of, got NaN; leave out trials that failed"
        )
    maximize = [objective.direction is Direction.MAXIMIZE for objective in goals]
    return float(moocore.hypervolume(rows, ref=corner, maximise=maximize))


def measured_value(trial: Trial, name: str) -> float | None:
    """A metric of a trial, None where it is missing.

    "seconds" is the wall time of the estimate where no metric of that name was measured.
    """
    measurement = trial.measurement
    if measurement is None:
        return None
    value = measurement.metrics.get(name)
    return measurement.seconds if value is None and name == "seconds" else value


def _value(trial: Trial, name: str) -> float:
    value = measured_value(trial, name)
    if value is None:
        raise UsageError(
            f"the objective {name!r} was not measured by trial {trial.number}, which is {trial.state}."
            f"{did_you_mean(name, trial.metrics)}"
        )
    return float(value)
