"""What the search's executor runs and gets back: one trial of one stage, and what it says meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archwright.errors import UsageError
from archwright.experiments.executors import Channel
from archwright.experiments.store import Stage
from archwright.experiments.store.checkpoints import CheckpointFolder, disk_is_full
from archwright.trials import Candidate, Checkpoint, Measurement, TrialContext, TrialState, Verdict
from archwright.trials.context import checked_report

__all__ = ["DiskFull", "Job", "JobResult", "Message", "Printed", "RunningTrial"]


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt at a trial.

    Args:
        stage: What it is run for.
        number: The trial's number within the stage.
        candidate: What is to be estimated.
        attempt: From 0.
        checkpoints: Where states go; None where they cannot be kept.
        own: The key of the last state of an earlier attempt.
        parent: The key of the last state of the candidate's parent, where it inherits.
        last: Step and metrics of the newest report of an earlier attempt.
        alone: Whether only those meters are asked that need the machine for themselves.
        known: What they said: name to number.
    """

    stage: Stage
    number: int
    candidate: Candidate
    attempt: int = 0
    checkpoints: CheckpointFolder | None = None
    own: str | None = None
    parent: str | None = None
    last: tuple[int, Mapping[str, float]] | None = None
    alone: bool = False
    known: Mapping[str, float] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """What the keys of the trial's states begin with."""
        return f"{self.stage}-{self.number}-"


@dataclass(frozen=True, slots=True)
class Message:
    """What a running trial tells: a report, a state, or both.

    Args:
        step: Position in the trial.
        metrics: What is reported; None where only a state was saved.
        key: Of the state, which is whole on the disk already.
    """

    step: int
    metrics: dict[str, float] | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Printed:
    """What a running trial printed.

    Args:
        text: A piece of it; empty at the beginning of an attempt.
        place: Where the attempt runs; None but at its beginning.
    """

    text: str
    place: str | None = None


@dataclass(frozen=True, slots=True)
class DiskFull:
    """A trial cannot go on, through no fault of its own.

    Args:
        reason: What the system said.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job ended.

    Args:
        state: Completed, pruned, failed or infeasible.
        measurement: What was measured, if anything.
        error: Why it failed, in one paragraph.
        trace: The traceback of an error that nobody foresaw.
    """

    state: TrialState
    measurement: Measurement | None = None
    error: str | None = None
    trace: str | None = None


class RunningTrial(TrialContext):
    """A trial of a run, seen from where it is measured: states go to files, reports through the channel.

    Args:
        job: The attempt.
        channel: To the run's process.

    Attributes:
        stopped: Whether a report was answered to stop.
        ended: Whether the attempt is over, so that nothing more can be told.
    """

    def __init__(self, job: Job, channel: Channel) -> None:
        self.number, self.attempt, self.last = job.number, job.attempt, job.last
        self.own, self.parent = self._checkpoint(job, job.own), self._checkpoint(job, job.parent)
        self.job, self.channel = job, channel
        self.stopped = self.ended = False

    @staticmethod
    def _checkpoint(job: Job, key: str | None) -> Checkpoint | None:
        return None if key is None or job.checkpoints is None else Checkpoint(key, job.checkpoints.load)

    def report(
        self, step: int, metrics: Mapping[str, float], state: Mapping[str, Any] | None = None
    ) -> Verdict:
        """See `TrialContext.report`."""
        self._check_running()
        step, metrics = checked_report(step, metrics)
        key = None if state is None else self._kept(step, state)
        verdict = Verdict(self.channel.call(Message(step, metrics, key)))
        self.stopped |= verdict is Verdict.STOP
        return verdict

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """See `TrialContext.save`."""
        self._check_running()
        step, _ = checked_report(step, {})
        self.channel.call(Message(step, key=self._kept(step, state)))

    def _check_running(self) -> None:
        if self.ended:
            raise UsageError(
                f"trial {self.number} has ended, and takes neither reports nor states any more; tell them before "
                "estimate() returns"
            )

    def _kept(self, step: int, state: Mapping[str, Any]) -> str:
        if self.job.checkpoints is None:
            raise UsageError(
                "this search has no folder for checkpoints, so a trial cannot save its state; give Experiment one"
            )
        key = f"{self.job.prefix}{self.attempt}-{step}"
        try:
            self.job.checkpoints.save(key, state)
        except Exception as error:
            if not disk_is_full(error):
                raise
            self.channel.call(DiskFull(str(error)))
        return key
