"""What a worker process does: take the work once, then run job after job."""

from __future__ import annotations

import os
import pickle
import socket
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import cloudpickle

from archwright.experiments.executors.executor import Channel, Ended, Failure, J, Work, run_job
from archwright.experiments.executors.framing import MessageSocket
from archwright.experiments.executors.printed import keep_streams
from archwright.learning.torch_state import TorchSettings

__all__ = ["SetUp", "Worker", "ended_job", "main", "serve", "watch_parent"]

_LOOKED = 0.5  # seconds between two looks at the parent


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a worker is given before its first job.

    Args:
        work: What it runs, pickled.
        threads: Threads of torch.
        memory_limit: Bytes that its data may grow; None for any size.
        settings: What the user set in torch.
        argv: `sys.argv` of the process that submits the jobs.
        path: Folders in which it finds modules too.
    """

    work: bytes
    threads: int
    memory_limit: int | None
    settings: TorchSettings
    argv: list[str]
    path: tuple[str, ...] = ()


def main(descriptor: int, parent: int) -> None:
    """A worker process from its start to its end, soon after its parent's at the latest, even in the middle of a job.

    Args:
        descriptor: Of the socket that it was given.
        parent: The number of the process that started it, which may be gone already.
    """
    watch_parent(parent)
    serve(MessageSocket(socket.socket(fileno=descriptor)))


def watch_parent(parent: int) -> None:
    """End this process soon after the one that started it, whatever it does then.

    Args:
        parent: The number of the process that started it, which may be gone already.
    """
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOKED)
    os._exit(1)


def serve(messages: MessageSocket) -> None:
    """Run the jobs that come over a socket until None comes or the other side is gone.

    What comes: a `SetUp`, then jobs and, between, replies. What goes: ("ready", None) when the work is loaded,
    ("call", message), and ("ended", (result, pickled, and failure)).
    """
    try:
        _serve(messages)
    except (EOFError, ConnectionError):
        sys.exit()


def ended_job(job: J, result: bytes, failure: Failure | None) -> Ended[J, Any]:
    """What became of a job, from what a worker sent of it as "ended"."""
    if failure is not None:
        return Ended(job, failure=failure)
    try:
        return Ended(job, pickle.loads(result))
    except Exception as error:
        return Ended(job, failure=Failure.of(error, "its result cannot be read"))


def _serve(messages: MessageSocket) -> None:
    worker = Worker(messages.receive(), _Remote(messages))
    messages.send(("ready", None))
    while (job := messages.receive()) is not None:
        messages.send(("ended", worker.run(job)))


class Worker:
    """Loads the work once and runs jobs by it. What makes it fail to load fails each job, with the reason.

    Args:
        given: What it runs, and how.
        channel: Carries the jobs' messages.
    """

    def __init__(self, given: SetUp, channel: Channel) -> None:
        keep_streams()
        sys.argv = given.argv
        sys.path += [folder for folder in given.path if folder not in sys.path]
        self._settings, self._channel = given.settings, channel
        self._work: Work[Any, Any] | None = None
        self._failure: Failure | None = None
        try:
            self._work = pickle.loads(given.work)
            if "torch" in sys.modules:
                sys.modules["torch"].set_num_threads(given.threads)
            if given.memory_limit is not None:
                _limit_memory(given.memory_limit)
        except BaseException as error:  # for the jobs to tell: raised, it would only start a new worker
            self._failure = Failure.of(error, "the worker could not be set up")

    def run(self, job: Any) -> tuple[bytes, Failure | None]:
        """Run a job.

        Returns:
            Its result and its failure. The result is pickled by itself, so that one that cannot be sent or read fails
            its job alone.
        """
        if self._work is None:
            return b"", self._failure
        ended = run_job(self._work, job, self._channel, self._settings)
        if ended.failure is not None:
            return b"", ended.failure
        try:
            return cloudpickle.dumps(ended.result), None
        except BaseException as error:
            return b"", Failure.of(error, "its result cannot be sent")


class _Remote(Channel):
    def __init__(self, messages: MessageSocket) -> None:
        self.messages = messages
        self._turn = threading.Lock()

    def call(self, message: Any) -> Any:
        with self._turn:
            try:
                self.messages.send(("call", message))
                return self.messages.receive()
            except (ConnectionError, EOFError):
                os._exit(1)  # nobody waits for this job any more; no handler of a user's code may hold it


def _limit_memory(limit: int) -> None:
    import resource

    with open("/proc/self/status") as status:
        held = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))
    resource.setrlimit(resource.RLIMIT_DATA, (held + limit, held + limit))
