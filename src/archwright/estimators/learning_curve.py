"""The estimate by a short training whose learning curve is extrapolated."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, final

import numpy as np

from archwright.errors import TrialError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.estimators.progress import told_before
from archwright.estimators.training import Training
from archwright.learning.recipe import Recipe
from archwright.objectives import Objective
from archwright.surrogates.curves import CURVE_MODELS, Curve
from archwright.tasks.task import Task
from archwright.trials import Candidate, Measurement, TrialContext

if TYPE_CHECKING:
    from archwright.spaces import Space

__all__ = ["LearningCurve"]


@final
class LearningCurve(Estimator):
    """Trains for some of the epochs, and reports what the learning curve is expected to reach at the last one.

    The schedule is that of the whole training, of which the first epochs are run (`Fidelity.horizon`). The score is the
    mean of the forecast, under the name of the task's metric: an expectation, not a measurement. Beside it stand
    "METRIC_deviation", the standard deviation of the forecast (0 where all epochs were trained), "METRIC_reached", what
    was measured after the epochs that were trained, and "epochs_trained". All other metrics are those after them.

    Args:
        space: Builds the networks.
        task: What to learn.
        recipe: How to train; its epochs are those of the whole training.
        accelerator: As of `Training`.
        devices: As of `Training`.
        precision: As of `Training`.
        share: Of the epochs that are trained, in (0, 1).
        minimum_epochs: Fewest epochs that are trained, where the training has as many; at least 1.
        metric: What is extrapolated; None takes the task's.
        model: A model that extrapolates a curve alone, of `archwright.surrogates.curves.CURVE_MODELS`.
        model_options: Options of the model by name.

    Raises:
        UsageError: When a number is out of range, the direction of the metric is not known, or the model or an option
            is unknown, or `Training` refuses the task or the recipe.
    """

    def __init__(
        self,
        space: Space,
        task: Task,
        recipe: Recipe | None = None,
        *,
        accelerator: str = "auto",
        devices: int | Sequence[int] = 1,
        precision: str = "32-true",
        share: float = 0.25,
        minimum_epochs: int = 4,
        metric: str | None = None,
        model: str = "parametric",
        model_options: Mapping[str, Any] | None = None,
    ) -> None:
        if not 0.0 < share < 1.0 or minimum_epochs < 1:
            raise UsageError(
                "the estimator 'learning_curve': expected a share between 0 and 1 and minimum_epochs >= 1, got "
                f"{share:g} and {minimum_epochs}"
            )
        self.training = Training(
            space, task, recipe, accelerator=accelerator, devices=devices, precision=precision
        )
        self.share, self.minimum_epochs = share, minimum_epochs
        self.objective = Objective(task.metric if metric is None else metric)
        self.model = CURVE_MODELS.make(model, options=model_options)

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """Train the first epochs, then extrapolate to the fidelity's epochs. See `Estimator.estimate`.

        Raises:
            TrialError: As `Training` does; when the training does not report the metric, or the model cannot tell.
        """
        begin = time.perf_counter()
        last = candidate.effort.epochs or self.training.recipe.epochs
        trained = min(last, max(self.minimum_epochs, math.ceil(self.share * last)))
        fidelity = replace(candidate.effort, epochs=trained, horizon=candidate.effort.horizon or last)
        measured = self.training.estimate(replace(candidate, fidelity=fidelity), trial)
        name = self.objective.name
        if name not in measured.metrics:
            raise TrialError(f"the training reports no {name!r}; it has {', '.join(measured.metrics)}")
        reached = measured.metrics[name]
        curve = [*_earlier(candidate, trial), *measured.curve]
        count = int(curve[-1]["epoch"]) if curve else trained
        value, deviation = reached, 0.0
        if trained <= count < last:  # else it was told to stop, or stopped early
            value, deviation = self._extrapolated(curve, last)
        told = {
            name: value,
            f"{name}_deviation": deviation,
            f"{name}_reached": reached,
            "epochs_trained": float(count),
        }
        return replace(measured, metrics={**measured.metrics, **told}, seconds=time.perf_counter() - begin)

    def _extrapolated(self, points: Sequence[Mapping[str, float]], last: int) -> tuple[float, float]:
        """Mean and deviation at the last epoch."""
        sign, name = -self.objective.loss(1.0), self.objective.name
        curve = Curve(np.array([p["epoch"] for p in points]), sign * np.array([p[name] for p in points]))
        forecast = self.model.forecast(curve, last)
        if forecast is None:
            raise TrialError(
                f"{len(points)} epochs are too few to extrapolate; set minimum_epochs to more of them, or another model"
            )
        return sign * forecast.mean, forecast.deviation


def _earlier(candidate: Candidate, trial: TrialContext) -> list[dict[str, float]]:
    """The curve of the trials that a candidate continues."""
    checkpoint = trial.own or trial.parent
    if not candidate.continues or checkpoint is None:
        return []
    return told_before(checkpoint.load(), is_own=trial.own is not None)
