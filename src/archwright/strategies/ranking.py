"""Which trial is better: limits first, then one objective, or the Pareto rank and crowding of several."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archwright.errors import UsageError
from archwright.objectives import Objective, objective_values
from archwright.trials import Trial, TrialState

__all__ = ["Score", "dominates", "score", "rank_keys"]


@dataclass(frozen=True, slots=True)
class Score:
    """What comparisons look at.

    Args:
        violation: How far the trial is over all limits together, each as a share of its limit (in its own
            unit where the limit is 0): 0 for a feasible trial, infinite for a failed one.
        losses: The objectives' values, all to be minimised; empty where the trial is not feasible.
    """

    violation: float
    losses: tuple[float, ...] = ()
    key: tuple[float, float] = field(init=False, repr=False, compare=False)
    """What to compare by where there is one objective: smaller is better."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.violation, self.losses[0] if self.losses else 0.0))

    @property
    def failed(self) -> bool:
        """Whether nothing is known but that it is bad."""
        return math.isinf(self.violation)

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` reads back; a failure's violation is None (JSON has no infinity)."""
        return {"violation": None if self.failed else self.violation, "losses": list(self.losses)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Score:
        """The inverse of `to_json`."""
        return cls(math.inf if data["violation"] is None else data["violation"], tuple(data["losses"]))


_FAILED = Score(math.inf)


def score(trial: Trial, objectives: Sequence[Objective]) -> Score:
    """The score of a finished trial.

    A completed trial over a limit is as infeasible as one that was never estimated for that reason; a pruned one counts
    with what it reached. A value that is not finite counts as a failure, and so does an infeasible trial that does not
    say what is over.

    Args:
        trial: A completed, pruned, failed or infeasible trial.
        objectives: What is optimised, and the limits.

    Raises:
        UsageError: When the trial is still running, or completed without the metric of an objective.
    """
    if trial.state is TrialState.RUNNING:
        raise UsageError(f"expected a finished trial, got trial {trial.number}, which is running")
    lacks = any(o.name not in trial.metrics for o in objectives)
    is_cut_short = lacks and trial.is_measured and trial.may_lack_objectives
    if trial.state is TrialState.FAILED or is_cut_short:
        return _FAILED
    completed = trial.is_measured
    measured = objectives if completed else [o for o in objectives if o.name in trial.metrics]
    values = objective_values(trial, measured)
    if not all(map(math.isfinite, values)):
        return _FAILED
    violation = 0.0
    for objective, value in zip(measured, values, strict=True):
        if objective.limit is not None:
            violation += objective.violation(value) / (abs(objective.limit) or 1.0)
    if violation > 0.0:
        return Score(violation)
    if not completed:
        return _FAILED
    return Score(0.0, tuple(o.loss(v) for o, v in zip(measured, values, strict=True) if o.optimize))


def dominates(first: Score, second: Score) -> bool:
    """Whether the first is better by constraint domination (Deb et al. 2002, doi:10.1109/4235.996017).

    It misses the limits by less; or both keep them, and it is at least as good on every objective and better on one.
    """
    if first.violation != second.violation or not first.losses:
        return first.violation < second.violation
    pairs = zip(first.losses, second.losses, strict=True)
    return first.losses != second.losses and all(mine <= other for mine, other in pairs)


def rank_keys(scores: Sequence[Score]) -> list[tuple[float, ...]]:
    """A key a trial: the smaller is better.

    Constraint domination (Deb et al. 2002, doi:10.1109/4235.996017): a feasible trial comes before an
    infeasible one, of two infeasible ones that with the smaller violation comes first, failed ones come last.
    Among the feasible it is the loss where there is one objective. Where there are several it is the Pareto
    rank (0 for the front); of one rank, the trial with the larger crowding distance comes first, so that the
    search spreads along the front.

    Args:
        scores: All of the same objectives.
    """
    first = next((score for score in scores if score.losses), None)
    if first is None or len(first.losses) == 1:
        return [score.key for score in scores]
    import moocore

    feasible = [i for i, score in enumerate(scores) if score.losses]
    losses = itertools.chain.from_iterable(scores[i].losses for i in feasible)
    points = np.fromiter(losses, np.float64).reshape(-1, len(first.losses))
    fronts: dict[int, list[int]] = {}
    for i, rank in zip(feasible, moocore.pareto_rank(points).tolist(), strict=True):
        fronts.setdefault(rank, []).append(i)
    keys: list[tuple[float, ...]] = [score.key for score in scores]
    for rank, front in fronts.items():
        for i, distance in zip(front, _crowding([scores[i].losses for i in front]), strict=True):
            keys[i] = (0.0, rank, -distance)
    return keys


def _crowding(points: Sequence[tuple[float, ...]]) -> list[float]:
    """The crowding distance of each point of one front (Deb et al. 2002): infinite at the ends.

    Between them it is the sum over the objectives of the gap between the point's two neighbours, as a share of
    the front's extent.
    """
    distances = [0.0] * len(points)
    for column in zip(*points, strict=True):
        order = sorted(range(len(points)), key=column.__getitem__)
        low, high = column[order[0]], column[order[-1]]
        distances[order[0]] = distances[order[-1]] = math.inf
        if low < high:
            for before, i, after in zip(order, order[1:], order[2:], strict=False):
                distances[i] += (column[after] - column[before]) / (high - low)
    return distances
