"""How far from the table's best a search still is, and what random search reaches without running it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archwright.benchmarks.table import Table
from archwright.errors import UsageError
from archwright.objectives import Objective, expected_cost, hypervolume, optimized
from archwright.trials import Trial

__all__ = ["Reference", "Standing", "Tracker", "Truth", "random_search_regret"]

_MARGIN = 0.1

Reference = Literal["front", "table"]
"""From where a hypervolume is measured: a tenth of the front's extent beyond the worst of the front, so that all of it
counts and little else, or the worst of the whole table."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a search stands after some evaluations.

    Args:
        validation_regret: The table's best value of the first objective less that of the incumbent: what the search
            holds for the best so far. In the table's unit: percentage points of an accuracy.
        test_regret: The same of the incumbent's test value, against the table's best test value; None where the
            table has none.
        hypervolume: Share of the hypervolume of the table's Pareto front, in [0, 1]; None with one objective.
    """

    validation_regret: float
    test_regret: float | None
    hypervolume: float | None


class Truth:
    """What is best in a table, for some objectives. Repeated runs count by their mean.

    Args:
        table: The table.
        objectives: Of its metrics; the first that is optimised is the one that regret is about. Only networks that
            keep the limits count.
        reference: From where a hypervolume is measured, with several objectives. See `Reference`.

    Raises:
        UsageError: When none is optimised, no network keeps the limits, or the reference is unknown.
    """

    def __init__(
        self, table: Table, objectives: Sequence[Objective], *, reference: Reference = "front"
    ) -> None:
        if reference not in ("front", "table"):
            raise UsageError(f"expected the reference 'front' or 'table', got {reference!r}")
        self.table, self.objectives = table, tuple(objectives)
        self.optimized = optimized(objectives)
        self.scale, self.unit = table.unit(self.optimized[0])
        allowed = np.ones(len(table.rows), dtype=bool)
        for objective, column in zip(objectives, table.values([o.name for o in objectives]).T, strict=True):
            if objective.limit is not None:
                allowed &= objective.loss(1.0) * column <= objective.loss(objective.limit)
        if not allowed.any():
            limits = ", ".join(str(objective) for objective in objectives if objective.limit is not None)
            raise UsageError(f"no network of {table.name} keeps {limits}; loosen the limit")
        values = table.values([objective.name for objective in self.optimized])
        self.values: NDArray[np.float64] = values
        """Shape (networks, optimised objectives)."""
        self.allowed: list[bool] = allowed.tolist()
        losses = self.optimized[0].loss(1.0) * values[:, 0]
        best = losses[allowed].min()
        self.regrets: list[float] = (self.scale * (losses - best)).tolist()
        self.test_regrets: list[float] | None = None
        if table.test is not None and self.optimized[0].name == table.objectives[0].name:
            test = self.optimized[0].loss(1.0) * table.values([table.test])[:, 0]
            self.test_regrets = (self.scale * (test - test[allowed].min())).tolist()
        self.front: NDArray[np.float64] | None = None
        self.reference: list[float] = []
        self.volume = 0.0
        if len(self.optimized) > 1:
            self._find_front(values[allowed], reference)

    def _find_front(self, values: NDArray[np.float64], reference: Reference) -> None:
        """The true front and its volume up to the reference point."""
        import moocore

        signs = np.array([objective.loss(1.0) for objective in self.optimized])
        losses = np.unique(values * signs, axis=0)
        front = losses[moocore.is_nondominated(losses)]
        worst, best = front.max(axis=0), front.min(axis=0)
        corner = losses.max(axis=0) if reference == "table" else worst + _MARGIN * (worst - best)
        self.reference = (corner * signs).tolist()
        self.front = front * signs
        self.volume = hypervolume(self.front, self.optimized, self.reference)

    def share(self, points: ArrayLike) -> float:
        """The hypervolume of some points as a share of the true front's."""
        if self.volume == 0.0:  # the front is one point
            return float(len(np.atleast_2d(points)) > 0)
        return hypervolume(points, self.optimized, self.reference) / self.volume


class Tracker:
    """Follows one search trial by trial.

    The incumbent is the best of the trials of the largest expected cost, as in a real search: a network that was
    trained to the end comes before one that was stopped, whatever both reached. Regret is that of its final result in
    the table.

    Args:
        truth: What is best.
    """

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self._signs = [objective.loss(1.0) for objective in truth.optimized]
        self._begin((0, 0.0))

    def _begin(self, cost: tuple[int, float]) -> None:
        """Forget what was measured less closely."""
        self._cost, self._best = cost, float("inf")
        self._losses: list[tuple[float, ...]] = []
        self._standing: Standing | None = None

    def add(self, trial: Trial) -> Standing | None:
        """Count a trial that ended; one that failed, or that the table does not have, changes nothing.

        Returns:
            How the search stands where that has changed, else None.
        """
        truth = self.truth
        position = truth.table.positions.get(truth.table.space.canonical(trial.architecture))
        cost = expected_cost(trial)
        if not trial.is_measured or position is None or not truth.allowed[position] or cost < self._cost:
            return None
        if cost > self._cost:
            self._begin(cost)
        before = self._standing
        regret = before.validation_regret if before else 0.0
        test = before.test_regret if before else None
        share = before.hypervolume if before else None
        loss = self._signs[0] * trial.metrics[truth.optimized[0].name]
        if improved := before is None or loss < self._best:
            self._best = loss
            regret = truth.regrets[position]
            test = None if truth.test_regrets is None else truth.test_regrets[position]
        if truth.front is not None and self._extends(position):
            front = np.array(self._losses) * np.array(self._signs)
            share, improved = truth.share(front), True
        if not improved:
            return None
        self._standing = Standing(regret, test, share)
        return self._standing

    def _extends(self, position: int) -> bool:
        """Put a network on the front of this search; whether it belongs there."""
        found = self.truth.values[position].tolist()
        losses = tuple(sign * value for sign, value in zip(self._signs, found, strict=True))
        if any(_as_good(known, losses) for known in self._losses):
            return False
        self._losses = [known for known in self._losses if not _as_good(losses, known)] + [losses]
        return True


def _as_good(losses: Sequence[float], others: Sequence[float]) -> bool:
    """Whether none of some losses is above the others'."""
    return all(a <= b for a, b in zip(losses, others, strict=True))


def random_search_regret(truth: Truth, evaluations: int) -> tuple[float, float | None]:
    """The expected regret of random search that draws networks uniformly, none twice, in closed form.

    Of N networks sorted from the best, the best of n drawn is not among the first k with the probability
    P(k) = (N - n)! (N - k)! / (N! (N - n - k)!), so the k-th is the best drawn with P(k - 1) - P(k), and the expected
    regret is the sum over k of that times the k-th regret. `Strategy` random draws decisions instead, and so networks
    with more spellings more often.

    Args:
        truth: The table and its objectives, without limits.
        evaluations: n, from 1; more than there are networks mean all of them.

    Returns:
        The validation regret, and the test regret of the network that is best by validation; None without test
        values. Of networks with equal validation value any may be drawn first.

    Raises:
        UsageError: When evaluations < 1.
    """
    if evaluations < 1:
        raise UsageError(f"expected at least 1 evaluation, got {evaluations}")
    regrets = np.array(truth.regrets)[truth.allowed]
    count = len(regrets)
    order = np.argsort(regrets, kind="stable")
    k = np.arange(count)
    above = np.cumprod(np.maximum(count - min(evaluations, count) - k, 0) / (count - k))
    chance = -np.diff(above, prepend=1.0)
    regret = float(chance @ regrets[order])
    if truth.test_regrets is None:
        return regret, None
    test = np.array(truth.test_regrets)[truth.allowed][order]
    _, group = np.unique(regrets[order], return_inverse=True)
    mean = np.bincount(group, test) / np.bincount(group)
    return regret, float(chance @ mean[group])
