"""How much an architecture promises."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["log_expected_improvement", "log_probability_below"]

Vector = NDArray[np.float64]


def log_expected_improvement(mean: Vector, deviation: Vector, best: float) -> Vector:
    """Log E[max(best - f, 0)] for f normal (Jones et al. 1998; the stable form of Ament et al. 2023, arXiv:2310.20708).

    With u = (best - mean)/deviation it is log deviation + log(φ(u) + u Φ(u)). The logarithm tells candidates apart
    whose expected improvement is too small for a floating-point number.

    Args:
        mean: Of the loss, shape (n,).
        deviation: Its standard deviation, shape (n,), positive.
        best: The smallest loss so far.
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
