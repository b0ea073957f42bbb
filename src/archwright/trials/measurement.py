"""What an estimator returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Measurement"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """The numbers one estimate produced.

    Args:
        metrics: Name to value, on the validation split where a split is involved: "accuracy" (a share in
            [0, 1]), "loss", "params" (count), "flops" (count for one example).
        curve: One mapping an epoch, in order: "epoch" (from 1), "train_loss", and validation metrics.
        seconds: Wall time of the estimate.
        artifacts: Name to path of files it left (weights, say), relative to the run's folder.
    """

    metrics: Mapping[str, float]
    curve: tuple[Mapping[str, float], ...] = ()
    seconds: float = 0.0
    artifacts: Mapping[str, str] = field(default_factory=dict)
