"""The jobs of a benchmark: here, in several processes, or by any other executor."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from archwright.errors import ArchwrightError, SearchError, UsageError
from archwright.experiments.executors import EXECUTORS, Channel, Executor, ExecutorConfig, make_executor

__all__ = ["at_once", "run_jobs"]

J = TypeVar("J")
R = TypeVar("R")


def run_jobs(
    work: Callable[[J], R],
    jobs: Sequence[J],
    where: int | ExecutorConfig,
    title: Callable[[J], str],
    after: str = "",
) -> Generator[R, None, None]:
    """The results of jobs, as they end.

    Args:
        work: From a job to its result.
        jobs: The jobs, in the order in which they begin.
        where: How many at once, each in a process of its own; 1 stays in this process. Or the executor, and how many.
            Workers have one thread, unless its options say otherwise.
        title: What a job is called where it fails.
        after: What is to be said after a failure, such as how to go on.

    Raises:
        UsageError: When a job raises one, or the executor cannot be used.
        SearchError: When a job fails otherwise, or its process dies.
    """
    if not jobs:  # to start a cluster for
        return
    executor: Executor[J, R | ArchwrightError] = _executor(where, len(jobs))
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


def at_once(where: int | ExecutorConfig) -> int:
    """How many jobs run at once, by what `run_jobs` is given."""
    return where.workers if isinstance(where, ExecutorConfig) else where


def _executor(where: int | ExecutorConfig, jobs: int) -> Executor[J, R]:
    """The executor, with no more workers than jobs."""
    asked = where if isinstance(where, ExecutorConfig) else ExecutorConfig(workers=where)
    workers = min(asked.workers, jobs)
    name = asked.name or ("inline" if workers == 1 else "processes")
    threads = {"threads": 1} if EXECUTORS.takes(name, "threads") else {}
    return make_executor(replace(asked, name=name, options={**threads, **asked.options}, workers=workers))


def _result(work: Callable[[J], R], job: J, channel: Channel) -> R | ArchwrightError:
    try:
        return work(job)
    except ArchwrightError as error:
        # As one that a pickle brings home whatever its arguments are.
        return (UsageError if isinstance(error, UsageError) else SearchError)(str(error))
