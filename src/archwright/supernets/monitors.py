"""What is watched while a supernet is trained, to see a search go wrong (Zela et al. 2020, arXiv:1909.09656).

The eigenvalue of the validation Hessian is part of the epochs of `Bilevel`, as an option.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean

from archwright.spaces import Space
from archwright.supernets.methods.derivation import skips
from archwright.supernets.methods.one_shot import OneShot
from archwright.supernets.scoring import shared_score
from archwright.tasks import Task

__all__ = ["mean_entropy", "watch"]


def watch(method: OneShot, task: Task) -> dict[str, float]:
    """The numbers of one epoch. Nothing of the method changes.

    Args:
        method: After an epoch.
        task: Its validation data score the derived network.

    Returns:
        - "entropy": see `mean_entropy`.
        - "skips": skip connections in the derived architecture. Many of them are how DARTS is known to fail.
        - "derived_<metric>": each of the task's metrics, of the architecture it would propose now (`shared_score`).

        Empty for a method that learns no preferences, which has nothing to derive before its search.
    """
    probabilities = method.probabilities()
    if not probabilities:
        return {}
    watched: dict[str, float] = {}
    entropy = mean_entropy(method.supernet.space, probabilities)
    if entropy is not None:
        watched["entropy"] = entropy
    for architecture in method.derive(1):
        watched["skips"] = float(len(skips(architecture)))
        scores = shared_score(method.supernet, architecture, task)
        watched.update((f"derived_{name}", score) for name, score in scores.items())
    return watched


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
