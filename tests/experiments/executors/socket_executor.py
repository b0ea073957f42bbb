"""A toy executor whose workers are reached by TCP alone: what one for a cluster has to be, without the cluster.

Workers come by themselves and are known by their connection. A worker holds its job by a lease, which each message of
it renews; when the lease is over, the job has lost its worker, and the connection is closed, by which the worker ends.
"""

from __future__ import annotations

import multiprocessing.connection
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cloudpickle

from archwright.experiments.executors import Ended, Executor, Failure
from archwright.experiments.executors.executor import Handle, Work, refuse_messages
from archwright.experiments.executors.framing import MessageSocket
from archwright.experiments.executors.worker import SetUp, ended_job
from archwright.learning.torch_state import TorchSettings

_WORKER = Path(__file__).with_name("socket_worker.py")


class _Connection:
    def __init__(self, messages: MessageSocket) -> None:
        self.messages = messages
        self.ready = False
        self.job: Any = None
        self.heard = self.since = time.monotonic()
        self.pid = 0


class SocketExecutor(Executor[Any, Any]):
    slots = 2

    def __init__(self, *, time_limit: float | None = None, lease: float = 10.0) -> None:
        self.time_limit, self.lease = time_limit, lease
        self.connections: list[_Connection] = []
        self._jobs: list[Any] = []
        self._started: list[subprocess.Popen[bytes]] = []
        self._server: socket.socket | None = None

    def open(self, work: Work[Any, Any], handle: Handle[Any] | None = None) -> None:
        self._handle = handle or refuse_messages
        settings = TorchSettings.of_this_process()
        self._set_up = SetUp(cloudpickle.dumps(work), 1, None, settings, sys.argv)
        self._server = socket.create_server(("127.0.0.1", 0))
        for _ in range(self.slots):
            self._start()

    def submit(self, job: Any) -> None:
        self._jobs.append(job)

    def wait(self, seconds: float) -> list[Ended[Any, Any]]:
        end = time.monotonic() + seconds
        found: list[Ended[Any, Any]] = []
        while self._server is not None and not found:
            self._hand_out()
            if not self._jobs and all(each.job is None for each in self.connections):
                break
            sources = [self._server, *(each.messages.fileno() for each in self.connections)]
            if self._server in multiprocessing.connection.wait(sources, 0.1):
                self._welcome(self._server)
            for each in list(self.connections):
                found += self._look(each)
            if time.monotonic() >= end:
                break
        return found

    def close(self, *, now: bool = False) -> None:
        for each in self.connections:
            if not now:
                each.messages.send(None)
            each.messages.close()
        if self._server is not None:
            self._server.close()
        for process in self._started:
            process.kill()
            process.wait()
        self.connections, self._jobs, self._started, self._server = [], [], [], None

    def _start(self) -> None:
        """What a cluster's scheduler would do."""
        assert self._server is not None
        port = str(self._server.getsockname()[1])
        installed = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._started.append(subprocess.Popen([sys.executable, str(_WORKER), port], env=installed))

    def _welcome(self, server: socket.socket) -> None:
        messages = MessageSocket(server.accept()[0])
        messages.send(self._set_up)
        self.connections.append(_Connection(messages))

    def _hand_out(self) -> None:
        for each in self.connections:
            if self._jobs and each.ready and each.job is None:
                each.job, each.since = (self._jobs.pop(0),), time.monotonic()
                each.messages.send(each.job[0])

    def _look(self, each: _Connection) -> list[Ended[Any, Any]]:
        for kind, content in each.messages.arrived():
            each.heard = time.monotonic()
            if kind == "here":
                each.pid = content
            elif kind == "ready":
                each.ready = True
            elif kind == "call":
                each.messages.send(self._handle(each.job[0], content))
            elif kind == "ended":
                (job,), each.job = each.job, None
                return [ended_job(job, *content)]
        now = time.monotonic()
        if each.messages.ended or now - each.heard > self.lease:
            failure = Failure("its worker died, or cannot be reached", lost=True)
        elif each.job and self.time_limit is not None and now - each.since > self.time_limit:
            failure = Failure.timeout(self.time_limit)
        else:
            return []
        each.messages.close()
        self.connections.remove(each)
        self._start()
        return [Ended(each.job[0], failure=failure)] if each.job else []
