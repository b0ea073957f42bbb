"""The mean of an estimate over several replicates: other seeds, and other folds where there are some."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

from archwright.trials import Candidate, Checkpoint, Measurement, TrialContext, Verdict

__all__ = ["STANDARD_ERROR", "over_replicates"]

STANDARD_ERROR = "_standard_error"
"""What follows a metric's name in that of its mean's standard error."""

_DONE, _PRESENT = "replicates", "present"


def over_replicates(
    estimate: Callable[[Candidate, TrialContext], Measurement], candidate: Candidate, trial: TrialContext
) -> Measurement:
    """Measure a candidate once for each of its fidelity's replicates, one after the other.

    The first replicate converses with the trial, so the trial's curve is that of the first, and a pruner judges by it:
    where it says stop, no further one is measured. Each replicate has a checkpoint of its own within the trial's. A
    candidate that continues its parent continues each replicate that the parent had, and begins the others anew.

    Args:
        estimate: Measures one replicate.
        candidate: What to measure.
        trial: The trial.

    Returns:
        Metrics as the mean over the replicates; of those that differ "METRIC_standard_error" too, the deviation between
        replicates over √n; and "replicates", n. The curve is the mean of the curves, as far as all reach; the seconds
        are the sum. Of a trial that was stopped, what the first replicate reached.
    """
    effort = candidate.effort
    if effort.replicates == 1:
        return estimate(candidate, trial)
    progress = _Progress(trial)
    for number in range(len(progress.done), effort.replicates):
        one = _Replicate(progress, number, candidate)
        single = replace(effort, replicate=effort.replicate + number, replicates=1)
        begins = candidate.continues and number > 0 and one.parent is None
        inherit = "architecture" if begins else candidate.inherit
        measured = estimate(replace(candidate, fidelity=single, inherit=inherit), one)
        if one.stopped:
            return measured
        progress.add(one, measured)
    return _mean([Measurement(one["metrics"], tuple(one["curve"]), one["seconds"]) for one in progress.done])


class _Progress:
    """The replicates that are done, and the checkpoints of those of the parent.

    Args:
        trial: The trial.
    """

    def __init__(self, trial: TrialContext) -> None:
        self.trial = trial
        own = trial.own.load() if trial.own is not None else {}
        self.done: list[dict[str, Any]] = list(own.get(_DONE, ()))
        self.present: dict[str, Any] | None = own.get(_PRESENT)
        inherited = trial.parent.load() if trial.parent is not None else {}
        # A parent of one replicate has its state as it is.
        self.parents = [one["state"] for one in inherited[_DONE]] if _DONE in inherited else [inherited]
        self.parents = [state for state in self.parents if state]

    @property
    def begin(self) -> int:
        """The step at which the present replicate begins."""
        return sum(one["steps"] + 1 for one in self.done)

    def state(self, present: Mapping[str, Any]) -> dict[str, Any]:
        """The trial's checkpoint in the midst of a replicate."""
        return {_DONE: self.done, _PRESENT: dict(present)}

    def add(self, one: _Replicate, measured: Measurement) -> None:
        """Note a replicate that is done; and keep that, where replicates can be continued."""
        state = one.state or (one.parent.load() if one.parent is not None else {})
        self.done.append(
            {
                "metrics": dict(measured.metrics),
                "curve": [dict(point) for point in measured.curve],
                "seconds": measured.seconds,
                "steps": one.step,
                "state": state,
            }
        )
        self.present = None
        if state:
            self.trial.save(self.begin - 1, {_DONE: self.done})


class _Replicate(TrialContext):
    """One replicate of a trial.

    Args:
        progress: Of the trial.
        number: Which, from 0.
        candidate: What is measured.
    """

    def __init__(self, progress: _Progress, number: int, candidate: Candidate) -> None:
        trial, parents = progress.trial, progress.parents
        self.progress, self.is_first = progress, number == 0
        self.number, self.attempt = trial.number, trial.attempt
        self.own = _checkpoint(trial.own, progress.present)
        # Weights for another network may be those of any replicate; to go on, they must be its own.
        place = number if number < len(parents) or candidate.continues else 0
        self.parent = _checkpoint(trial.parent, parents[place] if place < len(parents) else None)
        self.last = trial.last if self.is_first else None
        self.state, self.step, self.stopped = progress.present, 0, False

    def report(
        self, step: int, metrics: Mapping[str, float], state: Mapping[str, Any] | None = None
    ) -> Verdict:
        """See `TrialContext.report`."""
        self._note(step, state)
        if not self.is_first:
            if state is not None:
                self.save(step, state)
            return Verdict.GO_ON
        whole = None if state is None else self.progress.state(state)
        verdict = self.progress.trial.report(step, metrics, whole)
        self.stopped = verdict is Verdict.STOP
        return verdict

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """See `TrialContext.save`."""
        self._note(step, state)
        self.progress.trial.save(self.progress.begin + step, self.progress.state(state))

    def _note(self, step: int, state: Mapping[str, Any] | None) -> None:
        self.step = max(self.step, step)
        self.state = self.state if state is None else dict(state)


def _checkpoint(whole: Checkpoint | None, state: Mapping[str, Any] | None) -> Checkpoint | None:
    """A part of a checkpoint as one of its own."""
    return None if whole is None or not state else Checkpoint(whole.key, lambda key: dict(state))


def _mean(measured: Sequence[Measurement]) -> Measurement:
    count = len(measured)
    metrics: dict[str, float] = {}
    for name in [name for name in measured[0].metrics if all(name in one.metrics for one in measured)]:
        values = [one.metrics[name] for one in measured]
        if all(value == values[0] for value in values):
            metrics[name] = values[0]
            continue
        metrics[name] = fmean(values)
        metrics[name + STANDARD_ERROR] = stdev(values) / math.sqrt(count)
    curve = []
    for points in zip(*(one.curve for one in measured), strict=False):
        shared = [name for name in points[0] if all(name in point for point in points)]
        curve.append({name: fmean(point[name] for point in points) for name in shared})
    return Measurement({**metrics, "replicates": count}, tuple(curve), math.fsum(m.seconds for m in measured))
