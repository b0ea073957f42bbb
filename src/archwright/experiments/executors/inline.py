"""Jobs in this process, one after another."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from archwright.errors import UsageError
from archwright.experiments.executors.executor import (
    Channel,
    Ended,
    Executor,
    Failure,
    Handle,
    J,
    R,
    Work,
    refuse_messages,
    run_job,
)
from archwright.learning.torch_state import TorchSettings

__all__ = ["InlineExecutor", "Interrupted", "interrupts_marked"]


_LOCKED, _AGAIN = ("logging", "threading", "importlib._bootstrap"), 0.01
"""Modules whose locks would stay locked for good if a signal raised inside them; seconds until it tries again."""


class _OutOfTime(BaseException):
    """Not an Exception, so that no `except Exception` of a user's code can swallow it."""


class _HandleFailed(BaseException):
    """Brings an error of the handle through the job's code, which has nothing to do with it."""


class Interrupted(KeyboardInterrupt):
    """From a signal, as opposed to one that a user's code raises by itself."""


class InlineExecutor(Executor[J, R]):
    """Runs each job in this process, inside `wait`. The simplest to debug, and exactly repeatable.

    Args:
        time_limit: Seconds that a job may take, None for any time. Kept by an alarm signal, so only in the main
            thread of a process on Unix, and only between two steps of the interpreter.

    Raises:
        UsageError: When a time limit is asked where there is no alarm signal.
    """

    slots = 1

    def __init__(self, *, time_limit: float | None = None) -> None:
        if time_limit is not None and not (hasattr(signal, "SIGALRM") and _in_main_thread()):
            raise UsageError(
                "a time limit for trials in this process needs Unix and the main thread; use workers=2 or more"
            )
        self.time_limit = time_limit
        self._jobs: deque[J] = deque()
        self._work: Work[J, R] | None = None
        self._handle: Handle[J] = refuse_messages

    def open(self, work: Work[J, R], handle: Handle[J] | None = None) -> None:
        """Keep the functions."""
        self._work, self._handle = work, handle or refuse_messages
        self._settings = TorchSettings.of_this_process()

    def submit(self, job: J) -> None:
        """Keep the job for the next `wait`."""
        self._jobs.append(job)

    def wait(self, seconds: float) -> list[Ended[J, R]]:
        """Run the next job to its end."""
        if self._work is None or not self._jobs:
            return []
        job = self._jobs.popleft()
        channel = _Direct(self._handle, job)
        try:
            with _alarm(self.time_limit, channel), interrupts_marked():
                passing = (_OutOfTime, _HandleFailed, Interrupted)
                ended = run_job(self._work, job, channel, self._settings, passing)
            if not channel.rang:
                return [ended]
        except _OutOfTime:
            pass
        except _HandleFailed:
            assert channel.error is not None
            raise channel.error from None
        return [Ended(job, failure=Failure.timeout(self.time_limit or 0.0))]

    def close(self, *, now: bool = False) -> None:
        """Forget the jobs."""
        self._jobs.clear()
        self._work = None


class _Direct(Channel):
    def __init__(self, handle: Handle[Any], job: object) -> None:
        self.handle, self.job = handle, job
        self.error: Exception | None = None
        self.answering = self.late = False
        self.rang = False
        """Whether the time was over, even where the interpreter lost that: in a finaliser, an error goes nowhere."""

    def call(self, message: Any) -> Any:
        self.answering = True
        try:
            reply = self.handle(self.job, message)
        except Exception as error:
            self.error = error
            raise _HandleFailed from error
        finally:
            self.answering = False
        if self.late:
            raise _OutOfTime
        return reply


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _alarm(seconds: float | None, channel: _Direct) -> Iterator[None]:
    if seconds is None:
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        if channel.answering:  # what the handle writes is not broken off
            channel.late = True
        elif frame is not None and frame.f_globals.get("__name__") in _LOCKED:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        else:
            channel.rang = True
            raise _OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def interrupts_marked() -> Iterator[None]:
    """While the block runs, what Ctrl-C raises is an `Interrupted`; a plain KeyboardInterrupt is a user's code's."""
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or not _in_main_thread():
        yield
        return

    def mark(number: int, frame: FrameType | None) -> None:
        try:
            before(number, frame)
        except KeyboardInterrupt as error:
            raise Interrupted from error

    signal.signal(signal.SIGINT, mark)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
