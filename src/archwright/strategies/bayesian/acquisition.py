"""How much an architecture promises."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["log_expected_hypervolume_improvement", "log_expected_improvement", "log_probability_below"]

Vector = NDArray[np.float64]

_LOWEST = -1e12  # stands for minus infinity, at which there would be differences of infinities


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
