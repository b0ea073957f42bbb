"""What the models learn: losses that are to be small, and what the limits are on."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archwright.errors import MissingExtraError, UsageError
from archwright.objectives import Objective, optimized
from archwright.strategies.bayesian.box_decomposition import inferred_reference
from archwright.strategies.bayesian.observations import Snapshot
from archwright.strategies.randomness import random_for

__all__ = [
    "HypervolumeTargets",
    "ScalarTargets",
    "TargetMaker",
    "Targets",
    "scalarize",
    "standardize",
    "winsorize",
]

Vector = NDArray[np.float64]

_AUGMENTATION = 0.05


@dataclass(frozen=True, slots=True)
class Targets:
    """What is to be learned of some rows.

    Args:
        columns: One per model, shape (rows,) each: the losses to be small, then those under limits. About mean 0 and
            deviation 1; NaN where unknown.
        limits: What each of the last columns must not be over, on its scale.
        incumbent: The smallest loss of a feasible row; None while there is none, and for several losses.
        scales: Mean and deviation of each loss in its own unit, shape (losses, 2), where there are several.
    """

    columns: Sequence[Vector]
    limits: Sequence[float]
    incumbent: float | None = None
    scales: Vector | None = None

    @property
    def losses(self) -> int:
        """Number of columns that are no limit's."""
        return len(self.columns) - len(self.limits)


class TargetMaker(ABC):
    """Makes targets of what is known.

    Args:
        objectives: What is optimised, and the limits.

    Raises:
        UsageError: When nothing is to be optimised.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self.objectives = tuple(objectives)
        self.optimized = [self.objectives.index(objective) for objective in optimized(self.objectives)]

    @abstractmethod
    def __call__(self, known: Snapshot, ask: int) -> Targets:
        """The targets of some rows.

        Args:
            known: The rows.
            ask: The ask whose random numbers are used.
        """

    def _targets(self, losses: list[Vector], known: Snapshot, **more: object) -> Targets:
        columns, limits = list(losses), []
        for column, objective in zip(known.losses.T, self.objectives, strict=True):
            if objective.limit is not None:
                values, mean, deviation = standardize(column)
                columns.append(values)
                limits.append((objective.loss(objective.limit) - mean) / deviation)
        return Targets(columns, limits, **more)  # type: ignore[arg-type]


class ScalarTargets(TargetMaker):
    """One loss; several objectives are scalarised by the random weights of the ask (see `scalarize`).

    Args:
        objectives: What is optimised, and the limits.
        seed: Seed of the weights.
    """

    def __init__(self, objectives: Sequence[Objective], seed: int) -> None:
        super().__init__(objectives)
        self.seed = seed

    def __call__(self, known: Snapshot, ask: int) -> Targets:
        """Failed rows count as the worst. See `TargetMaker`."""
        losses = known.losses[:, self.optimized]
        loss = losses[:, 0]
        if len(self.optimized) > 1:
            random = random_for(self.seed, ask)
            drawn = np.array([random.expovariate(1.0) for _ in self.optimized])
            loss = scalarize(losses, drawn / drawn.sum())
        values, _, _ = standardize(winsorize(_impute_failures(loss, known.failed)))
        incumbent = float(values[known.feasible].min()) if known.feasible.any() else None
        return self._targets([values], known, incumbent=incumbent)


class HypervolumeTargets(TargetMaker):
    """A loss per objective, for the hypervolume that they dominate together.

    Args:
        objectives: What is optimised, at least two, and the limits.
        reference: From where hypervolume is measured: a value for each objective that is optimised. None infers it from
            what is known.

    Raises:
        MissingExtraError: When BoTorch is not installed.
        UsageError: When fewer than two objectives are optimised, or the reference point is none.
    """

    def __init__(self, objectives: Sequence[Objective], reference: Sequence[float] | None = None) -> None:
        super().__init__(objectives)
        if importlib.util.find_spec("botorch") is None:
            raise MissingExtraError("botorch", "bayes", "the expected hypervolume improvement")
        optimized = [self.objectives[i] for i in self.optimized]
        names = ", ".join(objective.name for objective in optimized)
        if len(optimized) < 2:
            raise UsageError(
                f"the hypervolume is of at least 2 objectives that are optimised, got 1: {names!r}; add another, or "
                "take the strategy 'bayesian' or 'botorch'"
            )
        self._reference: Vector | None = None
        if reference is not None:
            numbers = isinstance(reference, Sequence) and all(isinstance(v, int | float) for v in reference)
            if not numbers or len(reference) != len(optimized):
                raise UsageError(
                    f"expected a reference point with a value each for {names}; got {reference!r}"
                )
            losses = [o.loss(float(value)) for o, value in zip(optimized, reference, strict=True)]
            self._reference = np.array(losses)

    def reference_point(self, losses: Vector) -> Vector:
        """The reference point as losses, shape (objectives,), given those of the feasible rows."""
        if self._reference is not None:
            return self._reference
        return inferred_reference(np.stack([winsorize(column) for column in losses.T], 1))

    def __call__(self, known: Snapshot, ask: int) -> Targets:
        """Failed rows count as the worst; what is better than the reference point is not winsorised."""
        losses = known.losses[:, self.optimized]
        if not known.feasible.any():  # there is nothing to improve on yet
            return self._targets([np.full(len(losses), np.nan)] * len(self.optimized), known)
        columns, scales = [], []
        for column, corner in zip(losses.T, self.reference_point(losses[known.feasible]), strict=True):
            loss = _impute_failures(column, known.failed)
            values, *scale = standardize(np.maximum(winsorize(loss), np.minimum(loss, corner)))
            columns.append(values)
            scales.append(scale)
        return self._targets(columns, known, scales=np.array(scales))


def _impute_failures(loss: Vector, failed: NDArray[np.bool_]) -> Vector:
    """The losses, of which those that failed have the worst."""
    measured = loss[~np.isnan(loss)]
    return np.where(failed, measured.max(), loss) if measured.size else loss


def standardize(values: Vector) -> tuple[Vector, float, float]:
    """The values with mean 0 and deviation 1 (NaN stays), the mean, and the deviation (1 where it is 0)."""
    known = values[~np.isnan(values)]
    mean, deviation = (float(known.mean()), float(known.std())) if known.size else (0.0, 1.0)
    deviation = deviation if deviation > 1e-12 * max(1.0, abs(mean)) else 1.0
    return (values - mean) / deviation, mean, deviation


def winsorize(losses: Vector) -> Vector:
    """The losses without far outliers at the bad end, of which one would hide what tells the good ones apart.

    A loss that is worse than the median by more than twice the best one's lead over the median counts as so much worse.
    """
    known = losses[~np.isnan(losses)]
    if not known.size:
        return losses
    median = float(np.median(known))
    made: Vector = np.minimum(losses, median + 2.0 * (median - float(known.min())))
    return made


def scalarize(losses: Vector, weights: Sequence[float] | Vector) -> Vector:
    """One loss of several, by augmented Chebyshev weights (ParEGO: Knowles 2006, doi:10.1109/TEVC.2005.851274).

    max_j w_j f_j + 0.05 Σ_j w_j f_j, each f_j scaled to [0, 1] over what is known. Over random weights its minima are
    the Pareto front.

    Args:
        losses: Shape (rows, objectives); a row with a NaN has none.
        weights: One per objective, not negative.
    """
    known = losses[~np.isnan(losses).any(1)]
    if not known.size:
        return np.full(len(losses), np.nan)
    low, high = known.min(0), known.max(0)
    weighted = np.asarray(weights) * (losses - low) / np.where(high > low, high - low, 1.0)
    made: Vector = weighted.max(1) + _AUGMENTATION * weighted.sum(1)
    return made
