"""Whether a strategy is better than another, or the seeds were."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archwright.errors import UsageError

__all__ = ["Pair", "Ranking", "holm", "rank_strategies"]


@dataclass(frozen=True, slots=True)
class Pair:
    """One strategy against another.

    Args:
        better: The one with the lower mean rank.
        worse: The other.
        wins: Seeds on which `better` has the smaller regret.
        ties: Seeds on which both have the same.
        p: Two-sided Wilcoxon signed-rank test of the regrets, seed by seed, after Holm's correction for the number
            of pairs.
    """

    better: str
    worse: str
    wins: int
    ties: int
    p: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """All strategies, best first.

    Args:
        ranks: Strategy to its mean rank over the seeds, from 1 for the best; equals share their ranks.
        pairs: Every pair, in the order of `ranks`.
    """

    ranks: dict[str, float]
    pairs: tuple[Pair, ...]


def rank_strategies(names: Sequence[str], regrets: NDArray[np.float64]) -> Ranking:
    """Rank strategies by their regrets.

    Args:
        names: Of the strategies.
        regrets: Shape (strategies, seeds); smaller is better.

    Raises:
        UsageError: When the shape does not fit the names, or there are no seeds.
    """
    from scipy.stats import rankdata

    if regrets.ndim != 2 or regrets.shape[0] != len(names) or regrets.shape[1] < 1:
        raise UsageError(f"expected regrets of the shape ({len(names)}, seeds), got {regrets.shape}")
    means = rankdata(regrets, axis=0).mean(axis=1)
    order = sorted(range(len(names)), key=lambda i: (means[i], names[i]))
    pairs = list(itertools.combinations(order, 2))
    corrected = holm([_signed_rank(regrets[i] - regrets[j]) for i, j in pairs])
    found = [
        Pair(
            names[i],
            names[j],
            int((regrets[i] < regrets[j]).sum()),
            int((regrets[i] == regrets[j]).sum()),
            p,
        )
        for (i, j), p in zip(pairs, corrected, strict=True)
    ]
    return Ranking({names[i]: float(means[i]) for i in order}, tuple(found))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979): the step-down form of Bonferroni's correction.

    The smallest of m is multiplied by m, the next by m - 1 and so on; none becomes smaller than the one before it,
    or larger than 1.

    Args:
        p_values: In any order.

    Returns:
        The corrected ones, in the same order.
    """
    corrected = [1.0] * len(p_values)
    least = 0.0
    for place, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[i]))
        corrected[i] = least
    return corrected


def _signed_rank(differences: NDArray[np.float64]) -> float:
    """The p-value of Wilcoxon's signed-rank test (1945); equals are left out, and where all are equal it is 1."""
    from scipy.stats import wilcoxon

    if not differences.any():
        return 1.0
    return float(wilcoxon(differences).pvalue)
