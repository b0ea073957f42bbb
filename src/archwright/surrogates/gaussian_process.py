"""An exact Gaussian process on architectures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archwright.errors import UsageError
from archwright.spaces import Architecture, Space
from archwright.surrogates.features import Features
from archwright.surrogates.kernel import MixedKernel
from archwright.surrogates.surrogate import Surrogate, checked_data

__all__ = ["GaussianProcess", "Hyperparameters", "fit_hyperparameters"]

Matrix = NDArray[np.float64]

_WEIGHT_SPREAD = 0.5
_NOISE_MEAN, _NOISE_SPREAD = -3.0, 1.5
_LOWEST, _HIGHEST = -9.0, 4.0
_MOST_FITTED = 400


class Hyperparameters:
    """The kernel's weights and the noise.

    Args:
        log_weights: Shape (groups,).
        log_noise: Logarithm of the noise's variance as a share of the signal's.
    """

    def __init__(self, log_weights: Matrix, log_noise: float) -> None:
        self.log_weights, self.log_noise = log_weights, log_noise

    @classmethod
    def prior(cls, kernel: MixedKernel) -> Hyperparameters:
        """Their most likely values before anything is known."""
        return cls(kernel.prior_means(), _NOISE_MEAN)

    def to_json(self) -> list[float]:
        """The weights, then the noise."""
        return [*self.log_weights.tolist(), self.log_noise]

    @classmethod
    def from_json(cls, data: Sequence[float]) -> Hyperparameters:
        """The inverse of `to_json`."""
        return cls(np.array(data[:-1], dtype=np.float64), float(data[-1]))


def fit_hyperparameters(
    kernel: MixedKernel, rows: Matrix, values: Matrix, start: Hyperparameters, *, steps: int = 20
) -> Hyperparameters:
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
            (point[-1] - _NOISE_MEAN) / _NOISE_SPREAD,
        )
        loss = 0.5 * n * math.log(signal) + float(np.log(factor.diagonal()).sum())
        loss += 0.5 * float(off_weights @ off_weights) + 0.5 * float(off_noise) ** 2
        outer = 0.5 * (inverse - np.outer(solved, solved) / signal)
        weights = kernel.gradient(scaled, clean, outer) + off_weights / _WEIGHT_SPREAD
        return loss, np.append(weights, noise * outer.trace() + off_noise / _NOISE_SPREAD)

    begin = np.append(start.log_weights, start.log_noise)
    found = minimize(
        posterior,
        begin,
        jac=True,
        method="L-BFGS-B",
        bounds=[(_LOWEST, _HIGHEST)] * len(begin),
        options={"maxiter": steps},
    )
    return Hyperparameters(found.x[:-1].copy(), float(found.x[-1]))


class GaussianProcess(Surrogate):
    """Exact regression under `MixedKernel`, with hyperparameters of maximum a posteriori.

    Args:
        space: The space.
        seed: Not used, since nothing is drawn; taken so that all surrogates are made alike.
        noise: False predicts the function without the measurements' noise.
        graph: Whether to compare what the networks' graphs are made of, too; see `GraphCounts`.
    """

    def __init__(self, space: Space, *, seed: int = 0, noise: bool = False, graph: bool = False) -> None:
        self.space, self.seed, self.noise = space, seed, noise
        self._features = Features(space, graph=graph)
        self._kernel = MixedKernel(self._features.groups)
        self._architectures: list[Architecture] = []

    def fit(self, architectures: Sequence[Architecture], values: ArrayLike) -> None:
        """Fit the hyperparameters and condition on the data. See `Surrogate.fit`."""
        made = checked_data(architectures, values)
        mean, scale = float(made.mean()), float(made.std()) or 1.0
        rows = self._features(architectures)
        hyperparameters = fit_hyperparameters(
            self._kernel, rows, (made - mean) / scale, Hyperparameters.prior(self._kernel), steps=50
        )
        self._condition(architectures, rows, made, hyperparameters)

    def _condition(
        self, architectures: Sequence[Architecture], rows: Matrix, values: Matrix, fitted: Hyperparameters
    ) -> None:
        from scipy.linalg import cho_factor, cho_solve

        self._architectures, self._values, self._fitted = list(architectures), values, fitted
        self._mean, self._scale = float(values.mean()), float(values.std()) or 1.0
        self._scaled = self._kernel.scaled(rows, fitted.log_weights)
        noisy = self._kernel.between(self._scaled, self._scaled)
        noisy[np.diag_indices_from(noisy)] += math.exp(fitted.log_noise) + 1e-10
        self._factor = cho_factor(noisy, lower=True)
        standard = (values - self._mean) / self._scale
        self._solved = cho_solve(self._factor, standard)
        self._signal = max(float(standard @ self._solved) / len(values), 1e-12)

    def predict(self, architectures: Sequence[Architecture]) -> tuple[Matrix, Matrix]:
        """The posterior. See `Surrogate.predict`."""
        from scipy.linalg import solve_triangular

        if not self._architectures:
            raise UsageError("the Gaussian process has learned nothing yet; call fit first")
        rows = self._kernel.scaled(self._features(architectures), self._fitted.log_weights)
        cross = self._kernel.between(self._scaled, rows)
        solved = solve_triangular(self._factor[0], cross, lower=True)
        noise = math.exp(self._fitted.log_noise) if self.noise else 0.0
        variance = self._signal * np.maximum(1.0 + noise - np.einsum("ij,ij->j", solved, solved), 1e-12)
        return self._mean + self._scale * (self._solved @ cross), self._scale * np.sqrt(variance)

    def state_dict(self) -> dict[str, Any]:
        """The data and the hyperparameters."""
        if not self._architectures:
            raise UsageError("the Gaussian process has learned nothing yet; call fit first")
        return {
            "architectures": [architecture.to_json() for architecture in self._architectures],
            "values": self._values.tolist(),
            "hyperparameters": self._fitted.to_json(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Condition on the saved data."""
        architectures = [self.space.architecture(data) for data in state["architectures"]]
        values = np.array(state["values"], dtype=np.float64)
        fitted = Hyperparameters.from_json(state["hyperparameters"])
        self._condition(architectures, self._features(architectures), values, fitted)
