"""Pruners: whether a trial that reports is worth going on with.

- `Pruner`: the seam. `PRUNERS`: by name; `PRUNERS.make(name, objectives, options={...})` makes one.
- `NeverPruner`, `MedianPruner`, `LearningCurvePruner`, `ThresholdPruner`, `CascadePruner`.
"""

from archwright.strategies.pruners.cascade import CascadePruner
from archwright.strategies.pruners.learning_curve import LearningCurvePruner
from archwright.strategies.pruners.median import MedianPruner
from archwright.strategies.pruners.never import NeverPruner
from archwright.strategies.pruners.pruner import Observed, Pruner
from archwright.strategies.pruners.registry import PRUNERS
from archwright.strategies.pruners.threshold import ThresholdPruner

__all__ = [
    "PRUNERS",
    "CascadePruner",
    "LearningCurvePruner",
    "MedianPruner",
    "NeverPruner",
    "Observed",
    "Pruner",
    "ThresholdPruner",
]
