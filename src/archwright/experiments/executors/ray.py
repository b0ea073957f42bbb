"""Jobs on a Ray cluster."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import multiprocessing.connection
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic

from archwright.errors import MissingExtraError, RunError, UsageError
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
    interrupts_blocked,
    pickled,
    start_process,
    thread_variables,
)
from archwright.experiments.executors.worker import SetUp, ended_job
from archwright.learning.torch_state import TorchSettings

__all__ = ["RayExecutor", "RaySetUp"]

_UP = 180.0
"""Seconds in which a driver has reached the cluster. Ray may wait for ever for a head that dies meanwhile."""
_ANSWERS = 10.0
"""Seconds in which a head that is there answers."""
_GLANCE = 0.1
"""Seconds between two looks at whether time is up."""

_END = 20.0
"""Seconds that the driver has to let go of the cluster."""

_CURE = "run in this process"


@dataclass(frozen=True, slots=True)
class RaySetUp:
    """What the process is given before its first job.

    Args:
        given: What the actors run, and how.
        workers: How many actors.
        address: Of the cluster; None starts one on this machine.
        options: Of each actor.
        gpus: GPUs of each actor.
        cpus: CPUs of each actor.
        patience: Seconds without a head, or without any actor, that are borne.
    """

    given: SetUp
    workers: int
    address: str | None
    options: Mapping[str, Any]
    cpus: float
    gpus: float
    patience: float


class RayExecutor(Executor[J, R]):
    """Runs jobs on a Ray cluster, one on this machine or a running one.

    Each of the workers is a Ray actor that runs job after job. The work is put into Ray's object store once; what is
    defined in a script or a notebook reaches the nodes by value. Messages and results travel by Ray. A worker or node
    that is lost or pre-empted loses its jobs, which then go on elsewhere. While the cluster has no head, what runs goes
    on where it can; after a head that lost all, what ran is submitted again.

    Ray's driver is a process of its own, since Ray ends a driver whose cluster stays without a head. It has to run on a
    node of the cluster, as every driver of Ray. For the engine see Moritz et al. 2018, arXiv:1712.05889.

    Args:
        workers: Jobs at once, at least 1.
        time_limit: Seconds that a job may take before its worker is killed, None for any time.
        memory_limit: Bytes that a worker's data may grow beyond what it holds when it is ready, None for any size
            (nodes with Linux only).
        address: Of the cluster, as HOST:PORT, or "auto" for the one of which this machine is a node; None means what
            the variable RAY_ADDRESS says, and else a cluster on this machine that ends with the executor.
        cpus: CPUs of each job, by which Ray places workers.
        gpus: GPUs of each job; .5 lets two share one.
        resources: Further resources of Ray's that each job takes, such as {"large_memory": 1}.
        threads: Threads of torch in each worker; None means as many as CPUs, and at least 1.
        runtime_env: Ray's runtime environment for the workers: working_dir, py_modules, pip, env_vars and so on.
        patience: Seconds to wait for a head that is away, or for the first node with room.
        retries: How often a job that lost its worker before it saved anything is begun again.

    Raises:
        UsageError: When a number is too small, or an option of Ray's is not known.
        MissingExtraError: When Ray is not installed.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        time_limit: float | None = None,
        memory_limit: int | None = None,
        address: str | None = None,
        cpus: float = 1.0,
        gpus: float = 0.0,
        resources: Mapping[str, float] | None = None,
        threads: int | None = None,
        runtime_env: Mapping[str, Any] | None = None,
        patience: float = 600.0,
        retries: int = 3,
    ) -> None:
        if importlib.util.find_spec("ray") is None:
            raise MissingExtraError("ray", "ray", "the executor 'ray'")
        numbers = {
            "workers": (workers, 1),
            "threads": (threads or 1, 1),
            "cpus": (cpus, 0),
            "gpus": (gpus, 0),
        }
        for name, (number, least) in {**numbers, "patience": (patience, 0), "retries": (retries, 0)}.items():
            if not least <= number < float("inf"):
                raise UsageError(f"the executor 'ray': expected {name} of at least {least}, got {number}")
        self.slots, self.retries = workers, retries
        self.time_limit, self.memory_limit = time_limit, memory_limit
        self.address = address or os.environ.get("RAY_ADDRESS") or None
        self.cpus, self.gpus, self.patience = cpus, gpus, patience
        self.resources, self.runtime_env = dict(resources or {}), dict(runtime_env or {})
        self.threads = threads or max(1, int(cpus))
        self._driver: _Driver | None = None
        self._set_up: RaySetUp | None = None
        self._numbers = itertools.count()
        self._running: dict[int, _Running[J]] = {}
        self._handle: Handle[J] = refuse_messages
        self._lost_since: float | None = None

    def open(self, work: Work[J, R], handle: Handle[J] | None = None) -> None:
        """Reach the cluster, or start one; the workers load in the background.

        Raises:
            UsageError: When the work cannot be sent, or the cluster cannot be reached.
        """
        self._handle = handle or refuse_messages
        self._check_reachable()
        settings = TorchSettings.of_this_process()
        content = pickled("work", work, _CURE)
        path = tuple(sys.path)
        given = SetUp(content, self.threads, self.memory_limit, settings, sys.argv, path)
        environment = {**self.runtime_env}
        environment["env_vars"] = {**thread_variables(self.threads), **environment.get("env_vars", {})}
        options = {
            "num_cpus": self.cpus,
            "num_gpus": self.gpus,
            "resources": self.resources,
            "runtime_env": environment,
        }
        self._set_up = RaySetUp(given, self.slots, self.address, options, self.cpus, self.gpus, self.patience)
        self._begin_driver()
        assert self._driver is not None
        try:
            kind, content_ = "refused", [f"it has not answered for {_UP:g} s"]
            if multiprocessing.connection.wait([self._driver.messages.fileno()], _UP):
                kind, *content_ = self._driver.messages.receive()
        except EOFError:
            content_ = ["its driver died"]
        if kind == "refused":
            self.close(now=True)
            raise UsageError(f"{self._where} cannot be used: {content_[0]}")
        self._driver.ready = True

    def check(self, **things: object) -> None:
        """Refuse what cannot be pickled."""
        for name, thing in things.items():
            pickled(name, thing, _CURE)

    def submit(self, job: J) -> None:
        """Give a job to a worker that is free, or to the next that will be."""
        if self._set_up is None:
            raise UsageError("submit: the executor is not open; call open(work) first")
        number = next(self._numbers)
        self._running[number] = _Running(job, pickled("job", job, _CURE))
        self._hand_out()

    def wait(self, seconds: float) -> list[Ended[J, R]]:
        """The jobs that ended, those of lost workers among them.

        Raises:
            RunError: When the cluster is gone, and patience is over.
        """
        end = time.monotonic() + seconds
        while self._running:
            left = max(0.0, end - time.monotonic())
            self._begin_driver()
            assert self._driver is not None
            if self._driver.hangs():
                self._driver.process.kill()
            multiprocessing.connection.wait([self._driver.messages.fileno()], min(left, _GLANCE))
            found = self._look(self._driver)
            if found or time.monotonic() >= end:
                return found
        return []

    def close(self, *, now: bool = False) -> None:
        """Let go of the cluster; one that was started here ends."""
        self._running.clear()
        self._set_up = None
        if self._driver is not None:
            self._driver.end()
            self._driver = None

    @property
    def _where(self) -> str:
        return f"the Ray cluster at {self.address}" if self.address else "the Ray cluster of this machine"

    def _check_reachable(self) -> None:
        """Ray itself tries for minutes to reach a head, and ends its process then."""
        host, _, port = (self.address or "").rpartition(":")
        if "/" in host or not port.isdecimal():  # none, "auto", or Ray's own client
            return
        try:
            socket.create_connection((host.strip("[]"), int(port)), _ANSWERS).close()
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"{self._where} cannot be used: nothing answers there ({error}); start its head (ray start --head), or "
                "see that the address is the one that this printed"
            ) from error

    def _begin_driver(self) -> None:
        """Start the driver, if there is none."""
        if self._driver is None:
            assert self._set_up is not None
            environment = dict(os.environ)
            # So long it bears that there is no head; what runs on other nodes can tell and end meanwhile.
            environment.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", str(2 * int(self.patience) + 60))
            with interrupts_blocked():
                self._driver = _Driver(environment)
            self._driver.send(self._set_up)

    def _hand_out(self) -> None:
        if self._driver is not None and self._driver.ready:
            for number, running in self._running.items():
                if not running.sent:
                    running.sent = True
                    self._driver.send(("submit", number, running.content))

    def _look(self, driver: _Driver) -> list[Ended[J, R]]:
        """Answer what has come, and say which jobs have ended by it."""
        found = [ended for message in driver.arrived() if (ended := self._told(driver, *message))]
        if driver.messages.ended:
            return [*found, *self._cluster_lost(driver)]
        if self.time_limit is not None:
            for number in [n for n, one in self._running.items() if one.seconds() > self.time_limit]:
                driver.send(("kill", number))
                failure = Failure.timeout(self.time_limit)
                found.append(Ended(self._running.pop(number).job, failure=failure))
        return found

    def _told(self, driver: _Driver, kind: str, *content: Any) -> Ended[J, R] | None:
        if kind == "ready":
            driver.ready, self._lost_since = True, None
            self._hand_out()
        elif kind == "refused":
            why, is_lasting = content
            if is_lasting:
                raise RunError(
                    f"{self._where} cannot be used any more: {why}; see to it, then resume the run"
                )
        elif (number := content[0]) not in self._running:
            pass  # it was over its time
        elif kind == "begun":
            self._running[number].since = time.monotonic()
        elif kind == "call":
            reply = self._handle(self._running[number].job, pickle.loads(content[1]))
            driver.send(("answer", number, pickled("reply", reply, _CURE)))
        elif kind == "ended":
            return ended_job(self._running.pop(number).job, *content[1:])
        else:
            failure = Failure(f"its process died ({content[1]})", lost=True)
            return Ended(self._running.pop(number).job, failure=failure)
        return None

    def _cluster_lost(self, driver: _Driver) -> list[Ended[J, R]]:
        """The driver is gone, and with it what ran; what had not begun is sent to the next one."""
        now = time.monotonic()
        self._lost_since = self._lost_since or now
        driver.end()
        self._driver = None
        if now - self._lost_since > self.patience:
            raise RunError(
                f"{self._where} has not come back for {self.patience:g} s; start its head again, then resume the run"
            )
        if not driver.ready:
            time.sleep(_GLANCE)
        failure = Failure(f"{self._where} was lost, as when its head died", lost=True)
        for one in self._running.values():
            one.sent = False
        gone = [number for number, one in self._running.items() if one.since is not None]
        return [Ended(self._running.pop(number).job, failure=failure) for number in gone]


class _Running(Generic[J]):
    """A job that was submitted."""

    def __init__(self, job: J, content: bytes) -> None:
        self.job, self.content = job, content
        self.sent = False
        self.since: float | None = None

    def seconds(self) -> float:
        """Seconds that it has run on its worker."""
        return 0.0 if self.since is None else time.monotonic() - self.since


class _Driver:
    """The process that talks to Ray."""

    def __init__(self, environment: dict[str, str]) -> None:
        ours, theirs = socket.socketpair()
        self.messages = MessageSocket(ours)
        self.ready = False
        self._began = time.monotonic()
        module = "archwright.experiments.executors.ray_driver"
        self.process = start_process(module, theirs, environment, stdout=subprocess.DEVNULL)

    def hangs(self) -> bool:
        """Whether it should have reached the cluster by now."""
        return not self.ready and time.monotonic() - self._began > _UP

    def arrived(self) -> list[tuple[Any, ...]]:
        """What it has sent."""
        return self.messages.arrived()

    def send(self, message: Any) -> None:
        """Send, if it is still there."""
        with contextlib.suppress(ConnectionError):
            self.messages.send(message)

    def end(self) -> None:
        """Ask it to let go of the cluster, and wait for that."""
        self.send(None)
        self.messages.close()
        try:
            self.process.wait(_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
