"""What is watched while a supernet is trained."""

from __future__ import annotations

from archwright.supernets.methods.one_shot import OneShot
from archwright.supernets.scoring import shared_score
from archwright.tasks import Task

__all__ = ["watch"]


def watch(method: OneShot, task: Task) -> dict[str, float]:
    """What every method's epoch is watched by: the validation scores of the derived network, by shared weights.

    Args:
        method: After an epoch.
        task: Its validation data score.
    """
    if not method.probabilities():
        return {}
    scores = shared_score(method.supernet, method.derive(1)[0], task)
    return {f"derived_{name}": value for name, value in scores.items()}
