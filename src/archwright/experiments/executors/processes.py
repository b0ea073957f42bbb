"""Jobs in worker processes of this machine."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing.context
import multiprocessing.popen_spawn_posix
import multiprocessing.process
import multiprocessing.spawn
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import cloudpickle
import pebble

from archwright.errors import UsageError
from archwright.experiments.executors.executor import Executor, Job, Outcome, Work
from archwright.trials import TrialState

__all__ = ["ProcessesExecutor"]


class ProcessesExecutor(Executor):
    """Runs jobs in several processes. A worker that dies, hangs or takes too much memory fails its job alone.

    Workers are started anew (spawned), so a script needs no `if __name__ == "__main__"` guard; what is defined
    in a script or a notebook reaches them by value.

    Args:
        workers: How many processes, at least 1.
        time_limit: Seconds that a job may take before its process is killed, None for any time.
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
        self._pool: Any = None
        self._jobs: dict[Any, Job] = {}

    def open(self, work: Work) -> None:
        """Start the workers; they load in the background."""
        payload = cloudpickle.dumps(work)
        self._pool = pebble.ProcessPool(
            max_workers=self.slots,
            initializer=_begin,
            initargs=(payload, self.threads, self.memory_limit, os.getpid()),
            context=_Context(),
        )

    def submit(self, job: Job) -> None:
        """Give a job to the next worker that is free."""
        if self._pool is None:
            raise UsageError("submit: the executor is not open; call open(work) first")
        self._jobs[self._pool.schedule(_run, args=(job,), timeout=self.time_limit)] = job

    def wait(self, seconds: float) -> list[Outcome]:
        """The outcomes of jobs that ended, those of dead workers among them."""
        done, _ = concurrent.futures.wait(self._jobs, seconds, concurrent.futures.FIRST_COMPLETED)
        ready = sorted(((future, self._jobs.pop(future)) for future in done), key=lambda pair: pair[1].number)
        return [self._outcome(future, job) for future, job in ready]

    def _outcome(self, future: Any, job: Job) -> Outcome:
        try:
            outcome: Outcome = future.result()
        except concurrent.futures.TimeoutError:
            return Outcome(job, TrialState.FAILED, error=f"over the time limit of {self.time_limit:g} s")
        except pebble.ProcessExpired as error:
            return Outcome(job, TrialState.FAILED, error=f"its process died ({_death(error.exitcode)})")
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            return Outcome(job, TrialState.FAILED, error=f"{type(error).__name__}: {error}", trace=trace)
        return outcome

    def close(self, *, now: bool = False) -> None:
        """End the workers."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        if now:
            for worker in multiprocessing.active_children():
                if isinstance(worker, _Process):
                    worker.kill()
            pool.stop()
        else:
            pool.close()
        pool.join()
        self._jobs.clear()


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
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
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


def _die_with(parent: int) -> None:
    """End this worker soon after its parent is gone, even in the middle of a job."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


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
    Process = _Process


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
