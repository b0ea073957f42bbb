"""The seam of learning-curve models: from the beginning of a curve to what it is expected to reach."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archwright.errors import UsageError

__all__ = ["Curve", "CurveModel", "Forecast", "Vector", "are_same", "settled"]

Vector = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Curve:
    """What a network had reached after each of some epochs.

    Args:
        epochs: Shape (points,): from 1, growing; need not be every epoch.
        values: Shape (points,): finite; the larger, the better.
        architecture: Its decisions, for models that learn from other networks; empty where nothing is known.

    Raises:
        UsageError: When the shapes differ, epochs do not grow from 1, or a value is not finite.
    """

    epochs: Vector
    values: Vector
    architecture: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        epochs = np.asarray(self.epochs, dtype=np.float64)
        values = np.asarray(self.values, dtype=np.float64)
        if epochs.ndim != 1 or epochs.shape != values.shape:
            raise UsageError(f"curve: expected a value per epoch, got {values.shape} for {epochs.shape}")
        if len(epochs) and (epochs[0] < 1.0 or (np.diff(epochs) <= 0.0).any()):
            raise UsageError(f"curve: expected epochs that grow from 1, got {epochs.tolist()}")
        if not np.isfinite(values).all():
            raise UsageError("curve: expected finite values; leave out the epochs that have none")
        object.__setattr__(self, "epochs", epochs)
        object.__setattr__(self, "values", values)

    def until(self, epoch: float) -> Curve:
        """Its beginning, up to an epoch."""
        kept = self.epochs <= epoch
        return Curve(self.epochs[kept], self.values[kept], self.architecture)

    def at(self, epoch: float) -> float | None:
        """The value at an epoch; None where there is none."""
        (found,) = np.nonzero(self.epochs == epoch)
        return float(self.values[found[0]]) if len(found) else None


def are_same(curves: Sequence[Curve], others: Sequence[Curve]) -> bool:
    """True if both are the same objects in the same order: what was learned from one holds for the other."""
    return len(curves) == len(others) and all(map(operator.is_, curves, others))


def settled(curves: Sequence[Curve]) -> Sequence[Curve]:
    """The first of them, in numbers that grow by a quarter at least: what was learned is learned anew less often so."""
    count = len(curves)
    taken = min(count, 10)
    while (more := taken + max(1, taken // 4)) <= count:
        taken = more
    return curves[:taken]


@final
@dataclass(frozen=True, eq=False)
class Forecast:
    """What is expected to be measured at a later epoch: a mixture of normal distributions with equal weights.

    Args:
        means: Shape (samples,).
        deviations: Shape (samples,): of each; noise of the measurement included.
    """

    means: Vector
    deviations: Vector

    @property
    def mean(self) -> float:
        """The expectation."""
        return float(self.means.mean())

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return float(np.sqrt(np.mean(self.deviations**2) + self.means.var()))

    def probability_above(self, threshold: ArrayLike) -> Any:
        """The probability of more than a threshold; an array of them where thresholds are an array."""
        from scipy.special import ndtr

        at = np.asarray(threshold, dtype=np.float64)[..., None]
        made = ndtr((self.means - at) / np.maximum(self.deviations, 1e-12)).mean(-1)
        return float(made) if made.ndim == 0 else made


class CurveModel(ABC):
    """Extrapolates learning curves. What it says depends on the arguments of `forecast` and its own alone."""

    @abstractmethod
    def forecast(self, curve: Curve, epoch: float, others: Sequence[Curve] = ()) -> Forecast | None:
        """What the curve is expected to reach.

        Args:
            curve: Its beginning.
            epoch: When; later than the last epoch of the curve.
            others: Curves of other networks, of any length, in an order that is the same for the same search.

        Returns:
            The distribution of the value that will be measured; None where there is too little to tell from.
        """
