"""The seam of executors: jobs go out, messages and results come back."""

from __future__ import annotations

import itertools
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from archwright.errors import ArchwrightError
from archwright.learning.torch_state import TorchSettings

__all__ = ["Channel", "Ended", "Executor", "Failure", "Handle", "Work", "refuse_messages", "run_job"]

J = TypeVar("J")
R = TypeVar("R")


class Channel(ABC):
    """How a running job talks to the process that submitted it."""

    @abstractmethod
    def call(self, message: Any) -> Any:
        """Send a message and wait for the reply.

        Args:
            message: Anything that pickles. Keep it small: large things, such as checkpoints, go to storage that both
                sides reach, and their keys go into messages.

        Raises:
            TypeError: When the message cannot be pickled. A worker that can reach nobody any more ends instead.
        """


Work = Callable[[J, Channel], R]
"""What an executor runs for each job. Its errors fail the job alone."""

Handle = Callable[[J, Any], Any]
"""From a job and a message of it to the reply. Called inside `Executor.wait`, in the thread that waits."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job has no result.

    Args:
        error: The reason, in one paragraph.
        trace: The traceback, where the job's own code raised.
        lost: Whether the worker was lost before the job ended: it died, or is not heard of any more.
    """

    error: str
    trace: str | None = None
    lost: bool = False

    @classmethod
    def of(cls, error: BaseException, what: str = "") -> Failure:
        """From what was raised.

        Args:
            error: What was raised.
            what: What did not succeed by it, where that is not the job itself.
        """
        trace: str | None = "".join(traceback.format_exception(error))
        if isinstance(error, ArchwrightError):
            text, trace = str(error), None
        elif isinstance(error, SystemExit):
            text = f"its code called sys.exit({'' if error.code is None else repr(error.code)})"
        elif isinstance(error, KeyboardInterrupt):
            text = "its code raised KeyboardInterrupt, though nobody pressed Ctrl-C"
        else:
            text = f"{type(error).__name__}: {error}".rstrip(": ")
        return cls(f"{what}: {text}" if what else text, trace)

    @classmethod
    def timeout(cls, seconds: float) -> Failure:
        """Of a job that took longer than it may."""
        return cls(f"over the time limit of {seconds:g} s")


@dataclass(frozen=True, slots=True)
class Ended(Generic[J, R]):
    """A job that ended.

    Args:
        job: The job.
        result: What the work returned; None where it failed.
        failure: Why it failed; None where it did not.
    """

    job: J
    result: R | None = None
    failure: Failure | None = None


class Executor(ABC, Generic[J, R]):
    """Runs jobs. Whatever happens to a job (an error, death of its process, a hang) fails that job alone.

    Jobs, messages, replies and results travel by value, so they must pickle where workers are other processes. The
    work is sent once, when the executor is opened, and serves many jobs.

    Attributes:
        slots: How many jobs can run at once; no more are submitted than that.
        time_limit: Seconds that a job may take, None for any time; may be changed between jobs.
        retries: How often a job that lost its worker may be begun again by whoever submitted it, where it left nothing
            to go on from. More than 0 where workers are taken away through no fault of their jobs.
    """

    slots: int
    time_limit: float | None = None
    retries: int = 0

    @abstractmethod
    def open(self, work: Work[J, R], handle: Handle[J] | None = None) -> None:
        """Make ready to run jobs.

        Args:
            work: What is run for each job.
            handle: Answers the jobs' messages; None where jobs send none. An error of it comes out of `wait`.

        Raises:
            UsageError: When the work cannot be sent to where it would run.
        """

    def check(self, **things: object) -> None:
        """Refuse what could not be sent to where the work runs, before anything is begun.

        Args:
            **things: Parts of the work, by the names that an error calls them.

        Raises:
            UsageError: When one of them cannot be sent; the message names it.
        """

    @abstractmethod
    def submit(self, job: J) -> None:
        """Begin a job."""

    @abstractmethod
    def wait(self, seconds: float) -> list[Ended[J, R]]:
        """The jobs that ended since the last call; waits for the first, at most so long, and answers messages.

        An executor without processes of its own runs the next job here, however long it takes.
        """

    def run_all(self, jobs: Iterable[J]) -> Iterator[Ended[J, R]]:
        """Run jobs on an open executor, as many at once as there are slots; each comes as it ends.

        One that lost its worker is begun again, as often as `retries` says.
        """
        waiting = iter(jobs)
        running = 0
        lost: list[J] = []
        while True:
            for job in itertools.islice(waiting, self.slots - running):
                self.submit(job)
                running += 1
            if not running:
                return
            for ended in self.wait(1.0):
                if ended.failure is not None and ended.failure.lost:
                    lost.append(ended.job)
                    if sum(job is ended.job for job in lost) <= self.retries:
                        self.submit(ended.job)
                        continue
                running -= 1
                yield ended

    @abstractmethod
    def close(self, *, now: bool = False) -> None:
        """Let go of everything. With `now`, running jobs are broken off; else there are none. May be called twice."""


def refuse_messages(job: object, message: object) -> None:
    """The handle of an executor whose jobs send no messages."""
    raise TypeError(f"{job!r} sent the message {message!r}, but open() was given no handle")


def run_job(
    work: Work[J, R],
    job: J,
    channel: Channel,
    settings: TorchSettings,
    passing: tuple[type[BaseException], ...] = (),
) -> Ended[J, R]:
    """Run a job to its end; every executor does it by this, so that a job ends alike wherever it runs.

    Args:
        work: What is run.
        job: The job.
        channel: Carries its messages.
        settings: What the user set in torch before the executor was opened.
        passing: What comes out instead of failing the job.
    """
    try:
        with settings.held():
            return Ended(job, work(job, channel))
    except passing:
        raise
    except BaseException as error:  # also sys.exit in a user's code: it must not end the search
        return Ended(job, failure=Failure.of(error))
