"""Jobs in this process, one after another."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from archwright.errors import UsageError
from archwright.experiments.executors.executor import Executor, Job, Outcome, Work
from archwright.trials import TrialState

__all__ = ["InlineExecutor"]


class _OutOfTime(BaseException):
    """Not an Exception, so that no `except Exception` of a user's code can swallow it."""


class InlineExecutor(Executor):
    """Runs each job in this process, inside `wait`. The simplest to debug, and exactly repeatable.

    Args:
        time_limit: Seconds that a job may take, None for any time. Kept by an alarm signal, so only in the main
            thread of a process on Unix, and only between two steps of the interpreter.

    Raises:
        UsageError: When a time limit is asked where there is no alarm signal.
    """

    slots = 1

    def __init__(self, *, time_limit: float | None = None) -> None:
        if time_limit is not None and (
            not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread()
        ):
            raise UsageError(
                "a time limit for trials in this process needs Unix and the main thread; use workers=2 or more"
            )
        self.time_limit = time_limit
        self._jobs: deque[Job] = deque()
        self._work: Work | None = None

    def open(self, work: Work) -> None:
        """Keep the function."""
        self._work = work

    def submit(self, job: Job) -> None:
        """Keep the job for the next `wait`."""
        self._jobs.append(job)

    def wait(self, seconds: float) -> list[Outcome]:
        """Run the next job to its end."""
        if self._work is None or not self._jobs:
            return []
        job = self._jobs.popleft()
        try:
            with _alarm(self.time_limit):
                return [self._work(job)]
        except _OutOfTime:
            error = f"over the time limit of {self.time_limit:g} s"
            return [Outcome(job, TrialState.FAILED, error=error)]

    def close(self, *, now: bool = False) -> None:
        """Forget the jobs."""
        self._jobs.clear()
        self._work = None


@contextmanager
def _alarm(seconds: float | None) -> Iterator[None]:
    if seconds is None:
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise _OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
