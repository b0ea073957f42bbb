"""The head of a Ray cluster dies under a search."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from archwright.experiments import Channel, Ended, Listener, SQLStore, Stage
from archwright.experiments.executors.ray import RayExecutor
from archwright.experiments.memory import PROCESSES, with_descendants
from archwright.testing.ray_nodes import RayNode
from archwright.trials import Candidate, Measurement, Report, Trial, TrialContext, TrialState

from ..conftest import ToyEstimator, run_search

pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


class Hanging(ToyEstimator):
    """Trial 3 never ends in its first attempt."""

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        trial.report(1, {"accuracy": 0.1})
        if (trial.number, trial.attempt) == (3, 0):
            time.sleep(1000)
        return super().estimate(candidate, trial)


def test_a_search_waits_for_a_new_head_and_loses_nothing(make_store: Callable[..., SQLStore]) -> None:
    port = free_port()
    nodes = [RayNode(port=port, cpus=2)]
    ended: list[int] = []

    class Killer(Listener):
        def trial_reported(self, stage: Stage, number: int, report: Report) -> None:
            if number == 3 and report.attempt == 0:
                nodes[0].kill()
                threading.Thread(target=lambda: nodes.append(RayNode(port=port, cpus=2))).start()

        def trial_finished(self, stage: Stage, trial: Trial, best: Trial | None) -> None:
            ended.append(trial.number)

    try:
        with make_store() as store:
            store.lock()
            executor: Any = RayExecutor(2, address=nodes[0].address)
            run_search(store, trials=6, estimator=Hanging(), executor=executor, listener=Killer())
            trials = store.trials()
        assert [trial.state for trial in trials] == [TrialState.COMPLETED] * 6
        assert sorted(ended) == list(range(6))
        assert (
            1 <= trials[3].attempt <= 2
        )  # the first worker tried may have died with the node, unseen as yet
    finally:
        for node in nodes:
            node.close()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    yield f"127.0.0.1:{port}"
    server.kill()
    server.wait()


def test_with_redis_a_job_outlives_the_head(redis: str) -> None:
    """What the job says is answered while there is no head, and it ends as if nothing had been."""
    head = RayNode(port=free_port(), cpus=0, environment={"RAY_REDIS_ADDRESS": redis})
    node = RayNode(head, cpus=1)

    def work(job: int, channel: Channel) -> int:
        channel.call("begun")
        time.sleep(2 if job == 0 else 0)
        channel.call("and went on")
        return job

    told: list[str] = []

    def handle(job: int, message: str) -> None:
        told.append(message)
        if len(told) == 1:
            os.kill(gcs_of(head), signal.SIGKILL)

    executor = RayExecutor[int, int](address=head.address)
    executor.open(work, handle)
    try:
        assert list(executor.run_all([0])) == [Ended(0, 0)]
        assert told == ["begun", "and went on"]
    finally:
        executor.close(now=True)
        node.close()
        head.close()


def gcs_of(head: RayNode) -> int:
    """The process that keeps the cluster's state."""
    (found,) = [
        int(process.name)
        for process in with_descendants(PROCESSES / str(head.process.pid))
        if "gcs_server" in (process / "cmdline").read_text().split("\0")[0]
    ]
    return found
