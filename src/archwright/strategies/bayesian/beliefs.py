"""What a search believes: a Gaussian process of the loss, and one of each limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archwright.strategies.bayesian.acquisition import log_expected_improvement, log_probability_below
from archwright.strategies.bayesian.posterior import Posterior
from archwright.strategies.bayesian.targets import Bounded
from archwright.surrogates import Hyperparameters, MixedKernel, fit_hyperparameters

__all__ = ["Beliefs", "Goal"]

Matrix = NDArray[np.float64]

_STEPS = 15


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

    def promise(self, goal: Goal, candidates: Matrix | None = None) -> Matrix:
        """The logarithm of the constrained expected improvement.

        Args:
            goal: What is known of the rows.
            candidates: Shape (candidates, columns); None for the pool, which takes less time.
        """
        promise = np.zeros(())
        for i, (posterior, values) in enumerate(zip(self._posteriors, goal.values, strict=True)):
            if np.isnan(values).all() or (i == 0 and goal.incumbent is None):
                continue
            values = posterior.believed(values)
            mean, deviation = (
                posterior.predict(values) if candidates is None else posterior.look(values, candidates)
            )
            if i == 0 and goal.incumbent is not None:
                promise = promise + log_expected_improvement(mean, deviation, goal.incumbent)
            elif i > 0:
                promise = promise + log_probability_below(mean, deviation, goal.bounds[i - 1].limit)
        return promise
