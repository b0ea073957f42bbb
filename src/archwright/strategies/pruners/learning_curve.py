"""Stopping by extrapolated learning curves."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, final

import numpy as np

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.strategies.pruners.pruner import Observed, Pruner, judged_objective
from archwright.surrogates.curves import CURVE_MODELS, Curve
from archwright.trials import Report, Trial, TrialState, Verdict

__all__ = ["LearningCurvePruner"]


@final
class LearningCurvePruner(Pruner):
    """Stops a trial when it is improbable that it will end better than the best completed trial.

    The predictive termination of Domhan et al. 2015 (IJCAI, section 4): stop when P(y(m) > best) < 0.05, where m is the
    last epoch of the training. Epochs are what is reported as "epoch", else reports are counted. m is the horizon or
    the epochs of the trial's fidelity, where it has any, else the last epoch of the completed trials; the best one is
    that with the best value at m. Trials on another share of the data are not looked at. Without a completed trial, and
    where the model has too little to tell from, a trial goes on.

    Args:
        objectives: The first one that is optimised is judged, where no metric is named.
        metric: Name of the reported metric to judge by.
        model: A key of `archwright.surrogates.curves.CURVE_MODELS`: "freeze_thaw" and "support_vectors" learn from the
            other trials too, "parametric" extrapolates the curve alone (a quarter of a second a judgement)
            and saves less.
        model_options: Options of the model by name.
        minimum_epochs: Epochs that each trial is given before it is judged, at least 1.
        interval: A trial is judged after every so many epochs.
        probability: Below which a trial is stopped, in (0, 1).
        epochs: m; None takes it from the trials, as said above.

    Raises:
        UsageError: When there is no metric to judge by, the model or an option is unknown, or a number is out of range.
    """

    def __init__(
        self,
        objectives: Sequence[Objective] = (),
        *,
        metric: str | None = None,
        model: str = "freeze_thaw",
        model_options: Mapping[str, Any] | None = None,
        minimum_epochs: int = 4,
        interval: int = 1,
        probability: float = 0.05,
        epochs: int | None = None,
    ) -> None:
        for name, number in (("minimum_epochs", minimum_epochs), ("interval", interval), ("epochs", epochs)):
            if number is not None and number < 1:
                raise UsageError(f"the pruner 'learning_curve': expected {name} >= 1, got {number}")
        if not 0.0 < probability < 1.0:
            raise UsageError(
                f"the pruner 'learning_curve': expected a probability between 0 and 1, got {probability}"
            )
        self.objective = judged_objective("learning_curve", metric, objectives, 0)
        self.model = CURVE_MODELS.make(model, options=model_options)
        self.minimum_epochs, self.interval = minimum_epochs, interval
        self.probability, self.epochs = probability, epochs
        # Curves of ended trials do not change.
        self._curves: dict[int, tuple[Trial, Curve]] = {}

    def judge(self, trial: Trial, curve: Sequence[Report], others: Collection[Observed]) -> Verdict:
        """Stop where the best completed trial will probably not be beaten."""
        mine = self._curve(trial, curve)
        if not len(mine.epochs) or self.objective.name not in curve[-1].metrics:
            return Verdict.GO_ON
        reached = int(mine.epochs[-1])
        if reached < self.minimum_epochs or reached % self.interval:
            return Verdict.GO_ON
        known = self._comparable(trial, others)
        last = self._last(trial, known)
        finals = [
            value
            for other, found in known
            if other.state is TrialState.COMPLETED and (value := found.at(last)) is not None
        ]
        if not finals or reached >= last:
            return Verdict.GO_ON
        # Those that run have other curves at each judgement, from which models would have to learn anew.
        ended = [found for other, found in known if other.state is not TrialState.RUNNING]
        forecast = self.model.forecast(mine, last, ended)
        if forecast is None or forecast.probability_above(max(finals)) >= self.probability:
            return Verdict.GO_ON
        return Verdict.STOP

    def _comparable(self, trial: Trial, others: Collection[Observed]) -> list[tuple[Trial, Curve]]:
        """The curves of trials on the same share of the data, in the order of asking; each network's longest."""
        share = trial.candidate.effort.data_fraction
        candidates = [trial.candidate, *(other.candidate for other, _ in others)]
        continued = {candidate.parent for candidate in candidates if candidate.continues}
        found = []
        for other, reports in sorted(others, key=lambda observed: observed[0].number):
            uncounted = other.state in (TrialState.FAILED, TrialState.INFEASIBLE)
            if uncounted or other.number in continued or other.candidate.effort.data_fraction != share:
                continue
            curve = self._known(other, reports)
            if len(curve.epochs):
                found.append((other, curve))
        return found

    def _last(self, trial: Trial, known: Sequence[tuple[Trial, Curve]]) -> int:
        """The epoch at which trials are compared; 0 where it cannot be known yet."""
        effort = trial.candidate.effort
        given = self.epochs or effort.horizon or effort.epochs
        if given is not None:
            return given
        ends = [curve.epochs[-1] for other, curve in known if other.state is TrialState.COMPLETED]
        return int(max(ends, default=0))

    def _known(self, trial: Trial, reports: Sequence[Report]) -> Curve:
        if trial.state is TrialState.RUNNING:
            return self._curve(trial, reports)
        known = self._curves.get(trial.number)
        if known is None or known[0] is not trial:
            known = self._curves[trial.number] = (trial, self._curve(trial, reports))
        return known[1]

    def _curve(self, trial: Trial, reports: Sequence[Report]) -> Curve:
        """The finite values, the larger, the better."""
        epochs: list[float] = []
        values: list[float] = []
        for count, report in enumerate(reports, 1):
            value = report.metrics.get(self.objective.name, math.nan)
            epoch = report.metrics.get("epoch", count)
            if math.isfinite(value) and epoch >= 1 and (not epochs or epoch > epochs[-1]):
                epochs.append(epoch)
                values.append(-self.objective.loss(value))
        return Curve(np.array(epochs), np.array(values), trial.architecture)
