"""What a search believes: a Gaussian process of the loss, and one of each limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archwright.strategies.bayesian.acquisition import log_expected_improvement, log_probability_below
from archwright.strategies.bayesian.posterior import Posterior
from archwright.strategies.bayesian.targets import Bounded
from archwright.surrogates import Hyperparameters, MixedKernel, fit_hyperparameters

__all__ = ["DIGITS", "Beliefs", "Goal"]

Matrix = NDArray[np.float64]

DIGITS = 9
"""Beyond which two promises are equal, so that rounding errors decide nothing."""

_STEPS = 15
_LOOKED_AT = 3


@dataclass(frozen=True, slots=True)
class Goal:
    """What the processes are about.

    Args:
        loss: Shape (rows,), about mean 0 and deviation 1; NaN where it is not known.
        incumbent: The smallest loss that keeps the limits; None while nothing does.
        bounds: What is known of each limit.
    """

    loss: Matrix
    incumbent: float | None
    bounds: Sequence[Bounded]

    @property
    def values(self) -> list[Matrix]:
        """The values of each process."""
        return [self.loss, *(bound.values for bound in self.bounds)]


@dataclass(frozen=True, slots=True)
class _Judged:
    """What one process says of candidates: the mean, the logarithm of what it promises, and against what."""

    mean: Matrix
    promise: Matrix
    target: float
    is_limit: bool


class Beliefs:
    """A process of the loss and one of each limit, which share their kernel and their rows.

    Args:
        kernel: The kernel.
        limits: How many limits there are.

    Attributes:
        fitted: The hyperparameters of each process.
    """

    def __init__(self, kernel: MixedKernel, limits: int) -> None:
        self._kernel = kernel
        self.fitted = [Hyperparameters.prior(kernel)] * (1 + limits)
        self._posteriors: list[Posterior] = []

    def fit(self, rows: Matrix, goal: Goal) -> None:
        """Fit the hyperparameters of each process that knows two values, from where they are."""
        for i, values in enumerate(goal.values):
            given = ~np.isnan(values)
            if given.sum() >= 2:
                self.fitted[i] = fit_hyperparameters(
                    self._kernel, rows[given], values[given], self.fitted[i], steps=_STEPS
                )

    def condition(self, rows: Matrix) -> None:
        """Begin anew with these rows, shape (rows, columns), and no pool."""
        self._posteriors = [Posterior(self._kernel, fitted, rows) for fitted in self.fitted]

    def watch(self, pool: Matrix) -> None:
        """Let the pool be these candidates, shape (candidates, columns)."""
        for posterior in self._posteriors:
            posterior.watch(pool)

    def add_row(self, row: Matrix) -> None:
        """Condition on one more architecture, shape (1, columns)."""
        for posterior in self._posteriors:
            posterior.add_row(row)

    def screen(self, goal: Goal, candidates: Matrix, kept: int, left_out: Sequence[int]) -> list[int]:
        """The places of the candidates that promise most, best first.

        All are glanced at, and of those whose promise may at best be large, several times as many as are kept, the
        promise is worked out.

        Args:
            goal: What is known of the rows.
            candidates: Shape (candidates, columns).
            kept: How many at most.
            left_out: Places that are not kept.
        """
        most = np.zeros(len(candidates))
        single = candidates.astype(np.float32)
        for judged in self._judged(goal, lambda posterior, values: posterior.glance(values, single)):
            # The probability that a limit is kept grows with the deviation only where the mean does not keep it.
            most += np.where(judged.is_limit & (judged.mean < judged.target), 0.0, judged.promise)
        most[left_out] = -np.inf
        looked_at = np.argpartition(-most, min(_LOOKED_AT * kept, len(most) - 1))[: _LOOKED_AT * kept]
        looked_at = np.sort(looked_at[most[looked_at] > -np.inf])
        promise = np.round(self.promise(goal, candidates[looked_at]), DIGITS)
        best: list[int] = looked_at[np.argsort(-promise, kind="stable")[:kept]].tolist()
        return best

    def promise(self, goal: Goal, candidates: Matrix | None = None) -> Matrix:
        """The logarithm of the constrained expected improvement.

        Args:
            goal: What is known of the rows.
            candidates: Shape (candidates, columns); None for the pool, which takes less time.
        """
        if candidates is None:
            found = self._judged(goal, lambda posterior, values: posterior.predict(values))
        else:
            found = self._judged(goal, lambda posterior, values: posterior.look(values, candidates))
        promise = np.zeros(self._posteriors[0].width if candidates is None else len(candidates))
        for judged in found:
            promise += judged.promise
        return promise

    def _judged(
        self, goal: Goal, predicted: Callable[[Posterior, Matrix], tuple[Matrix, Matrix]]
    ) -> Iterator[_Judged]:
        """What each process that knows anything says."""
        targets = [goal.incumbent, *(bound.limit for bound in goal.bounds)]
        for i, (posterior, values, target) in enumerate(
            zip(self._posteriors, goal.values, targets, strict=True)
        ):
            if target is not None and not np.isnan(values).all():
                mean, deviation = predicted(posterior, posterior.believed(values))
                judge = log_probability_below if i else log_expected_improvement
                yield _Judged(mean, judge(mean, deviation, target), target, i > 0)
