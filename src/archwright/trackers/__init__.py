"""Where people watch experiments: TensorBoard, MLflow, and what is shaped like Weights & Biases.

A `Tracker` writes for one of them, `Tracking` tells trackers what happens in a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.lazy import imported_on_use
from archwright.trackers.registry import TRACKERS, make_trackers, named_trackers
from archwright.trackers.tracker import Tracker
from archwright.trackers.tracking import Tracking

if TYPE_CHECKING:
    from archwright.trackers.mlflow import MLflowTracker
    from archwright.trackers.tensorboard import TensorBoardTracker
    from archwright.trackers.wandb_style import WandbStyleTracker

# fmt: off
__all__ = [
    "TRACKERS", "MLflowTracker", "TensorBoardTracker", "Tracker", "Tracking", "WandbStyleTracker", "make_trackers",
    "named_trackers",
]
# fmt: on

__getattr__ = imported_on_use(__name__)
