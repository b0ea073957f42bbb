"""Several scores of a population as one: what orders networks by more than one proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archwright.errors import UsageError

__all__ = ["Aggregation", "rank_aggregate"]

Aggregation = Literal["log", "sum"]
"""How ranks are joined: the sum of their logarithms (Lee & Ham 2024), or of the ranks (Chen et al. 2021)."""


def rank_aggregate(scores: Mapping[str, ArrayLike], how: Aggregation = "log") -> NDArray[np.float64]:
    """A score for each network of a population, from its ranks by several scores.

    "log": Σ log(rank/n), by which a network that is poor by one score is not saved by the others (Lee & Ham 2024,
    arXiv:2403.19232, equation 9). "sum": Σ rank/n (Chen et al. 2021, arXiv:2102.11535). The best has rank n; ties
    share their mean rank, and what is not a number ranks as −inf does, below all others.

    Args:
        scores: Name to one number a network, the higher the better. −inf is a number here.
        how: See above.

    Returns:
        Shape (networks,), the higher the better.

    Raises:
        UsageError: When there are no scores, or not as many of each.
    """
    from scipy.stats import rankdata

    columns = [np.asarray(values, dtype=np.float64) for values in scores.values()]
    if not columns or len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        raise UsageError("expected several scores, with one number for each network of the same population")
    shares = [rankdata(np.where(np.isnan(c), -np.inf, c)) / len(c) for c in columns]
    joined: NDArray[np.float64] = np.sum(np.log(shares) if how == "log" else shares, axis=0)
    return np.round(joined, 12)  # equal sums tie, however their terms are rounded
