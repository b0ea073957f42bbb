"""How good an architecture is: the seam, and its implementations. Importing this room loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.estimators.estimator import Estimator, PopulationEstimator
from archwright.estimators.registry import ESTIMATORS
from archwright.estimators.tabular import Row, TabularEstimator
from archwright.estimators.tabular_curves import CurveRow, TabularCurves
from archwright.lazy import imported_on_use
from archwright.learning.recipe import Recipe

if TYPE_CHECKING:
    from archwright.estimators.learning_curve import LearningCurve
    from archwright.estimators.training import Training
    from archwright.estimators.weight_sharing import WeightSharing
    from archwright.estimators.zero_cost import ZeroCost

__all__ = [
    "ESTIMATORS",
    "CurveRow",
    "Estimator",
    "LearningCurve",
    "PopulationEstimator",
    "Recipe",
    "Row",
    "TabularCurves",
    "TabularEstimator",
    "Training",
    "WeightSharing",
    "ZeroCost",
]

__getattr__ = imported_on_use(__name__)
