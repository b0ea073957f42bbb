"""Jobs in worker processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing.context
import multiprocessing.popen_spawn_posix
import multiprocessing.spawn
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import cloudpickle

from archwright.errors import UsageError
from archwright.experiments.executors.executor import Executor, Job, Outcome, Work
from archwright.experiments.executors.parent import end_with
from archwright.trials import TrialState

__all__ = ["ProcessesExecutor"]

_GLANCE = 0.1
"""Seconds between two looks at what no future tells: that a worker is ready, that time is up."""


class ProcessesExecutor(Executor):
    """Runs jobs in several processes. A worker that dies, hangs or takes too much memory fails its job alone.

    Workers are started anew (spawned), so a script needs no `if __name__ == "__main__"` guard; what is defined
    in a script or a notebook reaches them by value. Each worker is a pool of its own with one process, so that
    what happens to one is never felt by another.

    Args:
        workers: How many processes, at least 1.
        time_limit: Seconds that a job may take before its process is killed, None for any time. The time that
            the process takes to start is not counted.
        memory_limit: Bytes that a worker's data may grow beyond what it holds when it is ready, None for any
            size (Linux only).
        threads: Threads of torch in each worker; None divides the processors among the workers.

    Raises:
        UsageError: When workers < 1, or a memory limit is asked on another system than Linux.
    """

    def __init__(
        self,
        workers: int,
        *,
        time_limit: float | None = None,
        memory_limit: int | None = None,
        threads: int | None = None,
    ) -> None:
        if workers < 1:
            raise UsageError(f"expected at least 1 worker, got {workers}")
        if memory_limit is not None and not sys.platform.startswith("linux"):
            raise UsageError("a memory limit for workers needs Linux; leave it out here")
        self.slots = workers
        self.time_limit, self.memory_limit = time_limit, memory_limit
        self.threads = threads or max(1, (os.cpu_count() or 1) // workers)
        self._begin: tuple[Any, ...] = ()
        self._workers: list[_Worker] = []
        self._jobs: deque[Job] = deque()

    def open(self, work: Work) -> None:
        """Start the workers; they load in the background."""
        self._begin = (cloudpickle.dumps(work), self.threads, self.memory_limit, os.getpid())
        self._workers = [_Worker(self._begin) for _ in range(self.slots)]

    def submit(self, job: Job) -> None:
        """Give a job to a worker that is free, or to the next that will be."""
        if not self._workers:
            raise UsageError("submit: the executor is not open; call open(work) first")
        self._jobs.append(job)
        self._hand_out()

    def wait(self, seconds: float) -> list[Outcome]:
        """The outcomes of jobs that ended, those of dead workers among them."""
        end = time.monotonic() + seconds
        while running := [worker.future for worker in self._workers if worker.future is not None]:
            left = max(0.0, end - time.monotonic())
            wait(running, left if self.time_limit is None else min(left, _GLANCE), FIRST_COMPLETED)
            outcomes = [outcome for i in range(self.slots) if (outcome := self._look(i)) is not None]
            self._hand_out()
            if outcomes or time.monotonic() >= end:
                return outcomes
        return []

    def close(self, *, now: bool = False) -> None:
        """End the workers."""
        workers, self._workers = self._workers, []
        self._jobs.clear()
        for worker in workers:
            if now:
                worker.kill()
            worker.pool.shutdown(wait=False, cancel_futures=now)
        for worker in workers:
            worker.pool.shutdown(wait=True)

    def _hand_out(self) -> None:
        for i, worker in enumerate(self._workers):
            if self._jobs and worker.future is None:
                if worker.process.exitcode is not None:  # it died while it was idle
                    worker = self._workers[i] = self._replaced(worker)
                worker.take(self._jobs.popleft())

    def _look(self, i: int) -> Outcome | None:
        """The outcome of a worker's job if it has ended; a dead worker is replaced."""
        worker = self._workers[i]
        if worker.future is None or worker.job is None:
            return None
        if not worker.future.done():
            if self.time_limit is None or worker.seconds() <= self.time_limit:
                return None
            worker.kill()
            self._workers[i] = self._replaced(worker)
            return Outcome(
                worker.job, TrialState.FAILED, error=f"over the time limit of {self.time_limit:g} s"
            )
        try:
            outcome = worker.future.result()
        except BrokenProcessPool:
            error = f"its process died ({_death(worker.exit_code())})"
            outcome = Outcome(worker.job, TrialState.FAILED, error=error)
            self._workers[i] = self._replaced(worker)
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            outcome = Outcome(
                worker.job, TrialState.FAILED, error=f"{type(error).__name__}: {error}", trace=trace
            )
        worker.future = worker.job = None
        return outcome

    def _replaced(self, worker: _Worker) -> _Worker:
        worker.pool.shutdown(wait=False, cancel_futures=True)
        return _Worker(self._begin)


class _Worker:
    """A pool of one process, and the job it has."""

    def __init__(self, begin: tuple[Any, ...]) -> None:
        context = _Context()
        self.pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=begin)
        self.ready = self.pool.submit(os.getpid)
        (self.process,) = context.started
        self.job: Job | None = None
        self.future: Future[Outcome] | None = None
        self._since: float | None = None

    def take(self, job: Job) -> None:
        """Begin a job."""
        self.job, self._since = job, None
        try:
            self.future = self.pool.submit(_run, job)
        except BrokenProcessPool as error:  # it died a moment ago
            self.future = Future()
            self.future.set_exception(error)

    def seconds(self) -> float:
        """Seconds that the job has run: the clock starts when the process is ready."""
        if self._since is None:
            if not self.ready.done():
                return 0.0
            self._since = time.monotonic()
        return time.monotonic() - self._since

    def kill(self) -> None:
        """End the process, whatever it does."""
        with contextlib.suppress(ValueError, OSError):
            self.process.kill()

    def exit_code(self) -> int | None:
        """The exit code of a process that has died; another thread may still be collecting it."""
        deadline = time.monotonic() + 5.0
        while (code := self.process.exitcode) is None and time.monotonic() < deadline:
            time.sleep(0.01)
        return code


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            hint = "; perhaps the system ran out of memory" if -code == signal.SIGKILL else ""
            return f"{signal.Signals(-code).name}{hint}"
    return f"exit code {code}"


# In the worker

_work: Work | None = None
_failure: str | None = None


def _begin(payload: bytes, threads: int, memory_limit: int | None, parent: int) -> None:
    """Make a worker ready. An error here is kept for the first job: raised, it would only start a new worker."""
    global _work, _failure
    end_with(parent)
    try:
        _work = cloudpickle.loads(payload)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(threads)
        if memory_limit is not None:
            _limit_memory(memory_limit)
    except Exception:
        _failure = traceback.format_exc()


def _run(job: Job) -> Outcome:
    if _work is None:
        reason = (_failure or "unknown").strip().splitlines()[-1]
        return Outcome(
            job, TrialState.FAILED, error=f"the worker could not be set up: {reason}", trace=_failure
        )
    return _work(job)


def _limit_memory(limit: int) -> None:
    import resource

    with open("/proc/self/status") as status:
        held = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))
    resource.setrlimit(resource.RLIMIT_DATA, (held + limit, held + limit))


# How a worker is started


class _Popen(multiprocessing.popen_spawn_posix.Popen):
    def _launch(self, process_obj: Any) -> None:
        with _without_main(), _without_interrupts():
            super()._launch(process_obj)  # type: ignore[misc]


class _Process(multiprocessing.context.SpawnProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802
        return _Popen(process_obj)


class _Context(multiprocessing.context.SpawnContext):
    """Starts processes in our way, and remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[_Process] = []

    def Process(self, *args: Any, **kwargs: Any) -> _Process:  # type: ignore[override]  # noqa: N802
        process = _Process(*args, **kwargs)
        self.started.append(process)
        return process


_launching = threading.Lock()


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Start processes that do not import the parent's main module again, so that scripts need no guard."""
    prepare = multiprocessing.spawn.get_preparation_data

    def prepared(name: str) -> dict[str, Any]:
        return {key: value for key, value in prepare(name).items() if not key.startswith("init_main")}

    with _launching:
        multiprocessing.spawn.get_preparation_data = prepared
        try:
            yield
        finally:
            multiprocessing.spawn.get_preparation_data = prepare


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start processes that Ctrl-C in the terminal does not reach: what it means is the parent's business."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
