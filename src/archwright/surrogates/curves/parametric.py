"""A weighted combination of eleven parametric formulas, sampled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from archwright.errors import UsageError
from archwright.surrogates.curves.curve import Curve, CurveModel, Forecast, Vector
from archwright.surrogates.curves.ensemble_sampler import sample_ensemble
from archwright.surrogates.curves.formulas import FORMULAS, Formula

__all__ = ["ParametricCurves", "evaluate"]

Array = NDArray[np.float64]

_BOUNDS = np.array(
    [(parameter.low, parameter.high) for formula in FORMULAS for parameter in formula.parameters]
    + [(-15.0, 3.0)] * len(FORMULAS)
    + [(np.log(1e-4), np.log(0.5))]
)
"""Of all parameters, then of the logarithms of the weights, then of that of the noise's deviation."""

_IS_LEVEL = np.array([parameter.start is None for formula in FORMULAS for parameter in formula.parameters])
_IS_BOUNDED = np.array([any(p.start is None for p in formula.parameters) for formula in FORMULAS])
"""Formulas that stay beneath their level."""

_LOWEST_VALUE, _KEPT = 0.1, 20
_CONCENTRATION = 1.0 / len(FORMULAS)


def evaluate(points: Array, x: Vector) -> Array:
    """The combination sum_k w_k f_k(x) / sum_k w_k, shape (points, epochs).

    Args:
        points: Shape (points, 48): parameters of the eleven formulas one after another, logarithms of the eleven
            weights w and of the noise's deviation.
        x: Shape (epochs,).
    """
    columns = points.T[:, :, None]
    weights = np.exp(columns[-1 - len(FORMULAS) : -1])
    weights = weights / weights.sum(0)
    total = np.zeros((len(points), len(x)))
    start = 0
    for formula, weight in zip(FORMULAS, weights, strict=True):
        count = len(formula.parameters)
        total += weight * formula.function(x, *columns[start : start + count])
        start += count
    return total


@final
class ParametricCurves(CurveModel):
    """The combination of eleven parametric formulas of Domhan et al. 2015 (IJCAI), with a posterior by sampling.

    y(x) = sum_k w_k f_k(x | theta_k) + e, e ~ N(0, s²), all w_k >= 0. As in the paper the density is 0 where the curve
    does not rise and s is uniform a priori; as in its published code the weights sum to 1. Apart from it: weights are
    Dirichlet(1/11) and not uniform, so that one or two formulas make the curve (the average of eleven hardly differs
    from draw to draw, and is too sure of itself); each formula rises by itself (see `formulas`); a priori parameters
    are uniform within bounds, those of scale in their logarithm; walkers begin around the least-squares fits of the
    single formulas with weights drawn from their prior; and besides stretch moves there are moves by differences.

    Values are brought to a scale on which the largest possible one is 1. That is 1 for values of at most 1 (accuracies)
    and 0 for values of at most 0 (losses with their sign turned); a curve with larger values has no upper limit, and is
    scaled so that it has gone half of the way. Epochs of the curve count alike, and other curves are not looked at.

    Args:
        minimum_points: Fewest points to extrapolate from.
        walkers: Of the ensemble, an even number of at least 98.
        steps: Of each walker; the first half are left out.
        seed: Of the random numbers; one curve gives one forecast.

    Raises:
        UsageError: When a number is too small.
    """

    def __init__(
        self, *, minimum_points: int = 4, walkers: int = 100, steps: int = 200, seed: int = 0
    ) -> None:
        if minimum_points < 2 or steps < 2 * _KEPT or walkers < 2 * len(_BOUNDS) + 2 or walkers % 2:
            raise UsageError(
                f"expected minimum_points >= 2, steps >= {2 * _KEPT} and an even number of walkers >= "
                f"{2 * len(_BOUNDS) + 2}, got {minimum_points}, {steps} and {walkers}"
            )
        self.minimum_points, self.walkers, self.steps, self.seed = minimum_points, walkers, steps, seed

    def forecast(self, curve: Curve, epoch: float, others: Sequence[Curve] = ()) -> Forecast | None:
        """Sample the posterior given this curve alone. See `CurveModel.forecast`."""
        if len(curve.values) < self.minimum_points:
            return None
        zero, unit, upper = _scale(curve.values)
        points = self.sample(curve.epochs, (curve.values - zero) / unit, epoch, upper)
        means = evaluate(points, np.array([float(epoch)]))[:, 0]
        return Forecast(zero + unit * means, unit * np.exp(points[:, -1]))

    def sample(self, x: Vector, y: Vector, epoch: float, upper: float) -> Array:
        """Draws of the posterior, shape (draws, 48). See `evaluate`.

        Args:
            x: Shape (points,): epochs from 1.
            y: Shape (points,): values.
            epoch: Where the curve is at most `upper`.
            upper: The largest possible value.
        """
        random = np.random.default_rng(self.seed)
        last = np.append(x, float(epoch))
        low, high = _BOUNDS.T

        def log_density(points: Array) -> Array:
            inside = ((points >= low) & (points <= high)).all(1)
            made = np.full(len(points), -np.inf)
            if not inside.any():
                return made
            kept = points[inside]
            values = evaluate(kept, last)
            log_noise, log_weights = kept[:, -1], kept[:, -1 - len(FORMULAS) : -1]
            squares = ((values[:, :-1] - y) ** 2).sum(1)
            heights = (1 - len(y)) * log_noise - 0.5 * squares * np.exp(-2.0 * log_noise)
            # Independent gamma variables, of which the shares are Dirichlet.
            heights += (_CONCENTRATION * log_weights - np.exp(log_weights)).sum(1)
            made[inside] = np.where(values[:, -1] <= upper, heights, -np.inf)
            return made

        start = self._start(x, y, epoch, upper, random)
        chain, _ = sample_ensemble(log_density, start, self.steps, random, exchange=0.5)
        half = self.steps // 2
        draws: Array = chain[half :: max(1, half // _KEPT)].reshape(-1, len(_BOUNDS))
        return draws

    def _start(self, x: Vector, y: Vector, epoch: float, upper: float, random: np.random.Generator) -> Array:
        """The walkers: the fits, each moved a little, and weights of the prior, beneath the limit."""
        fits = np.concatenate([_fitted(formula, x, y) for formula in FORMULAS])
        count = len(FORMULAS)
        low, high = _BOUNDS.T
        made: Array = np.zeros((self.walkers, len(low)))
        noise = random.standard_normal((self.walkers, len(fits)))
        made[:, : len(fits)] = fits + 0.02 * (high - low)[: len(fits)] * noise
        made[:, : len(fits)][:, _IS_LEVEL] = np.minimum(made[:, : len(fits)][:, _IS_LEVEL], 0.999 * upper)
        weights = made[:, -1 - count : -1]
        weights[:] = np.log(np.maximum(random.gamma(_CONCENTRATION, size=weights.shape), 1e-6))
        made = np.clip(made, low + 1e-9, high - 1e-9)
        exceeds = evaluate(made, np.array([float(epoch)]))[:, 0] > upper
        made[exceeds, -1 - count : -1] = np.where(_IS_BOUNDED, np.log(_CONCENTRATION), low[-2] + 1e-9)
        residuals = evaluate(made, x) - y
        made[:, -1] = np.log(np.clip(np.sqrt((residuals**2).mean(1)), 2e-3, 0.49))
        return made


def _scale(values: Vector) -> tuple[float, float, float]:
    """What is subtracted from values, by what they are divided, and the largest possible value then."""
    largest, lowest = float(values.max()), float(values.min())
    if lowest >= 0.0 and largest <= 1.0:
        return 0.0, 1.0, 1.0
    if largest <= 1.0:
        limit = 0.0 if largest <= 0.0 else 1.0
        unit = max((limit - lowest) / (1.0 - _LOWEST_VALUE), 1e-12)
        return limit - unit, unit, 1.0
    unit = max((largest - lowest) / 0.5, 1e-12)
    return lowest - _LOWEST_VALUE * unit, unit, np.inf


def _fitted(formula: Formula, x: Vector, y: Vector) -> Vector:
    """The parameters of the least squares, within their bounds."""
    from scipy.optimize import least_squares

    low = np.array([parameter.low for parameter in formula.parameters])
    high = np.array([parameter.high for parameter in formula.parameters])
    top = float(y.max())
    start = np.array([top if p.start is None else p.start for p in formula.parameters])
    start = np.clip(start, low + 1e-6, high - 1e-6)
    found = least_squares(
        lambda point: formula.function(x, *point) - y, start, bounds=(low, high), max_nfev=30
    )
    made: Vector = np.clip(found.x, low, high)
    return made
