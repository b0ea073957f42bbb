"""Training from scratch by a typed recipe. Loads no torch before `Training` is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archwright.estimators.training.recipe import AUGMENTATIONS, OPTIMIZERS, SCHEDULES, Recipe

if TYPE_CHECKING:
    from archwright.estimators.training.training import Training

__all__ = ["AUGMENTATIONS", "OPTIMIZERS", "SCHEDULES", "Recipe", "Training"]


def __getattr__(name: str) -> Any:
    if name == "Training":
        from archwright.estimators.training.training import Training

        return Training
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
