"""The estimator `morphism`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archwright.estimators.morphism.inheritance import Inheritance
from archwright.estimators.morphism.morphing import NewUnits
from archwright.estimators.training import Training
from archwright.learning.recipe import Recipe
from archwright.tasks.task import Task

if TYPE_CHECKING:
    from archwright.spaces import Space

__all__ = ["morphism"]


def morphism(
    space: Space,
    task: Task,
    recipe: Recipe | None = None,
    *,
    accelerator: str = "auto",
    devices: int | Sequence[int] = 1,
    precision: str = "32-true",
    child_share: float = 1 / 3,
    new_units: NewUnits = "fresh",
) -> Training:
    """Training in which a child begins as its parent computes, and is trained for a part of the epochs.

    For strategies whose candidates inherit weights: `hill_climbing`, and `evolution` with inherit=true. What has no
    parent is trained in full. See `Inheritance`; Elsken et al. 2017, arXiv:1711.04528.

    Args:
        space: Builds the networks.
        task: What to learn.
        recipe: How to train.
        accelerator: "auto", "cpu", "cuda" or "mps".
        devices: See `Training`.
        precision: See `Training`.
        child_share: Share of the recipe's epochs that a child is trained for, in (0, 1].
        new_units: "fresh": units that a wider layer adds have weights of their own, and nothing reads them yet;
            "copies": they repeat random old units, whose readers are divided among them.
    """
    inheritance = Inheritance(child_share, new_units)
    return Training(
        space,
        task,
        recipe,
        accelerator=accelerator,
        devices=devices,
        precision=precision,
        inheritance=inheritance,
    )
