"""Support-vector regression from the beginning of a curve and its architecture to a later value."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from archwright.errors import ArchwrightWarning, UsageError
from archwright.surrogates.curves.curve import Curve, CurveModel, Forecast, Vector, are_same, settled
from archwright.surrogates.curves.encoding import DecisionColumns

__all__ = ["HeldOut", "SupportVectorCurves"]

Matrix = NDArray[np.float64]

_GRID = {"svr__regressor__C": [0.1, 1.0, 10.0], "svr__regressor__kernel": ["rbf", "linear"]}
_FOLDS = 5


@final
@dataclass(frozen=True, slots=True)
class HeldOut:
    """How a model did on curves that it had not seen, by cross-validation.

    Args:
        error: Root mean squared error of the model.
        last_value: The same of taking the curve's last value.
        risen: The same of taking that plus the mean rise of the other curves from there.
        curves: How many there were.
    """

    error: float
    last_value: float
    risen: float
    curves: int

    @property
    def is_better(self) -> bool:
        """Whether the model beats both."""
        return self.error < min(self.last_value, self.risen)


@final
class SupportVectorCurves(CurveModel):
    """ν-SVR on a curve's beginning and the architecture (Baker et al. 2017, arXiv:1705.10823), a model per length.

    Features are the values at the epochs so far, their first and second differences, and the decisions (numbers,
    labels one-hot), all standardised; C and the kernel (linear or RBF) are chosen by 5-fold cross-validation, whose
    residuals are the deviation of the forecast, as in the paper. It learns from the other curves that have all epochs
    of this one's and the epoch asked for, and anew when these are a quarter more. Whether it beats the last value on
    curves that it has not seen is in `held_out`; where it does not, forecasts warn once.

    Args:
        minimum_curves: Fewest other curves to learn from.
        nu: ν, in (0, 1].

    Attributes:
        held_out: Number of points to how the last model for that many did; empty before the first forecast.

    Raises:
        UsageError: When a number is out of range.
    """

    def __init__(self, *, minimum_curves: int = 10, nu: float = 0.5) -> None:
        if minimum_curves < _FOLDS or not 0.0 < nu <= 1.0:
            raise UsageError(
                f"expected minimum_curves >= {_FOLDS} and nu in (0, 1], got {minimum_curves} and {nu:g}"
            )
        self.minimum_curves, self.nu = minimum_curves, nu
        self.held_out: dict[int, HeldOut] = {}
        self._models: dict[tuple[bytes, float], tuple[tuple[Curve, ...], _Learned]] = {}
        self._warned = False

    def forecast(self, curve: Curve, epoch: float, others: Sequence[Curve] = ()) -> Forecast | None:
        """What the model for this length expects. See `CurveModel.forecast`."""
        seen = curve.epochs
        known = tuple(other for other in others if other.at(epoch) is not None and _begins(other, seen))
        if not len(seen) or len(known) < self.minimum_curves:
            return None
        model = self._learned(tuple(settled(known)), seen, epoch)
        self.held_out[len(seen)] = model.held_out
        if not model.held_out.is_better and not self._warned:
            self._warned = True
            warnings.warn(
                f"support-vector regression on {len(seen)} epochs does not beat the last value on curves that it has "
                f"not seen: {model.held_out}; take another model of learning curves",
                ArchwrightWarning,
                stacklevel=2,
            )
        row = _features([curve], len(seen), model.columns)
        return Forecast(np.asarray(model.regression.predict(row)), np.array([model.held_out.error]))

    def _learned(self, known: tuple[Curve, ...], seen: Vector, epoch: float) -> _Learned:
        """The model for these epochs, learned anew where the curves are others than before."""
        key = (seen.tobytes(), epoch)
        before = self._models.get(key)
        if before is not None and are_same(before[0], known):
            return before[1]
        from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict

        columns = DecisionColumns([other.architecture for other in known])
        rows = _features(known, len(seen), columns)
        ends = np.array([other.at(epoch) for other in known], dtype=np.float64)
        folds = KFold(_FOLDS, shuffle=True, random_state=0)
        search = GridSearchCV(_regression(self.nu), _GRID, cv=folds, scoring="neg_mean_squared_error")
        regression = search.fit(rows, ends).best_estimator_
        residuals = ends - cross_val_predict(regression, rows, ends, cv=folds)
        rises = ends - np.array([other.values[len(seen) - 1] for other in known])
        expected = (rises.sum() - rises) / (len(known) - 1)  # by the others
        error, last, risen = (float(np.sqrt(np.mean(off**2))) for off in (residuals, rises, rises - expected))
        made = _Learned(regression, columns, HeldOut(error, last, risen, len(known)))
        self._models[key] = known, made
        return made


@final
@dataclass(frozen=True, slots=True)
class _Learned:
    """A model for curves with certain epochs at their beginning."""

    regression: Any
    columns: DecisionColumns
    held_out: HeldOut


def _begins(curve: Curve, epochs: Vector) -> bool:
    """Whether the curve has these epochs at its beginning, and more."""
    count = len(epochs)
    return len(curve.epochs) > count and bool((curve.epochs[:count] == epochs).all())


def _features(curves: Sequence[Curve], points: int, columns: DecisionColumns) -> Matrix:
    """Shape (curves, columns): the values, their differences twice, and the decisions."""
    values = np.stack([curve.values[:points] for curve in curves])
    first = np.diff(values, axis=1)
    decisions = columns([curve.architecture for curve in curves])
    return np.hstack([values, first, np.diff(first, axis=1), decisions])


def _regression(nu: float) -> Any:
    """On standardised columns, with a standardised target."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import NuSVR

    target = TransformedTargetRegressor(NuSVR(nu=nu), transformer=StandardScaler())
    return Pipeline([("scale", StandardScaler()), ("svr", target)])
