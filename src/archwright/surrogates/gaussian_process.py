"""An exact Gaussian process on architectures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.spaces import Architecture, Space
from archwright.surrogates.columns import Columns
from archwright.surrogates.features import Features
from archwright.surrogates.kernel import MixedKernel
from archwright.surrogates.posterior import NOISE_MEAN, Posterior, prior_hyperparameters
from archwright.surrogates.surrogate import Prediction, Refitted, Vector

__all__ = ["GaussianProcess", "fit_hyperparameters"]

Matrix = NDArray[np.float64]

_WEIGHT_SPREAD = 0.5
_NOISE_SPREAD = 1.5
_LOWEST, _HIGHEST = -9.0, 4.0
_MOST_FITTED = 400


def fit_hyperparameters(
    kernel: MixedKernel, rows: Matrix, values: Matrix, start: Matrix, *, steps: int = 20
) -> Matrix:
    """The most likely hyperparameters after seeing data, by L-BFGS from a start (maximum a posteriori).

    The signal's variance s² is profiled out: at its best value yᵀK⁻¹y/n, the negative log likelihood is
    ½ n log s² + ½ log|K|. Weights and noise are log-normal a priori.

    Args:
        kernel: The kernel.
        rows: Shape (n, columns), see `Features`. Of more than 400 rows an evenly spaced 400 are looked at.
        values: Shape (n,), of mean 0.
        start: Where to begin; the last fit's, where there is one.
        steps: Steps of L-BFGS at most.
    """
    from scipy.linalg.lapack import dpotrf, dpotri
    from scipy.optimize import minimize

    if len(values) > _MOST_FITTED:
        kept = np.linspace(0, len(values) - 1, _MOST_FITTED).astype(np.intp)
        rows, values = rows[kept], values[kept]
    n = len(values)
    means = kernel.prior_means()
    identity = np.arange(n)

    def posterior(point: Matrix) -> tuple[float, Matrix]:
        scaled = kernel.scaled(rows, point[:-1])
        clean = kernel.between(scaled, scaled)
        noise = math.exp(point[-1])
        noisy = clean.copy()
        noisy[identity, identity] += noise + 1e-10
        factor, failed = dpotrf(noisy, lower=True, clean=True)
        if failed:
            return 1e10, np.zeros_like(point)
        inverse, _ = dpotri(factor, lower=True)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        solved = inverse @ values
        signal = max(float(values @ solved) / n, 1e-12)
        off_weights, off_noise = (
            (point[:-1] - means) / _WEIGHT_SPREAD,
            (point[-1] - NOISE_MEAN) / _NOISE_SPREAD,
        )
        loss = 0.5 * n * math.log(signal) + float(np.log(factor.diagonal()).sum())
        loss += 0.5 * float(off_weights @ off_weights) + 0.5 * float(off_noise) ** 2
        outer = 0.5 * (inverse - np.outer(solved, solved) / signal)
        weights = kernel.gradient(scaled, clean, outer) + off_weights / _WEIGHT_SPREAD
        return loss, np.append(weights, noise * outer.trace() + off_noise / _NOISE_SPREAD)

    bounds = [(_LOWEST, _HIGHEST)] * len(start)
    found = minimize(posterior, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps})
    made: Matrix = found.x
    return made


class GaussianProcess(Refitted):
    """Exact regression under `MixedKernel`, with hyperparameters of maximum a posteriori.

    Args:
        space: The space.
        seed: Not used, since nothing is drawn; taken so that all surrogates are made alike.
        noise: False predicts the function without the measurements' noise.
        graph: Whether to compare what the networks' graphs are made of, too; see `GraphCounts`.
        graf: Whether to compare counts, path lengths and degrees of the networks' graphs too, see `GRAF`.
        columns: What else to compare of each network, such as proxies' scores.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        noise: bool = False,
        graph: bool = False,
        graf: bool = False,
        columns: Columns | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        self.noise = noise
        self._features = Features(space, graph=graph, graf=graf, columns=columns)
        self._kernel = MixedKernel(self._features.groups)

    def learn(self, architectures: Sequence[Architecture], values: Vector) -> None:
        """Fit the hyperparameters and condition on the data."""
        rows, prior = self._features(architectures), prior_hyperparameters(self._kernel)
        fitted = fit_hyperparameters(self._kernel, rows, values, prior, steps=50)
        self.restore(architectures, values, fitted)

    def expect(self, architectures: Sequence[Architecture]) -> Prediction:
        """The posterior."""
        noise = math.exp(self._fitted[-1]) if self.noise else 0.0
        return self._posterior.predict_at(self._values, self._features(architectures), noise)

    def hyperparameters(self) -> list[float]:
        """The kernel's weights and the noise."""
        made: list[float] = self._fitted.tolist()
        return made

    def restore(self, architectures: Sequence[Architecture], values: Vector, hyperparameters: Any) -> None:
        """Condition on the data."""
        self._values, self._fitted = values, np.asarray(hyperparameters, dtype=np.float64)
        self._posterior = Posterior(self._kernel, self._fitted, self._features(architectures))
