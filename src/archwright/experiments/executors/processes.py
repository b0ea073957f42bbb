"""Jobs in worker processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing.connection
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from typing import Any, Generic

from archwright.errors import UsageError
from archwright.experiments.executors.executor import (
    Ended,
    Executor,
    Failure,
    Handle,
    J,
    R,
    Work,
    refuse_messages,
)
from archwright.experiments.executors.framing import MessageSocket
from archwright.experiments.executors.spawning import (
    death,
    interrupts_blocked,
    pickled,
    start_process,
    thread_variables,
)
from archwright.experiments.executors.worker import SetUp, ended_job
from archwright.learning.torch_state import TorchSettings

__all__ = ["ProcessesExecutor"]

_GLANCE = 0.1
"""Seconds between two looks at what no message tells: that a worker died, that time is up."""

_PATIENCE = 10.0
"""Seconds that an idle worker has to end by itself."""

_CURE = "use workers=1"

_WORKER = "archwright.experiments.executors.worker"


class ProcessesExecutor(Executor[J, R]):
    """Runs jobs in several processes. A worker that dies, hangs or takes too much memory fails its job alone.

    Workers are new interpreters, so a script needs no `if __name__ == "__main__"` guard; what is defined in a script
    or a notebook reaches them by value. A worker serves job after job.

    Args:
        workers: How many processes, at least 1.
        time_limit: Seconds that a job may take before its process is killed, None for any time. The time that
            the process takes to start is not counted.
        memory_limit: Bytes that a worker's data may grow beyond what it holds when it is ready, None for any
            size (Linux only).
        threads: Threads of torch in each worker, and of other libraries where no variable of the environment says
            otherwise; None divides the processors among the workers.

    Raises:
        UsageError: When workers or threads are < 1, or a memory limit is asked on another system than Linux.
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
        if threads is not None and threads < 1:
            raise UsageError(
                f"expected at least 1 thread in each worker, got {threads}; leave it out to share them"
            )
        if memory_limit is not None and not sys.platform.startswith("linux"):
            raise UsageError("a memory limit for workers needs Linux; leave it out here")
        self.slots = workers
        self.time_limit, self.memory_limit = time_limit, memory_limit
        self.threads = threads or max(1, (os.cpu_count() or 1) // workers)
        self._set_up = b""
        self._workers: list[_Worker[J]] = []
        self._jobs: deque[J] = deque()
        self._handle: Handle[J] = refuse_messages

    def open(self, work: Work[J, R], handle: Handle[J] | None = None) -> None:
        """Start the workers; they load in the background."""
        self._handle = handle or refuse_messages
        settings = TorchSettings.of_this_process()
        given = SetUp(pickled("work", work, _CURE), self.threads, self.memory_limit, settings, sys.argv)
        self._set_up = pickle.dumps(given)
        for i in range(self.slots):
            self._start(i)

    def check(self, **things: object) -> None:
        """Refuse what cannot be pickled."""
        for name, thing in things.items():
            pickled(name, thing, _CURE)

    def submit(self, job: J) -> None:
        """Give a job to a worker that is free, or to the next that will be."""
        if not self._workers:
            raise UsageError("submit: the executor is not open; call open(work) first")
        self._jobs.append(job)
        self._hand_out()

    def wait(self, seconds: float) -> list[Ended[J, R]]:
        """The jobs that ended, those of dead workers among them."""
        end = time.monotonic() + seconds
        while busy := [worker for worker in self._workers if worker.job is not None]:
            left = max(0.0, end - time.monotonic())
            multiprocessing.connection.wait([worker.messages.fileno() for worker in busy], min(left, _GLANCE))
            found = [ended for worker in busy if (ended := self._look(worker)) is not None]
            self._hand_out()
            if found or time.monotonic() >= end:
                return found
        return []

    def close(self, *, now: bool = False) -> None:
        """End the workers."""
        self._jobs.clear()
        for worker in self._workers:
            worker.end(kill=now)
        while self._workers:  # after an interrupt in here, a second call goes on
            self._workers[-1].release()
            self._workers.pop()

    def _hand_out(self) -> None:
        for i, worker in enumerate(self._workers):
            if self._jobs and worker.job is None:
                if worker.process.poll() is not None:  # it died while it was idle
                    self._replace(i)
                    worker = self._workers[i]
                worker.take(self._jobs.popleft())

    def _replace(self, i: int) -> None:
        self._workers[i].process.kill()
        self._workers[i].release()
        self._start(i)

    def _start(self, i: int) -> None:
        """Put a new worker in a place. An interrupt waits until it is there: `close` has to know every process."""
        with interrupts_blocked():
            self._workers[i : i + 1] = [_Worker(self._set_up, self.threads)]

    def _look(self, worker: _Worker[J]) -> Ended[J, R] | None:
        """Answer a worker's messages; what became of its job, if that has ended. A dead worker is replaced."""
        assert worker.job is not None
        job = worker.job
        dead = worker.process.poll() is not None  # looked at before its last messages are read
        for kind, content in worker.arrived():
            if kind == "call":
                worker.send(self._handle(job, content))
            elif kind == "ended":
                worker.job = None
                return ended_job(job, *content)
        if dead or worker.messages.ended:
            failure = Failure(f"its process died ({death(worker.exit_code())})", lost=True)
        elif self.time_limit is not None and worker.seconds() > self.time_limit:
            failure = Failure.timeout(self.time_limit)
        else:
            return None
        self._replace(self._workers.index(worker))
        return Ended(job, failure=failure)


class _Worker(Generic[J]):
    """A process, and the job it has."""

    def __init__(self, set_up: bytes, threads: int) -> None:
        ours, theirs = socket.socketpair()
        self.messages = MessageSocket(ours)
        self.job: J | None = None
        self._ready = False
        self._since = 0.0
        environment = {**os.environ, **thread_variables(threads)}
        self.process = start_process(_WORKER, theirs, environment)
        # Not here: the socket takes a little at once, and the process reads only when it is up.
        threading.Thread(target=self._introduce, args=(set_up,), daemon=True).start()

    def take(self, job: J) -> None:
        """Begin a job, as soon as the process is ready."""
        self.job = job
        if self._ready:
            self._begin()

    def arrived(self) -> list[tuple[str, Any]]:
        """What it has sent; when it is ready, its job is begun."""
        found = self.messages.arrived()
        if not self._ready and found:
            self._ready = True
            found = found[1:]
            if self.job is not None:
                self._begin()
        return found

    def send(self, message: Any) -> None:
        """Send, if it is still there."""
        with contextlib.suppress(ConnectionError):
            self.messages.send(message)

    def seconds(self) -> float:
        """Seconds that the job has run: the clock starts when the process is ready."""
        return time.monotonic() - self._since if self._ready else 0.0

    def exit_code(self) -> int | None:
        """The exit code of a process that has died, or is about to."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(1.0)
        return None

    def end(self, *, kill: bool) -> None:
        """Ask an idle process to end; kill any other."""
        if not kill and self.job is None:  # else nothing is read: an interrupt may have cut a message short
            self.arrived()
            if self._ready:
                self.send(None)
                return
        self.process.kill()

    def release(self) -> None:
        """Wait for the end of the process."""
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.messages.close()

    def _begin(self) -> None:
        self._since = time.monotonic()
        self.send(self.job)

    def _introduce(self, set_up: bytes) -> None:
        with contextlib.suppress(OSError):  # it died, or was ended, before it was up
            self.messages.send_bytes(set_up)
