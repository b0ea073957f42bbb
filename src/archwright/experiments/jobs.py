"""What the search's executor runs and gets back: one trial of one stage."""

from __future__ import annotations

from dataclasses import dataclass

from archwright.experiments.store.store import Stage
from archwright.trials import Candidate, Measurement, TrialState

__all__ = ["Job", "Outcome"]


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
