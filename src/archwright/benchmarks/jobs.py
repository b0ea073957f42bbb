"""The jobs of a benchmark: here, or in several processes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import TypeVar

from archwright.errors import ArchwrightError, SearchError, UsageError
from archwright.experiments.executors import Channel, Executor, InlineExecutor, ProcessesExecutor

__all__ = ["run_jobs"]

J = TypeVar("J")
R = TypeVar("R")


def run_jobs(
    work: Callable[[J], R], jobs: Sequence[J], processes: int, title: Callable[[J], str], after: str = ""
) -> Generator[R, None, None]:
    """The results of jobs, as they end.

    Args:
        work: From a job to its result.
        jobs: The jobs, in the order in which they begin.
        processes: How many at once, each in a process of its own with one thread; 1 stays in this process.
        title: What a job is called where it fails.
        after: What is to be said after a failure, such as how to go on.

    Raises:
        UsageError: When a job raises one.
        SearchError: When a job fails otherwise, or its process dies.
    """
    processes = min(processes, len(jobs))
    executor: Executor[J, R | ArchwrightError] = InlineExecutor()
    if processes > 1:
        executor = ProcessesExecutor(processes, threads=1)
    try:
        executor.open(partial(_result, work))
        for ended in executor.run_all(jobs):
            if isinstance(ended.result, ArchwrightError):
                raise ended.result
            if ended.failure is not None:
                hint = "; try fewer --jobs" if ended.failure.lost else ""
                failed = SearchError(f"{title(ended.job)} failed: {ended.failure.error}{after}{hint}")
                failed.add_note(ended.failure.trace or "")
                raise failed
            yield ended.result  # type: ignore[misc]  # None may be a result
    finally:  # after an error or an interrupt nobody waits for jobs that are under way
        executor.close(now=True)


def _result(work: Callable[[J], R], job: J, channel: Channel) -> R | ArchwrightError:
    try:
        return work(job)
    except ArchwrightError as error:
        # As one that a pickle brings home whatever its arguments are.
        return (UsageError if isinstance(error, UsageError) else SearchError)(str(error))
