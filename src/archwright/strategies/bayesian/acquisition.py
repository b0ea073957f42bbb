"""How much a candidate is worth trying: acquisition functions, all in logarithms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from archwright.strategies.bayesian.box_decomposition import improving_boxes
from archwright.strategies.bayesian.candidates import Candidates
from archwright.strategies.bayesian.models import ConstrainedModel
from archwright.strategies.bayesian.observations import Ask
from archwright.strategies.bayesian.targets import HypervolumeTargets, Targets
from archwright.surrogates import Prediction

__all__ = [
    "Acquisition",
    "HypervolumeImprovement",
    "constrained_improvement",
    "expected_improvement",
    "log_expected_hypervolume_improvement",
    "log_expected_improvement",
    "log_probability_below",
    "thompson_sampling",
]

Vector = NDArray[np.float64]

Acquisition = Callable[[ConstrainedModel, Candidates, Ask], Vector]
"""The value of each candidate, shape (candidates,); the largest is tried."""

_LOWEST = -1e12  # stands for minus infinity, at which there would be differences of infinities


def expected_improvement(model: ConstrainedModel, candidates: Candidates, ask: Ask) -> Vector:
    """Log expected improvement, times the probability that the limits are kept (Gardner et al. 2014)."""
    return constrained_improvement(model.predict(candidates), model.targets, len(candidates))


def constrained_improvement(
    predictions: Sequence[Prediction | None], targets: Targets, count: int, *, optimistic: bool = False
) -> Vector:
    """Log expected improvement plus the log probability of each limit; what has no prediction counts for nothing.

    Args:
        predictions: One per column of the targets.
        targets: Incumbent and limits.
        count: Number of candidates.
        optimistic: Whether deviations are upper bounds, and so is to be the value. The probability that a limit is kept
            grows with the deviation only where the mean does not keep it; elsewhere it counts as 1.
    """
    loss, value = predictions[0], np.zeros(count)
    if loss is not None and targets.incumbent is not None:
        value += log_expected_improvement(*loss, targets.incumbent)
    for found, limit in zip(predictions[1:], targets.limits, strict=True):
        if found is not None:
            kept = log_probability_below(*found, limit)
            value += np.where(found[0] < limit, 0.0, kept) if optimistic else kept
    return value


def thompson_sampling(model: ConstrainedModel, candidates: Candidates, ask: Ask) -> Vector:
    """Minus one independent draw of each candidate's loss; a limit that a draw is over costs more than any loss."""
    drawn = np.random.default_rng(ask.random.getrandbits(63))
    value = np.zeros(len(candidates))
    for place, found in enumerate(model.predict(candidates)):
        if found is not None:
            draw = found[0] + found[1] * drawn.standard_normal(len(candidates))
            value -= 100.0 * np.maximum(draw - model.targets.limits[place - 1], 0.0) if place else draw
    return value


class HypervolumeImprovement:
    """Log expected hypervolume improvement, times the probability that the limits are kept.

    What runs counts with what is expected of it (Kriging believer, Ginsbourger et al. 2010,
    doi:10.1007/978-3-642-10701-6_6), so a batch spreads along the front.

    Args:
        targets: What the model's targets are made by; says the reference point.
    """

    def __init__(self, targets: HypervolumeTargets) -> None:
        self.targets = targets

    def __call__(self, model: ConstrainedModel, candidates: Candidates, ask: Ask) -> Vector:
        """See `Acquisition`."""
        count, targets, known = len(candidates), model.targets, ask.known
        running = [
            made for made, score in zip(known.architectures, known.scores, strict=True) if score is None
        ]
        predictions = model.predict(candidates.extended(running))
        value, kept = np.zeros(count), np.ones(len(running), dtype=bool)
        for found, limit in zip(predictions[targets.losses :], targets.limits, strict=True):
            if found is not None:
                value += log_probability_below(found[0][:count], found[1][:count], limit)
                kept &= found[0][count:] <= limit
        losses = [found for found in predictions[: targets.losses] if found is not None]
        if len(losses) == targets.losses:
            now = ask.now.losses[ask.now.feasible][:, self.targets.optimized]
            means, deviations = (np.stack(parts, 1) for parts in zip(*losses, strict=True))
            centre, scale = np.asarray(targets.scales).T
            corner = (self.targets.reference_point(now) - centre) / scale
            boxes = improving_boxes(np.vstack([(now - centre) / scale, means[count:][kept]]), corner)
            value += log_expected_hypervolume_improvement(means[:count], deviations[:count], *boxes)
        return value


def log_expected_improvement(mean: Vector, deviation: Vector, best: float | Vector) -> Vector:
    """Log E[max(best - f, 0)] for f normal (Jones et al. 1998; the stable form of Ament et al. 2023, arXiv:2310.20708).

    With u = (best - mean)/deviation it is log deviation + log(φ(u) + u Φ(u)). The logarithm tells candidates apart
    whose expected improvement is too small for a floating-point number.

    Args:
        mean: Of the loss, shape (n,).
        deviation: Its standard deviation, shape (n,), positive.
        best: The smallest loss so far; of the shape (boxes, 1), it makes as many rows.
    """
    from scipy.special import erfcx

    u = (best - mean) / deviation
    low = np.minimum(u, 0.0)
    # For u < 0: φ(u) (1 + u √(π/2) erfcx(-u/√2)), which is about φ(u)/u² where the difference is lost.
    share = 1.0 + low * math.sqrt(math.pi / 2) * erfcx(-low / math.sqrt(2.0))
    share = np.where(low < -100.0, 1.0 / np.maximum(low * low, 1.0), np.maximum(share, 1e-12))
    tail = np.log(share)
    logarithm = -0.5 * u * u - 0.5 * math.log(2 * math.pi) + tail
    if (right := u > 0.0).any():
        from scipy.special import ndtr

        high = u[right]
        logarithm[right] = np.log(np.exp(-0.5 * high * high) / math.sqrt(2 * math.pi) + high * ndtr(high))
    made: Vector = np.log(deviation) + logarithm
    return made


def log_probability_below(mean: Vector, deviation: Vector, limit: float) -> Vector:
    """Log P(f <= limit) for f normal; shapes (n,)."""
    from scipy.special import log_ndtr

    made: Vector = log_ndtr((limit - mean) / deviation)
    return made


def log_expected_hypervolume_improvement(
    mean: Vector, deviation: Vector, lower: Vector, upper: Vector
) -> Vector:
    """Log of the expected growth of the hypervolume, for independent normal objectives (Emmerich et al. 2011).

    The part that is not dominated yet is cut into boxes; of each, what a result f adds is the product over the
    objectives of min(upper - f, upper - lower), or 0 where that is negative. So its expectation is, as in Yang et al.
    2019, doi:10.1007/s10898-019-00798-7, the sum over the boxes of the products of EI(upper) - EI(lower), with EI(b) =
    E[max(b - f, 0)]; in logarithms, since it is often too small for a floating-point number.

    Args:
        mean: Of the losses, shape (n, objectives).
        deviation: Their standard deviations, shape (n, objectives), positive.
        lower: The boxes' lower corners, shape (boxes, objectives); may be infinite.
        upper: Their upper corners, likewise, finite.

    Returns:
        Shape (n,).
    """
    from scipy.special import logsumexp

    lower = np.maximum(lower, _LOWEST)
    logarithm = np.zeros((len(lower), len(mean)))
    for j in range(mean.shape[1]):
        most, least = (
            log_expected_improvement(mean[:, j], deviation[:, j], corner[:, j, None])
            for corner in (upper, lower)
        )
        with np.errstate(divide="ignore"):  # a box that is too flat adds nothing
            logarithm += most + np.log(-np.expm1(np.minimum(least - most, 0.0)))
    made: Vector = logsumexp(logarithm, axis=0)
    return made
