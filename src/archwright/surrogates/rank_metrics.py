"""How well predictions rank."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archwright.errors import UsageError

__all__ = ["kendall", "kendall_interval", "ndcg", "spearman", "spearman_interval", "top_k_regret"]

Vector = NDArray[np.float64]
_NORMAL = 1.959963984540054
"""The 97.5 % point of the normal distribution."""
_WIDEST = 1.3
"""An interval's width, at most, in widths of Fisher's."""
_LEAST = 5


def kendall(predicted: ArrayLike, true: ArrayLike) -> float:
    """Kendall's τ-b: concordant less discordant pairs, as a share of those without ties; NaN where all are tied.

    Args:
        predicted: Shape (n,).
        true: Shape (n,).
    """
    from scipy.stats import kendalltau

    return float(kendalltau(np.asarray(predicted), np.asarray(true)).statistic)


def spearman(predicted: ArrayLike, true: ArrayLike) -> float:
    """Spearman's ρ: the correlation of the ranks, ties at their mean rank; NaN where all are tied.

    Args:
        predicted: Shape (n,).
        true: Shape (n,).
    """
    from scipy.stats import rankdata

    first, second = rankdata(np.asarray(predicted)), rankdata(np.asarray(true))
    if first.std() == 0.0 or second.std() == 0.0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def top_k_regret(predicted: ArrayLike, true: ArrayLike, k: int) -> float:
    """By how much the best of the k that are predicted to be best falls short of the best of all.

    Args:
        predicted: Shape (n,): the larger, the better.
        true: Shape (n,), likewise.
        k: How many are tried, from 1 to n.

    Raises:
        UsageError: When k is out of range.
    """
    guesses, values = np.asarray(predicted, dtype=np.float64), np.asarray(true, dtype=np.float64)
    if not 1 <= k <= len(values):
        raise UsageError(f"top-k regret: expected k from 1 to {len(values)}, got {k}")
    chosen = np.argsort(-guesses, kind="stable")[:k]
    return float(values.max() - values[chosen].max())


def spearman_interval(predicted: ArrayLike, true: ArrayLike) -> tuple[float, float]:
    """A 95 % confidence interval of Spearman's ρ, of which a random sample of pairs is given.

    Fisher's z = artanh(ρ), with the larger of two variances: (1 + ρ²/2) / (n - 3), which holds for normal pairs (Bonett
    & Wright 2000, doi:10.1007/BF02294183), and that of the jackknife on z, which holds for others too, such as scores
    that rank bad networks well and good ones badly (Arvesen 1969, doi:10.1214/aoms/1177697287). It is never more than
    1.3 times as wide as Fisher's own interval. A ρ of ±1 counts as half a step of the possible values less: a
    few networks in the same order do not show that all are.

    Args:
        predicted: Shape (n,).
        true: Shape (n,).

    Returns:
        Lower and upper bound; (-1, 1) of fewer than 5 pairs, or where ρ is not defined.
    """
    n = len(np.asarray(true))
    if n < _LEAST or math.isnan(found := spearman(predicted, true)):
        return -1.0, 1.0
    # Sums of signs are ranks around 0; without pair i, each has the sign towards it less.
    first, second = (signs.sum(1) - signs.T for signs in (_signs(predicted), _signs(true)))
    np.fill_diagonal(first, 0.0)
    np.fill_diagonal(second, 0.0)
    left = _ratio((first * second).sum(1), (first**2).sum(1) * (second**2).sum(1))
    return _interval(found, left, 12.0 / (n * (n**2 - 1)), (1.0 + found**2 / 2.0) / (n - 3))


def kendall_interval(predicted: ArrayLike, true: ArrayLike) -> tuple[float, float]:
    """A 95 % confidence interval of Kendall's τ, of which a random sample of pairs is given.

    As `spearman_interval`; the variance for normal pairs is Esscher's, over (1 - τ²)² for z:
    2 (1 - τ² + 2 (n - 2) (1/9 - (2/π arcsin(r/2))²)) / (n (n - 1)) with r = sin(π τ / 2) (Kruskal 1958,
    doi:10.1080/01621459.1958.10501481).

    Args:
        predicted: Shape (n,).
        true: Shape (n,).

    Returns:
        Lower and upper bound; (-1, 1) of fewer than 5 pairs, or where τ is not defined.
    """
    n = len(np.asarray(true))
    if n < _LEAST or math.isnan(found := kendall(predicted, true)):
        return -1.0, 1.0
    first, second = _signs(predicted), _signs(true)
    joint, untied, others = (part.sum(1) for part in (first * second, abs(first), abs(second)))
    left = _ratio(joint.sum() - 2.0 * joint, (untied.sum() - 2.0 * untied) * (others.sum() - 2.0 * others))
    step = 4.0 / (n * (n - 1))
    tau = float(_short_of_one(found, step))
    spread = 1.0 / 9.0 - (2.0 / math.pi * math.asin(math.sin(math.pi * tau / 2.0) / 2.0)) ** 2
    variance = 2.0 * (1.0 - tau**2 + 2.0 * (n - 2) * spread) / (n * (n - 1)) / (1.0 - tau**2) ** 2
    return _interval(found, left, step, variance)


def _signs(values: ArrayLike) -> Vector:
    """Shape (n, n): whether each is above (1) or below (-1) each other."""
    made = np.asarray(values, dtype=np.float64)
    return np.sign(np.subtract.outer(made, made))


def _ratio(product: Vector, squares: Vector) -> Vector:
    """Correlations from their parts, without those that are not defined."""
    return product[squares > 0] / np.sqrt(squares[squares > 0])


def _short_of_one(correlation: ArrayLike, step: float) -> Vector:
    """Not beyond half a step short of ±1."""
    return np.clip(correlation, step / 2.0 - 1.0, 1.0 - step / 2.0)


def _interval(found: float, left: Vector, step: float, variance: float) -> tuple[float, float]:
    """By a variance of z, or the jackknife's where that is larger.

    Args:
        found: The correlation.
        left: That of the pairs without one of them, for each.
        step: Between two possible values.
        variance: Of z, for normal pairs.
    """
    zs, n = np.arctanh(_short_of_one(left, step)), len(left)
    jackknife = (n - 1) / n * float(((zs - zs.mean()) ** 2).sum())
    z, half = math.atanh(float(_short_of_one(found, step))), _NORMAL * math.sqrt(max(variance, jackknife))
    widest = _WIDEST * _width(z, _NORMAL / math.sqrt(n - 3))
    low, high = 0.0, half
    while _width(z, half) > widest and high - low > 1e-9:  # the half that gives the widest, by bisection
        middle = (low + high) / 2.0
        low, high = (low, middle) if _width(z, middle) > widest else (middle, high)
    return math.tanh(z - high), math.tanh(z + high)


def _width(z: float, half: float) -> float:
    return math.tanh(z + half) - math.tanh(z - half)


def ndcg(predicted: ArrayLike, true: ArrayLike, k: int) -> float:
    """Normalised discounted cumulative gain of the k that are predicted to be best: 1 where these are the k best.

    DCG@k = Σ (2^relevance - 1) / log2(1 + place) over the places 1 to k, divided by that of the best order (Järvelin &
    Kekäläinen 2002, doi:10.1145/582415.582418; the exponential gains are those of Burges et al. 2005,
    doi:10.1145/1102351.1102363, with which Tybl & Neumann 2025, arXiv:2502.04975, compare zero-cost proxies, taking the
    accuracy as relevance). The relevance here is the true value on the scale from 0, the worst of the networks, to 1,
    the best of them, so that losses can be ranked too, and a narrow range of accuracies does not make every order look
    good. Networks that are predicted to be equal share the mean of their gains, so that their order does not matter.

    Args:
        predicted: Shape (n,): the larger, the better.
        true: Shape (n,), likewise.
        k: How many places count, at least 1; all where there are fewer networks.

    Returns:
        From 0 to 1; NaN where all true values are equal.

    Raises:
        UsageError: When k < 1.
    """
    guesses, values = np.asarray(predicted, dtype=np.float64), np.asarray(true, dtype=np.float64)
    if k < 1:
        raise UsageError(f"nDCG: expected k >= 1, got {k}")
    if not len(values) or values.max() == values.min():
        return float("nan")
    gains = 2.0 ** ((values - values.min()) / (values.max() - values.min())) - 1.0
    _, group = np.unique(-guesses, return_inverse=True)  # the groups in the order of their places
    shared = np.bincount(group, gains) / np.bincount(group)
    discount = 1.0 / np.log2(np.arange(2, len(values) + 2))
    discount[k:] = 0.0
    return float(shared[np.sort(group)] @ discount / (np.sort(gains)[::-1] @ discount))
