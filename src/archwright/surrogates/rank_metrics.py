"""How well predictions rank."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from archwright.errors import UsageError

__all__ = ["kendall", "spearman", "top_k_regret"]


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
