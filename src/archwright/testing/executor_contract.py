"""What every executor must keep."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import pytest

from archwright.experiments.executors import Channel, Ended, Executor

__all__ = ["ExecutorContract", "IsolatedExecutorContract"]

_PATIENCE = 240.0
"""Seconds in which anything must have come back."""


class ExecutorContract:
    """Tests of an executor.

    Attributes:
        make: The class, or a function of (*, time_limit), that makes the executor; time_limit in seconds.
    """

    make: ClassVar[Callable[..., Executor[Any, Any]]]

    def test_every_job_comes_back_once_as_it_ended(self) -> None:
        """With a result, which may be None, or the reason of its failure; more jobs than slots, never more at once."""
        results = [{"a": 1.0, "é": (2, [3])}, None]  # held by a closure, which has to reach the workers

        def work(job: int, channel: Channel) -> Any:
            if job % 3 == 2:
                raise LookupError(f"the loss of {job} became NaN")
            return results[job % 3]

        with self._opened(work) as executor:
            assert executor.slots >= 1
            jobs = list(range(executor.slots * 2 + 3))
            ended = _all(executor, jobs)
        assert sorted(each.job for each in ended) == jobs
        for each in ended:
            if each.job % 3 == 2:
                assert each.result is None
                assert each.failure is not None
                assert each.failure.error == f"LookupError: the loss of {each.job} became NaN"
                assert "raise LookupError" in (each.failure.trace or "")
                assert not each.failure.lost
            else:
                assert each == Ended(each.job, results[each.job % 3])

    def test_messages_are_answered_where_the_jobs_were_submitted(self) -> None:
        """Each job gets the replies to its own messages, in order; the handle's state is the submitter's."""
        heard: list[tuple[int, object]] = []

        def handle(job: int, message: Any) -> Any:
            heard.append((job, message))
            return [job, message, len(heard)]

        def work(job: int, channel: Channel) -> Any:
            return [channel.call({"step": step}) for step in range(3)]

        with self._opened(work, handle=handle) as executor:
            jobs = list(range(executor.slots + 2))
            ended = _all(executor, jobs)
        assert sorted(heard, key=lambda pair: pair[0]) == [(j, {"step": i}) for j in jobs for i in range(3)]
        for each in ended:
            assert each.failure is None
            replies: Any = each.result
            assert [reply[:2] for reply in replies] == [[each.job, {"step": i}] for i in range(3)]
            numbers = [reply[2] for reply in replies]
            assert numbers == sorted(numbers)

    def test_an_error_of_the_handle_comes_out_of_wait(self) -> None:
        """It is no failure of the job, whatever the job's code catches."""

        def handle(job: int, message: Any) -> Any:
            raise OSError("no space left on the device")

        def work(job: int, channel: Channel) -> Any:
            with contextlib.suppress(Exception):
                return channel.call("report")

        with self._opened(work, handle=handle) as executor, pytest.raises(OSError, match="no space left"):
            _all(executor, [0])

    def test_code_that_wants_to_end_the_process_fails_its_job_alone(self) -> None:
        """sys.exit and an own KeyboardInterrupt; the reason says so."""

        def work(job: int, channel: Channel) -> Any:
            if job == 0:
                sys.exit(0)
            if job == 1:
                raise KeyboardInterrupt
            return job

        with self._opened(work) as executor:
            ended = {each.job: each for each in _all(executor, [0, 1, 2])}
        errors = [each.failure and each.failure.error for _, each in sorted(ended.items())]
        assert "sys.exit(0)" in (errors[0] or "")
        assert "KeyboardInterrupt" in (errors[1] or "")
        assert errors[2] is None
        assert ended[2].result == 2

    def test_jobs_begin_with_the_same_state_of_torch(self) -> None:
        """What the user's process, or an earlier job, has set for itself does not reach a job."""
        import torch

        def work(job: int, channel: Channel) -> Any:
            import torch

            product = torch.ones(2, requires_grad=True) * 2
            found = (str(torch.empty(1).dtype), str(torch.empty(1).device), product.requires_grad)
            torch.set_default_dtype(torch.float16)
            torch.set_grad_enabled(False)
            return found

        try:
            torch.set_default_dtype(torch.float64)
            with torch.no_grad(), torch.device("meta"), self._opened(work) as executor:
                ended = _all(executor, list(range(executor.slots + 2)))
            assert torch.get_default_dtype() == torch.float64
        finally:
            torch.set_default_dtype(torch.float32)
            torch.set_grad_enabled(True)
        assert [each.failure for each in ended] == [None] * len(ended)
        assert {each.result for each in ended} == {("torch.float32", "cpu", True)}

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
        assert len(_all(executor, [0])) == 1
        executor.close()
        executor.close()
        type(self).make(time_limit=None).close()

    def test_a_job_over_its_time_fails_alone(self) -> None:
        """Its reason names the limit; the next job runs."""

        def work(job: int, channel: Channel) -> Any:
            if job == 0:
                time.sleep(_PATIENCE)
            return job

        with self._opened(work, time_limit=3.0) as executor:
            first, second = sorted(_all(executor, [0, 1]), key=lambda ended: ended.job)
        assert first.failure is not None
        assert "time limit of 3 s" in first.failure.error
        assert second == Ended(1, 1)

    @contextlib.contextmanager
    def _opened(
        self,
        work: Callable[[Any, Channel], Any],
        *,
        time_limit: float | None = None,
        handle: Callable[[Any, Any], Any] | None = None,
    ) -> Iterator[Executor[Any, Any]]:
        executor = type(self).make(time_limit=time_limit)
        executor.open(work, handle)
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
        """By a signal or an exit: it is told as lost; all others come back."""
        parent = os.getpid()

        def work(job: int, channel: Channel) -> Any:
            assert os.getpid() != parent
            if job == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            if job == 3:
                os._exit(5)
            return job

        with self._opened(work) as executor:
            ended = {each.job: each for each in _all(executor, list(range(5)))}
        assert sorted(ended) == [0, 1, 2, 3, 4]
        for job, each in ended.items():
            if job in (1, 3):
                assert each.failure is not None
                assert each.failure.lost
                assert "died" in each.failure.error
            else:
                assert each == Ended(job, job)

    def test_a_process_that_a_dead_worker_forked_does_not_hide_its_death(self) -> None:
        """The forked process holds all that the worker had open, and lives on."""

        def work(job: int, channel: Channel) -> Any:
            if job == 0:
                child = os.fork()
                if child == 0:
                    time.sleep(_PATIENCE)
                    os._exit(0)
                channel.call(child)
                os.kill(os.getpid(), signal.SIGKILL)
            return job

        children: list[int] = []
        with self._opened(work, handle=lambda job, message: children.append(message)) as executor:
            try:
                ended = {each.job: each for each in _all(executor, [0, 1])}
                os.kill(children[0], 0)  # it lives still
            finally:
                for child in children:
                    os.kill(child, signal.SIGKILL)
        assert ended[0].failure is not None
        assert ended[0].failure.lost
        assert ended[1] == Ended(1, 1)

    def test_close_at_once_breaks_jobs_off(self) -> None:
        """Without waiting for them to end."""

        def work(job: int, channel: Channel) -> Any:
            time.sleep(_PATIENCE)
            return job

        executor = type(self).make(time_limit=None)
        executor.open(work)
        for job in range(executor.slots):
            executor.submit(job)
        executor.wait(0.5)
        begin = time.perf_counter()
        executor.close(now=True)
        assert time.perf_counter() - begin < _PATIENCE / 3


def _answer(job: int, channel: Channel) -> Any:
    return job


def _all(executor: Executor[Any, Any], jobs: Sequence[Any]) -> list[Ended[Any, Any]]:
    """Keep the slots filled until every job has come back."""
    waiting, found = list(jobs), []
    running = 0
    end = time.monotonic() + _PATIENCE
    while waiting or running:
        while waiting and running < executor.slots:
            executor.submit(waiting.pop(0))
            running += 1
        done = executor.wait(0.2)
        running -= len(done)
        found += done
        assert time.monotonic() < end, f"{running} jobs did not come back"
    return found
