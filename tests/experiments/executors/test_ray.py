"""Ray: what every executor keeps, and that a search on it is that of this process whatever is killed."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from archwright.errors import RunError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.experiments import Channel, CheckpointFolder, Ended, InlineExecutor, SQLStore
from archwright.experiments.executors import EXECUTORS, ExecutorConfig, make_executor
from archwright.experiments.executors import ray as module
from archwright.experiments.executors.ray import RayExecutor
from archwright.strategies.pruners import Pruner
from archwright.testing import IsolatedExecutorContract
from archwright.trials import Candidate, Measurement, Report, Trial, TrialContext, TrialState, Verdict

from ..conftest import run_search

pytest.importorskip("ray")


@pytest.mark.slow
class TestRayExecutor(IsolatedExecutorContract):
    @pytest.fixture(autouse=True)
    def _on_the_cluster(self, ray_cluster: str) -> None:
        type(self).make = partial(RayExecutor, 2, address=ray_cluster)


class Suicidal(Estimator):
    """Trial 1 loses its worker twice before it saved anything, and once in each step after that."""

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        begun = 0 if trial.own is None else trial.own.load()["step"]
        if trial.number == 1 and trial.attempt < 2:
            os.kill(os.getpid(), signal.SIGKILL)
        for step in range(begun + 1, 4):
            trial.report(step, {"accuracy": 0.1 * step}, {"step": step})
            if trial.number == 1:
                os.kill(os.getpid(), signal.SIGKILL)
        return Measurement({"accuracy": 0.3})


@pytest.mark.slow
def test_a_trial_survives_the_loss_of_its_workers(
    ray_cluster: str, make_store: Callable[..., SQLStore], tmp_path: Path
) -> None:
    store = make_store()
    with store:
        store.lock()
        executor: Any = RayExecutor(2, address=ray_cluster, retries=2)
        folder = CheckpointFolder(tmp_path / "checkpoints")
        run_search(store, trials=3, estimator=Suicidal(), executor=executor, checkpoints=folder)
        assert [trial.state for trial in store.trials()] == [TrialState.COMPLETED] * 3
        assert [trial.attempt for trial in store.trials()] == [0, 5, 0]
        assert [row.attempt for row in store.reports()[1]] == [2, 3, 4]


class Told(Estimator):
    """Reports ten times, unless it is told to stop."""

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        for step in range(1, 11):
            if trial.report(step, {"accuracy": 0.1 * step}) is Verdict.STOP:
                break
        return Measurement({"accuracy": 1.0})


class StopsTheSecond(Pruner):
    """Stops trial 1 at its third report."""

    def judge(self, trial: Trial, curve: Sequence[Report], others: Any) -> Verdict:
        return Verdict.STOP if trial.number == 1 and curve[-1].step == 3 else Verdict.GO_ON


@pytest.mark.slow
def test_a_pruner_stops_a_trial_on_a_node(ray_cluster: str, make_store: Callable[..., SQLStore]) -> None:
    store = make_store()
    with store:
        store.lock()
        executor: Any = RayExecutor(2, address=ray_cluster)
        run_search(store, trials=3, estimator=Told(), executor=executor, pruner=StopsTheSecond())
        states = [trial.state for trial in store.trials()]
        assert states == [TrialState.COMPLETED, TrialState.PRUNED, TrialState.COMPLETED]
        assert [len(store.reports()[number]) for number in range(3)] == [10, 3, 10]


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["evolution", "bayesian"])
def test_one_worker_proposes_what_this_process_does(
    ray_cluster: str, make_store: Callable[..., SQLStore], tmp_path: Path, strategy: str
) -> None:
    found = []
    for name, executor in (("here", InlineExecutor()), ("there", RayExecutor(address=ray_cluster))):
        with SQLStore(f"sqlite:///{tmp_path / name}.sqlite", name, create=True) as store:
            store.lock()
            assert run_search(store, executor=executor, strategy=strategy) == "12 trials"
            found.append([(trial.candidate, trial.measurement) for trial in store.trials()])
    assert found[0] == found[1]


@pytest.mark.slow
def test_what_ran_is_lost_with_the_driver_and_runs_on_the_next(ray_cluster: str) -> None:
    def work(job: int, channel: Channel) -> int:
        if channel.call("first") == 1:
            time.sleep(1000)
        return job

    told: list[int] = []

    def handle(job: int, message: str) -> int:
        told.append(job)
        if len(told) == 1:
            assert executor._driver is not None
            executor._driver.process.kill()
        return len(told)

    executor = RayExecutor[int, int](1, address=ray_cluster)
    executor.open(work, handle)
    try:
        executor.submit(7)
        ended: list[Ended[int, int]] = []
        while not ended:
            ended = executor.wait(1.0)
        assert ended[0].failure is not None
        assert ended[0].failure.lost
        assert list(executor.run_all([8])) == [Ended(8, 8)]
    finally:
        executor.close(now=True)


@pytest.mark.slow
def test_options_reach_the_workers(ray_cluster: str) -> None:
    def work(job: int, channel: Channel) -> tuple[str, str]:
        return os.environ["FLAVOUR"], os.environ["OMP_NUM_THREADS"]

    environment = {"env_vars": {"FLAVOUR": "vanilla"}}
    executor = RayExecutor[int, Any](address=ray_cluster, cpus=0.5, threads=3, runtime_env=environment)
    executor.open(work)
    try:
        assert list(executor.run_all([0])) == [Ended(0, ("vanilla", "3"))]
    finally:
        executor.close()


@pytest.mark.slow
def test_room_that_no_node_has_ends_the_run_after_the_patience(ray_cluster: str) -> None:
    executor = RayExecutor[int, int](address=ray_cluster, gpus=0.5, patience=5.0)
    executor.open(lambda job, channel: job)
    try:
        with pytest.raises(RunError, match=r"no node has had 1 CPUs and 0.5 GPUs free for 5 s"):
            list(executor.run_all([0]))
    finally:
        executor.close(now=True)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "127.0.0.1:99999", "no.such.host.invalid:6379"])
def test_a_cluster_that_is_not_there_is_told_at_once(address: str) -> None:
    executor = RayExecutor[int, int](address=address)
    with pytest.raises(UsageError, match=f"the Ray cluster at {address} cannot be used: nothing answers"):
        executor.open(lambda job, channel: job)
    executor.close()


def test_what_answers_and_is_no_head_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_UP", 1.0)
    monkeypatch.setattr(module, "_END", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        executor = RayExecutor[int, int](address=f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(UsageError, match=r"cannot be used: it has not answered for 1 s"):
            executor.open(lambda job, channel: job)
        executor.close()


def test_a_name_and_its_options() -> None:
    options = {"address": "auto", "gpus": 0.5, "runtime_env": {"working_dir": "."}}
    made = make_executor(ExecutorConfig(name="ray", options=options, workers=3, time_limit=5.0))
    assert isinstance(made, RayExecutor)
    assert (made.slots, made.address, made.gpus, made.time_limit) == (3, "auto", 0.5, 5.0)
    assert "workers" not in EXECUTORS.options("ray")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"workers": 0}, "workers of at least 1, got 0"),
        ({"options": {"gpus": -1}}, "gpus of at least 0, got -1"),
        ({"options": {"cpu": 1}}, "no option 'cpu'.*Did you mean 'cpus'"),
        ({"options": {"runtime_env": "."}}, "the option 'runtime_env'"),
    ],
)
def test_wrong_use_is_told(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_executor(ExecutorConfig(name="ray", **given))
