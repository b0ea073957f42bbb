"""How undecided a method is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean

from archwright.spaces import Space

__all__ = ["mean_entropy"]


def mean_entropy(space: Space, probabilities: Mapping[str, Mapping[str, float]]) -> float | None:
    """The mean over decisions of -sum_k p_k ln p_k, in nats.

    It falls from the logarithm of the number of values, where all are as likely, to 0, where all is decided.

    Args:
        space: Tells subsets apart, whose items have weights of their own, not probabilities of one choice.
        probabilities: Address to the labels' probabilities.

    Returns:
        None where no decision chooses one value.
    """
    entropies = [
        -sum(p * math.log(p) for p in labels.values() if p > 0)
        for address, labels in probabilities.items()
        if not space.decisions[address].several
    ]
    return fmean(entropies) if entropies else None
