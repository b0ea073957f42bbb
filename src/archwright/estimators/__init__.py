"""How good an architecture is: the seam, and its implementations. Importing this room loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archwright.estimators.estimator import Estimator
from archwright.estimators.tabular import Row, TabularEstimator
from archwright.estimators.training.recipe import Recipe

if TYPE_CHECKING:
    from archwright.estimators.training.training import Training
    from archwright.estimators.weight_sharing import WeightSharing

__all__ = ["ESTIMATORS", "Estimator", "Recipe", "Row", "TabularEstimator", "Training", "WeightSharing"]

ESTIMATORS: dict[str, str] = {
    "tabular": "Look each network up in a table of networks that were trained before.",
    "training": "Train each network from scratch by a recipe and score it on the validation data.",
    "weight_sharing": "Score each network with the weights it inherits from a trained supernet.",
}
"""Name to description of what can estimate an architecture."""


def __getattr__(name: str) -> Any:
    if name == "Training":
        from archwright.estimators.training.training import Training

        return Training
    if name == "WeightSharing":
        from archwright.estimators.weight_sharing import WeightSharing

        return WeightSharing
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
