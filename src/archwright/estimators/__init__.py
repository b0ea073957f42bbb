"""How good an architecture is: the seam, and its implementations. Importing this room loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archwright.estimators.estimator import Estimator
from archwright.estimators.registry import ESTIMATORS
from archwright.estimators.tabular import Row, TabularEstimator
from archwright.learning.recipe import Recipe

if TYPE_CHECKING:
    from archwright.estimators.training import Training
    from archwright.estimators.weight_sharing import WeightSharing

__all__ = ["ESTIMATORS", "Estimator", "Recipe", "Row", "TabularEstimator", "Training", "WeightSharing"]


def __getattr__(name: str) -> Any:
    if name == "Training":
        from archwright.estimators.training import Training

        return Training
    if name == "WeightSharing":
        from archwright.estimators.weight_sharing import WeightSharing

        return WeightSharing
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
