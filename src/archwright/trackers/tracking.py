"""Telling trackers what happens in a run."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from archwright.errors import ArchwrightWarning
from archwright.experiments import Listener, Run, Stage
from archwright.experiments.finalists import REPEAT
from archwright.experiments.store import masked
from archwright.trackers.tracker import Parameter, Tracker
from archwright.trials import Report, Trial, TrialState

__all__ = ["Tracking"]

_STATES = {"completed": TrialState.COMPLETED, "failed": TrialState.FAILED}


class Tracking(Listener):
    """Passes on to another listener all that it is told, and tells trackers of it.

    What a tracker has been told of to its end is noted in `tracked.jsonl` in the run's folder. So a run that goes on
    tells nothing twice, and a tracker that is new to it, or missed something, is told what was before. Candidates over
    a limit are not told of. Whatever a tracker raises costs it the rest of this session, and nothing else.

    Args:
        trackers: Who is told.
        inner: The other listener.
        folder: The run's folder.
        log: Takes what the run's log should say.
    """

    def __init__(
        self, trackers: Sequence[Tracker], inner: Listener, folder: Path, log: Callable[[str], None]
    ) -> None:
        self.inner, self._log, self._file = inner, log, folder / "tracked.jsonl"
        self._done = _read(self._file)
        self._trackers = list(trackers)
        self._begun: dict[str, Trial] = {}
        self._told: dict[str, int] = {}

    def open(self, run: Run) -> None:
        """A run begins or goes on: tell who does not know it of what was before.

        Args:
            run: The run so far.
        """
        for tracker in list(self._trackers):
            self._tell(tracker, "open", run.folder, run.name)
        self._tell_all("begin", "", _settings(run))
        for tracker in list(self._trackers):
            known = self._done.get(masked(tracker.where), set())
            for number, epoch in enumerate(run.epochs, 1):
                if f"epoch-{number}" not in known:
                    self._tell(tracker, "log", "", number, _supernet(epoch))
                    self._note(tracker, f"epoch-{number}")
            for stage, trial in _ended(run):
                entry = _entry(stage, trial.number)
                if entry not in known:
                    self._tell(tracker, "begin", entry, _parameters(trial))
                    for step, point in _curve(trial):
                        self._tell(tracker, "log", entry, step, point)
                    self._tell(tracker, "end", entry, _finite(trial.metrics), trial.state)
                    self._note(tracker, entry)

    def close(self, run: Run) -> None:
        """The run is over, or stopped.

        Args:
            run: The run as it is now.
        """
        parts = {
            "test": run.test,
            "baseline_test": run.baseline_test,
            "validation": run.winner and run.winner.metrics,
            **{f"test of {name}": scores for name, scores in run.compared_test.items()},
        }
        results = {
            f"{part}/{name}": value for part, found in parts.items() for name, value in (found or {}).items()
        }
        self._tell_all("end", "", _finite(results), _STATES.get(run.state, TrialState.RUNNING))
        self._tell_all("close")

    def stage_started(self, stage: Stage, total: int | None, done: int, minutes: float | None = None) -> None:
        """Pass it on."""
        self.inner.stage_started(stage, total, done, minutes)

    def step_done(self, stage: Stage, step: int, steps: int) -> None:
        """Pass it on."""
        self.inner.step_done(stage, step, steps)

    def epoch_finished(self, entry: Mapping[str, Any], epochs: int) -> None:
        """A point of the run's own curve."""
        self.inner.epoch_finished(entry, epochs)
        self._tell_all("log", "", entry["epoch"], _supernet(entry))
        for tracker in self._trackers:
            self._note(tracker, f"epoch-{entry['epoch']}")

    def trial_started(self, stage: Stage, trial: Trial) -> None:
        """Remember it: it is told of once it is known to keep all limits."""
        self.inner.trial_started(stage, trial)
        self._begun[_entry(stage, trial.number)] = trial

    def trial_reported(self, stage: Stage, number: int, report: Report) -> None:
        """A point of the trial's curve."""
        self.inner.trial_reported(stage, number, report)
        entry = _entry(stage, number)
        if entry not in self._begun:
            return
        self._begin(entry)
        self._told[entry] = report.step
        self._tell_all("log", entry, report.step, _finite(report.metrics))

    def trial_finished(self, stage: Stage, trial: Trial, best: Trial | None) -> None:
        """The trial's last metrics, and what of its curve was not reported before."""
        self.inner.trial_finished(stage, trial, best)
        entry = _entry(stage, trial.number)
        if trial.state is TrialState.INFEASIBLE:
            self._begun.pop(entry, None)
            return
        self._begun[entry] = trial
        self._begin(entry)
        for step, point in _curve(trial):
            if step > self._told[entry]:
                self._tell_all("log", entry, step, point)
        self._tell_all("end", entry, _finite(trial.metrics), trial.state)
        for tracker in self._trackers:
            self._note(tracker, entry)
        del self._begun[entry], self._told[entry]

    def log(self, text: str) -> None:
        """Pass it on."""
        self.inner.log(text)

    def stage_finished(self, stage: Stage) -> None:
        """Pass it on."""
        self.inner.stage_finished(stage)

    def _begin(self, entry: str) -> None:
        if entry not in self._told:
            self._told[entry] = -1
            self._tell_all("begin", entry, _parameters(self._begun[entry]))

    def _tell_all(self, verb: str, *told: Any) -> None:
        for tracker in list(self._trackers):
            self._tell(tracker, verb, *told)

    def _tell(self, tracker: Tracker, verb: str, *told: Any) -> None:
        """Tell one tracker; one that raises is told of once, and left alone from now on."""
        if tracker not in self._trackers:
            return
        try:
            getattr(tracker, verb)(*told)
        except Exception as error:
            self._trackers.remove(tracker)
            text = masked(
                f"the tracker {tracker.where} failed and is told nothing more; the search goes on, and "
                f"`archwright resume` with the same tracker tells it what it missed: {type(error).__name__}: {error}"
            )
            self._log(text)
            self.inner.log(text)
            warnings.warn(text, ArchwrightWarning, stacklevel=2)

    def _note(self, tracker: Tracker, entry: str) -> None:
        """Note that a tracker knows all of an entry."""
        if tracker in self._trackers:
            self._done.setdefault(masked(tracker.where), set()).add(entry)
            with self._file.open("a") as opened:
                opened.write(json.dumps({"tracker": masked(tracker.where), "entry": entry}) + "\n")


def _read(file: Path) -> dict[str, set[str]]:
    """What trackers have been told of; a last line that was cut short counts for nothing."""
    done: dict[str, set[str]] = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            known = json.loads(line)
            done.setdefault(known["tracker"], set()).add(known["entry"])
        except (ValueError, TypeError, KeyError):
            continue
    return done


def _ended(run: Run) -> list[tuple[Stage, Trial]]:
    """The trials of a run that have ended and kept all limits."""
    others = [*([run.baseline] if run.baseline else []), *run.compared]
    stages = (
        (Stage.SEARCH, run.trials),
        (Stage.RETRAIN, [*run.retrained, *run.repeated]),
        (Stage.BASELINE, others),
        (Stage.REFIT, run.refitted),
    )
    found = [(stage, trial) for stage, trials in stages for trial in trials]
    left_out = (TrialState.RUNNING, TrialState.INFEASIBLE)
    return [(stage, trial) for stage, trial in found if trial.state not in left_out]


def _entry(stage: Stage, number: int) -> str:
    """The name of a trial: its stage and number, which of the networks made by hand, which repetition."""
    if stage not in (Stage.RETRAIN, Stage.BASELINE):
        return f"{stage}-{number:04}"
    repeat, number = divmod(number, REPEAT)
    network = str(stage) if (stage, number) == (Stage.BASELINE, 0) else f"{stage}-{number:04}"
    return f"{network}-repeat-{repeat}" if repeat else network


def _settings(run: Run) -> dict[str, Parameter]:
    config = run.config
    return {
        "task": config.task.name,
        "space": config.space.name or config.space.reference or "",
        "strategy": config.strategy.name,
        "estimator": config.estimator.name,
        "objectives": ", ".join(map(str, config.objectives)),
        "seed": config.seed,
        "command": config.command or "",
    }


def _parameters(trial: Trial) -> dict[str, Parameter]:
    """Decisions by address, and of the fidelity what is not the full one."""
    found: dict[str, Any] = dict(trial.architecture.items())
    effort = trial.candidate.effort.to_json()
    found |= {f"fidelity.{name}": value for name, value in effort.items() if value is not None}
    if trial.candidate.parent is not None:
        found["parent"] = trial.candidate.parent
    return {
        name: value if isinstance(value, str | int | float) else str(value) for name, value in found.items()
    }


def _curve(trial: Trial) -> list[tuple[int, dict[str, float]]]:
    """Step and metrics of the points of a trial's curve."""
    curve = trial.measurement.curve if trial.measurement else ()
    return [
        (
            int(point.get("step", point.get("epoch", place))),
            _finite({k: v for k, v in point.items() if k != "step"}),
        )
        for place, point in enumerate(curve)
    ]


def _supernet(epoch: Mapping[str, Any]) -> dict[str, float]:
    return _finite({f"supernet/{name}": value for name, value in epoch["metrics"].items()})


def _finite(metrics: Mapping[str, Any]) -> dict[str, float]:
    numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}
