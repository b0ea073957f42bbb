"""The seam of executors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from archwright.experiments.store.store import Stage
from archwright.trials import Candidate, Measurement, TrialState

__all__ = ["Executor", "Job", "Outcome", "Work"]


@dataclass(frozen=True, slots=True)
class Job:
    """One trial to be run.

    Args:
        stage: What it is run for.
        number: The trial's number within the stage.
        candidate: What is to be estimated.
    """

    stage: Stage
    number: int
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Args:
        job: The job.
        state: Completed, failed or infeasible.
        measurement: What was measured, if anything.
        error: Why it failed, in one paragraph.
        trace: The traceback of an error that nobody foresaw.
    """

    job: Job
    state: TrialState
    measurement: Measurement | None = None
    error: str | None = None
    trace: str | None = None


Work = Callable[[Job], Outcome]
"""What an executor runs. It must survive cloudpickle, and turns every error of a trial into an outcome."""


class Executor(ABC):
    """Runs jobs. Whatever happens to a job (an error, death of its process, a hang) fails that job alone.

    Attributes:
        slots: How many jobs can run at once; no more are submitted than that.
    """

    slots: int

    @abstractmethod
    def open(self, work: Work) -> None:
        """Make ready to run jobs by a function."""

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Begin a job."""

    @abstractmethod
    def wait(self, seconds: float) -> list[Outcome]:
        """The outcomes of jobs that ended since the last call; waits for the first, at most so long.

        An executor without processes of its own runs the next job here, however long it takes.
        """

    @abstractmethod
    def close(self, *, now: bool = False) -> None:
        """Let go of everything. With `now`, running jobs are broken off; else there are none. May be called twice."""
