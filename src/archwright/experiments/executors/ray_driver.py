"""What talks to Ray, in a process of its own: Ray ends a process whose cluster has lost its head.

It takes jobs from the process of the run and gives them to actors, each of which runs one job after another.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import cloudpickle
import ray
from ray.exceptions import AuthenticationError, RayError, RuntimeEnvSetupError

from archwright.experiments.executors.executor import Channel
from archwright.experiments.executors.framing import MessageSocket
from archwright.experiments.executors.ray import RaySetUp
from archwright.experiments.executors.worker import SetUp, Worker, watch_parent

__all__ = ["RayActor", "RayDriver", "main"]

_LOOKED = 2.0
"""Seconds between two looks at the head."""

_GRACE = 30.0
"""Seconds in which a head that answers must know this process's node, else it is another cluster's."""

_LEASE = 90.0
"""Seconds after which an actor that does not answer is lost. Ray sees only closed connections, which a process that
the actor forked may hold open, as may a machine that hangs."""

_STARTS = 5
"""So many times in a row, some seconds apart, actors may end before one is ready."""


class RayActor(Channel):
    """Runs jobs on a node of the cluster. Each call gives the running job's next event.

    An event is ("call", a message) or ("ended", the result, the failure); what a user's code made is pickled.

    Args:
        given: What it runs, and how, without the work.
        work: The work, pickled.
    """

    def __init__(self, given: SetUp, work: bytes) -> None:
        self._given = replace(given, work=work)
        self._jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._turn = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def ready(self) -> tuple[Any, ...]:
        """Wait until the work is loaded."""
        return self._events.get()

    def begin(self, job: bytes) -> tuple[Any, ...]:
        """Begin a job; its first event."""
        self._jobs.put(job)
        return self._events.get()

    def answer(self, reply: bytes) -> tuple[Any, ...]:
        """Answer the message that was the last event; the next event."""
        self._replies.put(reply)
        return self._events.get()

    @ray.method(concurrency_group="signs")  # type: ignore[untyped-decorator]
    def alive(self) -> None:
        """A sign of life, whatever the job does."""

    def call(self, message: Any) -> Any:
        """See `Channel.call`."""
        content = cloudpickle.dumps(message)
        with self._turn:
            self._events.put(("call", content))
            return pickle.loads(self._replies.get())

    def _serve(self) -> None:
        worker = Worker(self._given, self)
        self._events.put(("ready",))
        while True:
            result, failure = worker.run(pickle.loads(self._jobs.get()))
            self._events.put(("ended", result, failure))


class _Place:
    """An actor, and the job that it has."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.job: int | None = None
        self.ready = self.asked = False
        self.heard = 0.0


def main(descriptor: int, parent: int) -> None:
    """The process from its start to its end, soon after its parent's at the latest.

    What comes over the socket: a `RaySetUp`, then ("submit", number, job), ("answer", number, reply), ("kill", number),
    and None to end. What goes: ("ready",) when the cluster is reached and has the work, or ("refused", why it cannot be
    used); ("begun", number), ("call", number, message), ("ended", number, result, failure) and ("lost", number, how).

    Args:
        descriptor: Of the socket.
        parent: The number of the process that started this one.
    """
    watch_parent(parent)
    messages = MessageSocket(socket.socket(fileno=descriptor))
    given: RaySetUp = messages.receive()
    try:
        _connect(given)
        driver = RayDriver(given, messages)
    except AuthenticationError as error:
        messages.send(
            ("refused", f"{_first_line(error)}; a cluster with tokens needs RAY_AUTH_MODE=token", True)
        )
        return
    except Exception as error:
        messages.send(("refused", _first_line(error), not isinstance(error, ConnectionError | RuntimeError)))
        return
    messages.send(("ready",))
    driver.run()
    ray.shutdown()


def _connect(given: RaySetUp) -> None:
    quiet = {"logging_level": "WARNING", "log_to_driver": False}
    if given.address is not None:
        ray.init(address=given.address, **quiet)
        return
    cpus = math.ceil(given.workers * given.cpus)
    ray.init(address="local", num_cpus=max(1, cpus), include_dashboard=False, **quiet)
    found = ray.cluster_resources().get("GPU", 0.0)
    if given.workers * given.gpus > found:
        raise ValueError(
            f"{given.workers} trials at once with {given.gpus:g} GPUs each need more than this machine's {found:g} GPUs"
        )


class RayDriver:
    """Gives jobs to actors, and carries what they say.

    Args:
        given: What the actors run.
        messages: To the process of the run.
    """

    def __init__(self, given: RaySetUp, messages: MessageSocket) -> None:
        self.given, self.messages = given, messages
        self._events: queue.SimpleQueue[Callable[[], bool | None]] = queue.SimpleQueue()
        self._work = ray.put(given.given.work)  # each node fetches it once
        self._light = replace(given.given, work=b"")
        self._make = ray.remote(concurrency_groups={"signs": 1}, max_restarts=0, **given.options)(RayActor)
        self._jobs: deque[tuple[int, bytes]] = deque()
        self._failed_starts = 0
        self._start_failed: str | None = None
        self._head = Head(given.patience, self._refuse)
        self._places: list[_Place] = []
        self._idle_since = time.monotonic()

    def run(self) -> None:
        """Until the process of the run says that it is enough."""
        for _ in range(self.given.workers):
            self._start()
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._head.watch, daemon=True).start()
        looked = time.monotonic()
        while True:
            with contextlib.suppress(queue.Empty):
                if self._events.get(timeout=_LOOKED)():
                    return
            if time.monotonic() - looked > _LOOKED:
                self._check_places()
                looked = time.monotonic()

    def _read(self) -> None:
        while True:
            try:
                message = self.messages.receive()
            except (EOFError, ConnectionError):
                os._exit(1)
            self._events.put(partial(self._told, message))
            if message is None:
                return

    def _told(self, message: tuple[Any, ...] | None) -> bool:
        """Do what the process of the run asks; whether it asks to end."""
        if message is None:
            return True
        kind, number, *content = message
        if kind == "submit":
            self._jobs.append((number, *content))
            self._hand_out()
            return False
        place = next((one for one in self._places if one.job == number), None)
        if place is not None and kind == "answer":
            self._expect(place, place.actor.answer.remote(*content))
        elif place is not None:
            self._replace(place)
        return False

    def _send(self, message: tuple[Any, ...]) -> None:
        with contextlib.suppress(ConnectionError):  # the process of the run is gone, which the reader sees
            self.messages.send(message)

    def _hand_out(self) -> None:
        for place in self._places:
            if self._jobs and place.ready and place.job is None:
                place.job, job = self._jobs.popleft()
                self._send(("begun", place.job))
                self._expect(place, place.actor.begin.remote(job))

    def _start(self) -> None:
        place = _Place(self._make.remote(self._light, self._work))
        self._places.append(place)
        self._expect(place, place.actor.ready.remote())

    def _replace(self, place: _Place) -> None:
        self._places.remove(place)
        ray.kill(place.actor)
        self._start()

    def _expect(self, place: _Place, event: Any) -> None:
        done = event.future().add_done_callback
        done(lambda found: self._events.put(lambda: self._happened(place, found)))

    def _happened(self, place: _Place, found: Any) -> None:
        """An actor's next event has come, or the actor is gone."""
        if place not in self._places:  # it was killed
            return
        error = found.exception()
        if error is not None:
            self._lost(place, error)
            return
        kind, *content = found.result()
        number = place.job
        if kind == "call":
            self._send(("call", number, *content))
            return
        if kind == "ready":
            place.ready, place.heard, self._failed_starts = True, time.monotonic(), 0
        else:
            place.job = None
            self._send(("ended", number, *content))
        self._hand_out()

    def _lost(self, place: _Place, error: BaseException) -> None:
        if place.job is not None:
            self._send(("lost", place.job, _last_line(error)))
        if place.ready:
            self._replace(place)
            return
        if isinstance(error, RuntimeEnvSetupError) or getattr(error, "actor_init_failed", False):
            self._refuse(f"its workers cannot be started: {_last_line(error)}")
        self._start_failed = _last_line(error)
        self._places.remove(place)  # another is started after a while

    def _check_places(self) -> None:
        """See whether actors live, and give up where the cluster has had no room for any for too long."""
        now = time.monotonic()
        if self._start_failed is not None:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                why = f"its workers cannot be started: {self._start_failed}"
                self._refuse(why if self._head.is_ours() else None)
            self._start_failed = None
        while len(self._places) < self.given.workers:
            self._start()
        for place in [one for one in self._places if one.ready]:
            if not place.asked:
                place.asked = True
                asked = place.actor.alive.remote().future()
                asked.add_done_callback(partial(self._answered, place))
            elif now - place.heard > _LEASE:
                self._lost(place, TimeoutError(f"it has not been heard of for {_LEASE:g} s"))
        if any(place.ready for place in self._places):
            self._idle_since = now
        elif now - self._idle_since > self.given.patience:
            self._refuse(
                f"no node has had {self.given.cpus:g} CPUs and {self.given.gpus:g} GPUs free for "
                f"{self.given.patience:g} s"
            )

    def _answered(self, place: _Place, sign: Any) -> None:
        if sign.exception() is None:
            place.heard, place.asked = time.monotonic(), False

    def _refuse(self, why: str | None) -> None:
        """End this process; with a reason, the run cannot go on, else a new process may reach the cluster again."""
        if why is not None:
            self._send(("refused", why, True))
        os._exit(1)


class Head:
    """Watches the head of the cluster that this process is connected to.

    Args:
        patience: Seconds without an answer that are borne.
        end: Is called with the reason where the head stays away, with None where another one has taken its place.
    """

    def __init__(self, patience: float, end: Callable[[str | None], None]) -> None:
        self.patience, self.end = patience, end
        host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
        self.address = (host.strip("[]"), int(port))
        self.node = ray.get_runtime_context().get_node_id()
        self._confirmed = time.monotonic()

    def watch(self) -> None:
        """Until the process ends. Without outside storage a head that was restarted knows nothing of its cluster."""
        threading.Thread(target=self._confirm, daemon=True).start()
        answered = up_since = time.monotonic()
        while True:
            time.sleep(_LOOKED)
            now = time.monotonic()
            if not self._answers():
                up_since = now
                if now - answered > self.patience:
                    self.end(f"its head has not answered for {self.patience:g} s")
                continue
            answered = now
            if min(now - up_since, now - self._confirmed) > _GRACE:
                self.end(None)

    def is_ours(self) -> bool:
        """Whether it knew this process's node a moment ago."""
        return time.monotonic() - self._confirmed < 3 * _LOOKED

    def _answers(self) -> bool:
        try:
            socket.create_connection(self.address, timeout=_LOOKED).close()
        except OSError:
            return False
        return True

    def _confirm(self) -> None:
        while True:
            with contextlib.suppress(RayError):  # it is away, or this process ends
                if any(node["Alive"] and node["NodeID"] == self.node for node in ray.nodes()):
                    self._confirmed = time.monotonic()
            time.sleep(_LOOKED)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _last_line(error: BaseException) -> str:
    """The reason: Ray puts it into the last line, before what is common."""
    line = str(error).strip().rpartition("\n")[2].partition(" Some common causes include")[0]
    return line.strip() or type(error).__name__
