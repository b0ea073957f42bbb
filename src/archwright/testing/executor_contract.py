"""What every executor must keep."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from archwright.experiments.executors import Executor, Job, Outcome
from archwright.experiments.store import Stage
from archwright.spaces import Architecture
from archwright.trials import Candidate, Measurement, TrialState

__all__ = ["ExecutorContract", "IsolatedExecutorContract"]

_PATIENCE = 240.0
"""Seconds in which anything must have come back."""


class ExecutorContract:
    """Tests of an executor.

    Attributes:
        make: The class, or a function of (*, time_limit), that makes the executor; time_limit in seconds.
    """

    make: ClassVar[Callable[..., Executor]]

    def test_every_job_comes_back_once_as_it_ended(self) -> None:
        """Completed, failed and infeasible ones, unchanged; more jobs than slots, never more at once."""
        ends = [  # held by a closure, which has to reach the workers
            (TrialState.COMPLETED, Measurement({"a": 1.0}, ({"epoch": 1},), 2.0, {"w": "x"}), None, None),
            (TrialState.FAILED, None, "the loss became NaN", "Traceback: é"),
            (TrialState.INFEASIBLE, Measurement({"params": 7.0}), None, None),
        ]

        def work(job: Job) -> Outcome:
            return Outcome(job, *ends[job.candidate.architecture["x"] % 3])

        with self._opened(work) as executor:
            assert executor.slots >= 1
            jobs = _jobs(executor.slots * 2 + 3)
            outcomes = _all(executor, jobs)
        assert sorted(outcome.job.number for outcome in outcomes) == [job.number for job in jobs]
        for outcome in outcomes:
            assert outcome == Outcome(jobs[outcome.job.number], *ends[outcome.job.number % 3])

    def test_waiting_for_nothing_ends(self) -> None:
        """Without jobs, after no more than the time asked for."""
        with self._opened(_answer) as executor:
            begin = time.perf_counter()
            assert executor.wait(0.0) == []
            assert executor.wait(0.2) == []
            assert time.perf_counter() - begin < _PATIENCE / 3

    def test_may_be_closed_twice(self) -> None:
        """Gently after its jobs; and without ever having been opened."""
        executor = type(self).make(time_limit=None)
        executor.open(_answer)
        assert len(_all(executor, _jobs(1))) == 1
        executor.close()
        executor.close()
        type(self).make(time_limit=None).close()

    def test_a_job_over_its_time_fails_alone(self) -> None:
        """Its reason names the limit; the next job runs."""

        def work(job: Job) -> Outcome:
            if job.number == 0:
                time.sleep(_PATIENCE)
            return _answer(job)

        with self._opened(work, time_limit=3.0) as executor:
            first, second = sorted(_all(executor, _jobs(2)), key=lambda outcome: outcome.job.number)
        assert first.state is TrialState.FAILED
        assert "time limit of 3 s" in (first.error or "")
        assert second.state is TrialState.COMPLETED

    @contextlib.contextmanager
    def _opened(self, work: Callable[[Job], Outcome], time_limit: float | None = None) -> Iterator[Executor]:
        executor = type(self).make(time_limit=time_limit)
        executor.open(work)
        try:
            yield executor
        finally:
            executor.close(now=True)
            executor.close(now=True)


class IsolatedExecutorContract(ExecutorContract):
    """The tests of an executor, and that it survives its jobs: each runs in a process of its own.

    Attributes:
        make: As for `ExecutorContract`.
    """

    def test_a_dead_process_fails_its_job_alone(self) -> None:
        """By a signal or an exit: its reason says that it died; all others come back."""
        parent = os.getpid()

        def work(job: Job) -> Outcome:
            assert os.getpid() != parent
            if job.number == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            if job.number == 3:
                os._exit(5)
            return _answer(job)

        with self._opened(work) as executor:
            outcomes = {outcome.job.number: outcome for outcome in _all(executor, _jobs(5))}
        assert sorted(outcomes) == [0, 1, 2, 3, 4]
        for number, outcome in outcomes.items():
            dies = number in (1, 3)
            assert outcome.state is (TrialState.FAILED if dies else TrialState.COMPLETED), outcome
            assert ("died" in (outcome.error or "")) is dies, outcome

    def test_close_at_once_breaks_jobs_off(self) -> None:
        """Without waiting for them to end."""

        def work(job: Job) -> Outcome:
            time.sleep(_PATIENCE)
            return _answer(job)

        executor = type(self).make(time_limit=None)
        executor.open(work)
        for job in _jobs(executor.slots):
            executor.submit(job)
        executor.wait(0.5)
        begin = time.perf_counter()
        executor.close(now=True)
        assert time.perf_counter() - begin < _PATIENCE / 3


def _answer(job: Job) -> Outcome:
    return Outcome(job, TrialState.COMPLETED, Measurement({"value": float(job.number)}))


def _jobs(count: int) -> list[Job]:
    return [Job(Stage.SEARCH, i, Candidate(Architecture({"x": i}), parent=i)) for i in range(count)]


def _all(executor: Executor, jobs: Sequence[Job]) -> list[Outcome]:
    """Keep the slots filled until every job has come back."""
    waiting, outcomes = list(jobs), []
    running = 0
    end = time.monotonic() + _PATIENCE
    while waiting or running:
        while waiting and running < executor.slots:
            executor.submit(waiting.pop(0))
            running += 1
        done = executor.wait(0.2)
        running -= len(done)
        outcomes += done
        assert time.monotonic() < end, f"{running} jobs did not come back"
    return outcomes
