"""A Gaussian process on many curves at once: each goes to a limit, and similar architectures have similar limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from archwright.errors import UsageError
from archwright.surrogates.curves.curve import Curve, CurveModel, Forecast, Vector, are_same, settled
from archwright.surrogates.curves.encoding import DecisionColumns

__all__ = ["FreezeThaw", "FreezeThawPosterior", "Hyperparameters"]

Matrix = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Of the process, on values of deviation 1.

    Args:
        mean: Of the limits.
        limit: Standard deviation of the limits over architectures.
        length: Length scale over architectures, in units of the root mean square of the features' distances.
        own: Standard deviation of what each limit has for itself, whatever its neighbours.
        transient: Standard deviation of the curve around its limit at epoch 0.
        alpha: α of the kernel over epochs.
        beta: β of the kernel over epochs.
        noise: Standard deviation of a measurement.
    """

    mean: float
    limit: float
    length: float
    own: float
    transient: float
    alpha: float
    beta: float
    noise: float

    @classmethod
    def of(cls, point: Vector) -> Hyperparameters:
        """From the mean and the logarithms of the others."""
        return cls(float(point[0]), *(math.exp(value) for value in point[1:]))

    def over_epochs(self, one: Vector, other: Vector) -> Matrix:
        """The exponential-decay kernel s² β^α / (t + t' + β)^α (Swersky et al. 2014, equation 6)."""
        total = one[:, None] + other[None, :]
        made: Matrix = self.transient**2 * (self.beta / (total + self.beta)) ** self.alpha
        return made

    def over_architectures(self, distances: Matrix) -> Matrix:
        """The Matérn kernel of 5/2 on distances; those at distance 0 of themselves get `own` apart."""
        scaled = math.sqrt(5.0) * distances / self.length
        made: Matrix = self.limit**2 * (1.0 + scaled + scaled**2 / 3.0) * np.exp(-scaled)
        return made


class FreezeThawPosterior:
    """The posterior, by blocks: a Cholesky factor over epochs, and one as large as there are curves.

    With O the matrix that repeats a curve's limit at each of its epochs and K_t block-diagonal, y ~ N(O m, O K_x Oᵀ +
    K_t + s² I). Λ = Oᵀ K_t⁻¹ O is diagonal and γ = Oᵀ K_t⁻¹ (y - O m), so that the limits given all curves are
    N(m + C γ, C) with C = (K_x⁻¹ + Λ)⁻¹ (Swersky et al. 2014, arXiv:1406.3896, equations 11 to 19). The factor of a
    curve's epochs is the corner of that of any curve which it is the beginning of, and forward substitution goes from
    the first epoch on, so that N such curves of T epochs cost N³ + T³ + N T², and not (N T)³.

    Args:
        curves: At least one; none empty.
        distances: Shape (curves, curves), of the architectures.
        hyperparameters: Of the process.
        families: The numbers of the curves in groups whose first one the others are beginnings of; None finds them.

    Attributes:
        likelihood: The logarithm of the curves' density.
        limits: Shape (curves,): the limits' posterior mean, less the prior mean.
        covariance: Shape (curves, curves), of the limits.
    """

    def __init__(
        self,
        curves: Sequence[Curve],
        distances: Matrix,
        hyperparameters: Hyperparameters,
        families: Sequence[Sequence[int]] | None = None,
    ) -> None:
        from scipy.linalg import cho_solve, cholesky

        self.curves, self.hyperparameters = curves, hyperparameters
        count = len(curves)
        self._white: list[tuple[Matrix, Vector, Vector]] = [
            (np.empty((0, 0)), np.empty(0), np.empty(0))
        ] * count
        precision, pulled = np.empty(count), np.empty(count)
        likelihood = -0.5 * math.log(2.0 * math.pi) * sum(len(curve.epochs) for curve in curves)
        for members in families or _families(curves):
            for i, white in zip(members, self._whitened(members), strict=True):
                factor, ones, values = self._white[i] = white
                precision[i], pulled[i] = ones @ ones, ones @ values
                likelihood -= 0.5 * float(values @ values) + float(np.log(factor.diagonal()).sum())
        prior = hyperparameters.over_architectures(distances) + hyperparameters.own**2 * np.eye(count)
        # C = K - K (K + Λ⁻¹)⁻¹ K, where Λ may be as large as it likes.
        lower = cholesky(prior + np.diag(1.0 / precision), lower=True, check_finite=False)
        self.covariance: Matrix = prior - prior @ cho_solve((lower, True), prior, check_finite=False)
        self.limits: Vector = self.covariance @ pulled
        # log|I + K Λ| and γᵀ C γ make the density given limits of the mean that of the curves.
        likelihood -= float(np.log(lower.diagonal()).sum()) + 0.5 * float(np.log(precision).sum())
        self.likelihood = likelihood + 0.5 * float(pulled @ self.limits)

    def _whitened(self, members: Sequence[int]) -> list[tuple[Matrix, Vector, Vector]]:
        """L, L⁻¹ 1 and L⁻¹ (y - m) of curves that are all beginnings of the first."""
        from scipy.linalg import cholesky, solve_triangular

        h, epochs = self.hyperparameters, self.curves[members[0]].epochs
        kernel = h.over_epochs(epochs, epochs)
        kernel[np.diag_indices_from(kernel)] += h.noise**2 + _JITTER
        factor = cholesky(kernel, lower=True, check_finite=False)
        sides = np.zeros((len(epochs), len(members) + 1))
        sides[:, -1] = 1.0
        for column, i in enumerate(members):
            values = self.curves[i].values
            sides[: len(values), column] = values - h.mean
        white = solve_triangular(factor, sides, lower=True, overwrite_b=True, check_finite=False)
        lengths = [len(self.curves[i].epochs) for i in members]
        return [(factor[:n, :n], white[:n, -1], white[:n, column]) for column, n in enumerate(lengths)]

    def predict(self, which: int, epochs: Vector) -> tuple[Vector, Vector]:
        """Mean and variance of what will be measured on one of the curves, each of the shape (epochs,).

        Args:
            which: Number of the curve.
            epochs: Later ones.
        """
        from scipy.linalg import solve_triangular

        h, curve = self.hyperparameters, self.curves[which]
        factor, ones, values = self._white[which]
        solved = solve_triangular(factor, h.over_epochs(curve.epochs, epochs), lower=True, check_finite=False)
        share = 1.0 - ones @ solved
        mean = h.mean + values @ solved + share * self.limits[which]
        around = np.diag(h.over_epochs(epochs, epochs)) - (solved**2).sum(0) + h.noise**2
        return mean, around + share**2 * self.covariance[which, which]


def _families(curves: Sequence[Curve]) -> list[list[int]]:
    """The curves in groups whose first one the others are beginnings of."""
    left = sorted(range(len(curves)), key=lambda i: -len(curves[i].epochs))
    families = []
    while left:
        whole = curves[left[0]].epochs
        members = [i for i in left if (curves[i].epochs == whole[: len(curves[i].epochs)]).all()]
        families.append(members)
        left = [i for i in left if i not in set(members)]
    return families


_JITTER, _MOST_FITTED = 1e-10, 60
_CENTRES = np.array([0.5, 0.0, 0.0, -1.0, 0.5, 0.0, 1.0, -2.0])
_SPREADS = np.array([1.0, 1.0, 1.0, 1.5, 1.0, 1.0, 1.0, 1.5])
"""Of the normal distributions of the mean and of the logarithms of the others, a priori."""


@final
class FreezeThaw(CurveModel):
    """The freeze-thaw Gaussian process of Swersky et al. 2014 (arXiv:1406.3896) over curves and architectures.

    Each curve approaches a limit with the exponential-decay kernel over epochs; the limits are a Gaussian process over
    architectures (Matérn 5/2 on decisions: numbers standardised, labels one-hot). Apart from the paper the
    hyperparameters are the most likely ones (maximum a posteriori by L-BFGS, log-normal priors) instead of samples, and
    a limit has a part of its own. They are those of all other curves, whole or not: a pruner lets only good networks
    arrive, so that what these alone have in common is no measure of the next one. Where curves were cut by what had
    been seen of them, the density of all that was seen is still right (Rubin 1976, doi:10.1093/biomet/63.3.581).

    Args:
        minimum_points: Fewest points of the curve to extrapolate from.
        most_curves: Of the others, at most so many, evenly spaced, are looked at.
        steps: Steps of L-BFGS at most.

    Raises:
        UsageError: When a number is too small.
    """

    def __init__(self, *, minimum_points: int = 2, most_curves: int = 200, steps: int = 25) -> None:
        if minimum_points < 1 or most_curves < 1 or steps < 1:
            raise UsageError(
                "expected minimum_points, most_curves and steps of at least 1, got "
                f"{minimum_points}, {most_curves} and {steps}"
            )
        self.minimum_points, self.most_curves, self.steps = minimum_points, most_curves, steps
        self._last: tuple[tuple[Curve, ...], tuple[float, float, Hyperparameters]] | None = None

    def forecast(self, curve: Curve, epoch: float, others: Sequence[Curve] = ()) -> Forecast | None:
        """The posterior given this curve and the others. See `CurveModel.forecast`."""
        if len(curve.epochs) < self.minimum_points or not others:
            return None
        centre, unit, fitted = self._fit(tuple(_some(settled(others), _MOST_FITTED)))
        curves = [_scaled(found, centre, unit) for found in (*_some(others, self.most_curves), curve)]
        distances = _distances([found.architecture for found in curves])
        posterior = FreezeThawPosterior(curves, distances, fitted)
        mean, variance = posterior.predict(len(curves) - 1, np.array([float(epoch)]))
        return Forecast(centre + unit * mean, unit * np.sqrt(variance))

    def _fit(self, known: tuple[Curve, ...]) -> tuple[float, float, Hyperparameters]:
        """Mean and deviation of the values, and the most likely hyperparameters on values less and by these."""
        from scipy.optimize import minimize

        if self._last is not None and are_same(self._last[0], known):
            return self._last[1]
        values = np.concatenate([found.values for found in known])
        centre, unit = float(values.mean()), float(values.std()) or 1.0
        curves = [_scaled(found, centre, unit) for found in known]
        distances = _distances([found.architecture for found in known])
        families = _families(curves)

        def loss(point: Vector) -> float:
            try:
                density = FreezeThawPosterior(
                    curves, distances, Hyperparameters.of(point), families
                ).likelihood
            except np.linalg.LinAlgError:
                return 1e10
            return -density + 0.5 * float((((point - _CENTRES) / _SPREADS) ** 2).sum())

        bounds = [(c - 4.0 * s, c + 4.0 * s) for c, s in zip(_CENTRES, _SPREADS, strict=True)]
        found = minimize(loss, _CENTRES, method="L-BFGS-B", bounds=bounds, options={"maxiter": self.steps})
        made = centre, unit, Hyperparameters.of(found.x)
        self._last = known, made
        return made


def _scaled(curve: Curve, centre: float, unit: float) -> Curve:
    return Curve(curve.epochs, (curve.values - centre) / unit, curve.architecture)


def _some(curves: Sequence[Curve], most: int) -> list[Curve]:
    """At most so many of them, evenly spaced."""
    if len(curves) <= most:
        return list(curves)
    return [curves[int(i)] for i in np.linspace(0, len(curves) - 1, most)]


def _distances(architectures: Sequence[Mapping[str, Any]]) -> Matrix:
    """Between all pairs, shape (architectures, architectures), in units of their root mean square."""
    features = DecisionColumns(architectures)(architectures)
    squared = (features**2).sum(1)
    made = np.maximum(squared[:, None] + squared[None, :] - 2.0 * features @ features.T, 0.0)
    count = len(features)
    unit = made.sum() / max(count * (count - 1), 1)
    distances: Matrix = np.sqrt(made / unit) if unit > 0.0 else made
    np.fill_diagonal(distances, 0.0)
    return distances
