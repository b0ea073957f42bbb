"""What the trials of a stage report, and what they are answered: the run's side of `TrialContext`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from archwright.errors import RunError
from archwright.experiments.jobs import DiskFull, Job, Message
from archwright.experiments.store import Stage, Store, TakenOverError
from archwright.experiments.store.checkpoints import CheckpointFolder
from archwright.strategies.pruners import NeverPruner, Pruner
from archwright.trials import Report, Trial, TrialState, Verdict

__all__ = ["Conversations"]

_BYTES = 20e9
"""On disk, for states of which the strategy does not say whether it needs them; the oldest go first."""


class Conversations:
    """Records every report before it is answered, and keeps the checkpoints of a stage in order.

    Args:
        store: Holds what was reported before, and takes what comes.
        stage: Whose trials converse.
        pruner: Judges new reports; what was answered once is answered alike again.
        checkpoints: Where states are; None where none can be kept.
        is_over: Whether the time of the search is over, so that each trial stops at its next report.
        is_shared: Whether other processes run trials of the stage at the same time.

    Attributes:
        trials: By number, as they stand, with their curves.
    """

    def __init__(
        self,
        store: Store,
        stage: Stage,
        pruner: Pruner,
        checkpoints: CheckpointFolder | None,
        is_over: Callable[[], bool] = lambda: False,
        *,
        is_shared: bool = False,
    ) -> None:
        self.store, self.stage, self.pruner, self.is_over = store, stage, pruner, is_over
        self.checkpoints, self.is_shared = checkpoints, is_shared
        self._here: set[int] = set()
        self.trials: dict[int, tuple[Trial, list[Report]]] = {}
        self._inherited: dict[int, int] = {}  # how many reports of a trial's curve are its parent's
        self._keys: dict[int, str] = {}
        if (
            is_shared
        ):  # what there is comes by `refresh`, and of a file without a row the row may be on its way
            return
        self.refresh(store.trials(stage))
        if checkpoints is not None:  # files that no row names: a process died between the file and the row
            checkpoints.keep_only(self._keys.values(), f"{stage}-")

    def refresh(self, trials: Collection[Trial]) -> None:
        """Note how trials stand that are not run here, with what they reported."""
        if trials:
            reports = self.store.reports(self.stage, [trial.number for trial in trials])
            for trial in trials:
                self._enter(trial, reports.get(trial.number, []))

    def _enter(self, trial: Trial, reports: Sequence[Report]) -> None:
        """Note a trial; the curve of one that goes on from its parent begins with the parent's."""
        number, parent = trial.number, trial.candidate.parent
        before = self.trials[parent][1] if trial.candidate.continues and parent in self.trials else []
        told = [report for report in reports if report.verdict is not None]
        self.trials[number] = (trial, [*before, *told])
        self._inherited[number] = len(before)
        for report in reports:
            if report.checkpoint is not None:
                self._keys[number] = report.checkpoint

    def _own(self, number: int) -> list[Report]:
        """What a trial reported itself."""
        return self.trials[number][1][self._inherited[number] :]

    def started(self, trial: Trial) -> Job:
        """The job of a trial's attempt that begins."""
        number, candidate = trial.number, trial.candidate
        if self.is_shared and trial.attempt > 0:  # another worker may have reported for it
            self.refresh([trial])
        if number in self.trials:
            self.trials[number] = (trial, self.trials[number][1])
        else:
            self._enter(trial, [])
        self._here.add(number)
        newest = max(self._own(number), key=lambda report: report.step, default=None)
        last = None if newest is None else (newest.step, newest.metrics)
        inherited = None
        if candidate.needs_checkpoint and candidate.parent is not None:
            inherited = self._keys.get(candidate.parent)
        key = self._keys.get(number)
        if (
            key is not None
            and self.is_shared
            and self.checkpoints is not None
            and not self.checkpoints.has(key)
        ):
            self.store.log(
                f"{self.stage} trial {number} begins again: its checkpoint is on a machine whose folder is not reached "
                "from here"
            )
            key = None
        return Job(self.stage, number, candidate, trial.attempt, self.checkpoints, key, inherited, last)

    def answer(self, job: Job, message: Message | DiskFull) -> tuple[Report, bool]:
        """Record what a trial tells; what is recorded then, and whether it is a new report.

        Raises:
            RunError: When the trial found the disk full: the run stops, and can be resumed.
        """
        if isinstance(message, DiskFull):
            raise RunError(
                f"trial {job.number} ({job.stage}) cannot write: {message.reason}; the disk is full: make room on it, "
                "then resume the run"
            )
        recorded = next((one for one in self._own(job.number) if one.step == message.step), None)
        metrics = message.metrics or {}
        if recorded is not None:
            report = replace(recorded, checkpoint=message.key, attempt=job.attempt)
        else:
            report = Report(message.step, metrics, None, job.attempt, message.key)
            if message.metrics is not None:
                report = replace(report, verdict=self._judged(job.number, report))
        if recorded is None or message.key is not None:
            try:
                self.store.report(job.number, report, self.stage)
            except TakenOverError:
                return replace(report, verdict=Verdict.STOP), False  # what it does is no longer wanted
        is_new = recorded is None and report.verdict is not None
        if is_new:
            self.trials[job.number][1].append(report)
        if message.key is not None:
            self._keys[job.number] = message.key
            if self.checkpoints is not None:
                self.checkpoints.keep_only([message.key], job.prefix)
        return report, is_new

    def _judged(self, number: int, report: Report) -> Verdict:
        """A trial that was told to stop stays told; only the trials of the search are judged."""
        if any(before.verdict is Verdict.STOP for before in self._own(number)):
            return Verdict.STOP
        if self.stage is not Stage.SEARCH:
            return Verdict.GO_ON
        if self.is_over():
            return Verdict.STOP
        if not isinstance(
            self.pruner, NeverPruner
        ):  # what others report may be known here only as it was once
            running = [t for t, _ in self.trials.values() if t.state is TrialState.RUNNING]
            self.refresh([t for t in running if t.number not in self._here])
        trial, curve = self.trials.pop(number)  # so that the rest are the others
        try:
            return self.pruner.judge(trial, [*curve, report], self.trials.values())
        finally:
            self.trials[number] = (trial, curve)

    def curve(self, number: int) -> list[Report]:
        """What a trial and those that it continues reported; empty where it reported nothing itself."""
        return self.trials[number][1] if self._own(number) else []

    def has_progressed(self, job: Job) -> bool:
        """Whether an attempt left a later state than it began with, from which another can go on."""
        key = self._keys.get(job.number)
        return key is not None and (job.own is None or _step_of(key) > _step_of(job.own))

    def ended(self, trial: Trial) -> None:
        """Note how a trial ended."""
        self._here.discard(trial.number)
        self.trials[trial.number] = (trial, self.trials[trial.number][1])

    def given_up(self, number: int) -> None:
        """Note that a trial is another process's now."""
        self._here.discard(number)

    def clean(self, needed: Collection[int] | None) -> None:
        """Delete the states of ended trials that nothing begins from any more.

        Args:
            needed: The trials that the strategy may still continue or take weights from; None where it does not say.
        """
        if not self._keys or self.checkpoints is None:
            return
        running = [trial for trial, _ in self.trials.values() if trial.state is TrialState.RUNNING]
        kept = {number for trial in running for number in (trial.number, trial.candidate.parent)}
        if needed is not None:
            kept |= set(needed)
        loose = [number for number in sorted(self._keys) if number not in kept]
        if needed is None:
            sizes = {number: self.checkpoints.size(self._keys[number]) for number in self._keys}
            excess = sum(sizes.values()) - _BYTES
            dropped = []
            for number in loose:
                if excess <= 0:
                    break
                excess -= sizes[number]
                dropped.append(number)
            loose = dropped
        if loose:
            self.store.drop_checkpoints(loose, self.stage)
            for number in loose:
                del self._keys[number]
                self.checkpoints.keep_only((), f"{self.stage}-{number}-")


def _step_of(key: str) -> int:
    """The step at which a checkpoint was saved: the last part of its key."""
    return int(key.rpartition("-")[2])
