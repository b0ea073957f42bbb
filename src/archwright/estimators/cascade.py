"""The estimator that looks in stages: proxies, a short training, the full one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, final

from archwright.errors import TrialError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.objectives import Objective
from archwright.tasks.task import Task
from archwright.trials import Candidate, Measurement, TrialContext, Verdict, stage_shares

if TYPE_CHECKING:
    from archwright.learning.recipe import Recipe
    from archwright.spaces import Space

__all__ = ["Cascade"]

_SHARE = 4


@final
class Cascade(Estimator):
    """Scores a candidate by proxies first, then in a short training, which goes on to the full one.

    All is one trial. After each stage it reports "stage" (from 0) and "stage_score" (the higher the better), and stops
    when it is told to: what others reached at the stage is known to the search alone, so its pruner decides, by
    default `cascade`, which lets the best share of a stage go on. A proxy's stage is reported at the step of its place.
    The short training is the beginning of the full one, with its schedules, so that no epoch is trained twice; what it
    reports after so many epochs is judged.

    With the strategy `cascade` the stages are trials of their own instead: a candidate whose fidelity names a proxy is
    scored by that alone, and one that was looked at before is trained as its fidelity says.

    Args:
        space: Builds the networks.
        task: What to learn.
        recipe: How to train.
        accelerator: "auto", "cpu", "cuda" or "mps".
        devices: See `Training`.
        precision: See `Training`.
        proxies: Names of estimators that score at once, separated by commas, the cheapest first.
        epochs: Of the short training; none takes a quarter of all, and 0 has no such stage.
        keep: Share of a stage's candidates that goes on, in (0, 1): one for all, or one for each proxy and the short
            training, separated by commas.
        last: The estimator whose word is the last.

    Raises:
        UsageError: When an estimator is unknown or stands for several stages, or an option is out of range.
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
        proxies: Sequence[str] | str = "synflow",
        epochs: int | None = None,
        keep: float | Sequence[float] | str = 0.25,
        last: str = "training",
    ) -> None:
        from archwright.learning.recipe import Recipe

        if epochs is not None and epochs < 0:
            raise UsageError(f"cascade: expected epochs >= 0, got {epochs}; 0 leaves out the short training")
        names = proxies.split(",") if isinstance(proxies, str) else proxies
        self.proxies = tuple(name.strip() for name in names if name.strip())
        if len(set(self.proxies)) < len(self.proxies) or "cascade" in (*self.proxies, last):
            raise UsageError(f"cascade: expected different estimators of one stage, got {proxies} and {last}")
        stages = [*self.proxies, *([] if epochs == 0 else ["the short training"])]
        stage_shares(keep, "the estimator 'cascade'", stages)
        self.space, self.task, self.recipe = space, task, recipe or Recipe()
        self.how: dict[str, Any] = {"accelerator": accelerator, "devices": devices, "precision": precision}
        self.epochs, self.keep = epochs, keep
        self.last = self._made(last)
        self._scorers = {name: self._made(name) for name in self.proxies}

    @property
    def stops_by(self) -> tuple[str, Mapping[str, Any]]:
        """The pruner that keeps the best share of a stage."""
        return "cascade", {"keep": self.keep}

    def measure(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """See `Estimator.measure`: only the last stage has replicates."""
        return self.estimate(candidate, trial)

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """Measure a candidate, stage by stage. See `Estimator.estimate`.

        Returns:
            What the last stage measured that it reached, with what the proxies said and its "stage_score".
        """
        begin = time.perf_counter()
        if (proxy := candidate.effort.proxy) is not None:
            return self._scored(proxy, candidate, trial)
        if not candidate.is_new:  # it has passed the stages
            return self.last.measure(candidate, _StagedTrial(trial, len(self.proxies), 0, self.task.metric))
        found: dict[str, float] = {}
        for place, name in enumerate(self.proxies):
            found |= self._scored(name, candidate, trial).metrics
            if trial.report(place, {"stage": place, **found}) is Verdict.STOP:
                return Measurement(found, seconds=time.perf_counter() - begin)
        found.pop("stage_score", None)
        staged = _StagedTrial(trial, len(self.proxies), self._short(candidate), self.task.metric)
        measured = self.last.measure(candidate, staged)
        metrics = {**found, **measured.metrics}
        return replace(measured, metrics=metrics, seconds=time.perf_counter() - begin)

    def _made(self, name: str) -> Estimator:
        from archwright.estimators.registry import ESTIMATORS

        return ESTIMATORS.make(name, self.space, self.task, recipe=self.recipe, **self.how)

    def _scored(self, name: str, candidate: Candidate, trial: TrialContext) -> Measurement:
        """What a proxy says, and its score, the higher the better.

        Raises:
            TrialError: When it gave none.
        """
        if name not in self._scorers:
            self._scorers[name] = self._made(name)
        scorer = self._scorers[name]
        bare = replace(candidate, fidelity=replace(candidate.effort, proxy=None))
        measured = scorer.estimate(bare, _Unheard(trial))
        ranks = scorer.ranks_by or Objective(self.task.metric)
        if ranks.name not in measured.metrics:
            raise TrialError(f"the stage {name!r} gave no {ranks.name}: got {', '.join(measured.metrics)}")
        score = -ranks.loss(measured.metrics[ranks.name])
        return replace(measured, metrics={**measured.metrics, "stage_score": score})

    def _short(self, candidate: Candidate) -> int:
        """Epochs of the short training; 0 where there is no such stage."""
        every = candidate.effort.horizon or candidate.effort.epochs or self.recipe.epochs
        short = max(1, every // _SHARE) if self.epochs is None else self.epochs
        return short if short < every else 0


class _Unheard(TrialContext):
    """A trial that is told nothing: what a proxy reports on its way is no stage of its own."""

    def __init__(self, trial: TrialContext) -> None:
        self.number, self.attempt, self.parent = trial.number, trial.attempt, trial.parent

    def report(
        self, step: int, metrics: Mapping[str, float], state: Mapping[str, Any] | None = None
    ) -> Verdict:
        """Go on."""
        return Verdict.GO_ON

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Keep nothing."""


class _StagedTrial(TrialContext):
    """A trial whose steps begin behind those of the proxies, and whose report after the short training is a stage's.

    Args:
        trial: The trial.
        offset: How many stages were before.
        epochs: Of the short training; 0 where it is no stage.
        metric: What it is scored by.
    """

    def __init__(self, trial: TrialContext, offset: int, epochs: int, metric: str) -> None:
        self.trial, self.offset, self.epochs, self.objective = trial, offset, epochs, Objective(metric)
        self.number, self.attempt, self.own, self.parent = (
            trial.number,
            trial.attempt,
            trial.own,
            trial.parent,
        )
        reached = trial.last is not None and trial.last[0] >= offset
        self.last = (trial.last[0] - offset, trial.last[1]) if trial.last and reached else None

    def report(
        self, step: int, metrics: Mapping[str, float], state: Mapping[str, Any] | None = None
    ) -> Verdict:
        """See `TrialContext.report`."""
        name = self.objective.name
        if self.epochs and metrics.get("epoch") == self.epochs and name in metrics:
            score = -self.objective.loss(metrics[name])
            metrics = {**metrics, "stage": self.offset, "stage_score": score}
        return self.trial.report(step + self.offset, metrics, state)

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """See `TrialContext.save`."""
        self.trial.save(step + self.offset, state)
