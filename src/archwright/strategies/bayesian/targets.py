"""What the surrogates are to learn: one loss to be small, and what the limits are on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archwright.objectives import Objective

__all__ = ["Bounded", "bounded", "scalarised", "standard", "tamed"]

Vector = NDArray[np.float64]

_AUGMENTATION = 0.05


@dataclass(frozen=True, slots=True)
class Bounded:
    """A limit, and what is known of it.

    Args:
        values: Shape (rows,): the loss, of mean 0 and deviation 1; NaN where it is not known.
        limit: What it must not be over, on the same scale.
    """

    values: Vector
    limit: float


def standard(values: Vector) -> tuple[Vector, float, float]:
    """The values with mean 0 and deviation 1 (NaN stays), the mean, and the deviation (1 where it is 0)."""
    known = values[~np.isnan(values)]
    mean, deviation = (float(known.mean()), float(known.std())) if known.size else (0.0, 1.0)
    deviation = deviation if deviation > 1e-12 * max(1.0, abs(mean)) else 1.0
    return (values - mean) / deviation, mean, deviation


def tamed(losses: Vector) -> Vector:
    """The losses without far outliers at the bad end, of which one would hide what tells the good ones apart.

    A loss that is worse than the median by more than twice the best one's lead over the median counts as so much worse.
    """
    known = losses[~np.isnan(losses)]
    if not known.size:
        return losses
    median = float(np.median(known))
    lead = median - float(known.min())
    made: Vector = np.minimum(losses, median + 2.0 * lead)
    return made


def scalarised(losses: Vector, weights: Sequence[float]) -> Vector:
    """One loss of several, by augmented Chebyshev weights (ParEGO: Knowles 2006, doi:10.1109/TEVC.2005.851274).

    max_j w_j f_j + 0.05 Σ_j w_j f_j, each f_j scaled to [0, 1] over what is known. Over random weights its minima are
    the Pareto front.

    Args:
        losses: Shape (rows, objectives); a row with a NaN has none.
        weights: One an objective, not negative.
    """
    known = losses[~np.isnan(losses).any(1)]
    if not known.size:
        return np.full(len(losses), np.nan)
    low, high = known.min(0), known.max(0)
    weighted = np.asarray(weights) * (losses - low) / np.where(high > low, high - low, 1.0)
    made: Vector = weighted.max(1) + _AUGMENTATION * weighted.sum(1)
    return made


def bounded(losses: Vector, objectives: Sequence[Objective]) -> list[Bounded]:
    """The limits of the objectives that have one.

    Args:
        losses: Shape (rows, objectives).
        objectives: One a column.
    """
    made = []
    for column, objective in zip(losses.T, objectives, strict=True):
        if objective.limit is not None:
            values, mean, deviation = standard(column)
            made.append(Bounded(values, (objective.loss(objective.limit) - mean) / deviation))
    return made
