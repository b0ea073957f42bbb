"""A run in a given time: what is measured before it, how it is divided, and that it holds."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import UsageError
from archwright.estimators.cost import time_training
from archwright.estimators.training import Training
from archwright.experiments import DeviceConfig, RunConfig, open_store
from archwright.experiments.time_plan import Costs, TimePlan, Trainings
from archwright.session import costs, planning
from archwright.session.costs import fitting_threads
from archwright.session.planning import fitting_workers, plan_run, told_plan

QUICK: dict[str, Any] = {"progress": False, "onnx": False}


def small_space() -> aw.Space:
    width = aw.integer(8, 32, step=8, name="width")
    layers = [
        aw.layer(nn.Flatten),
        aw.layer(nn.LazyLinear, width),
        aw.layer(nn.ReLU),
        aw.layer(nn.LazyLinear, 10),
    ]
    return aw.Space(aw.layer(nn.Sequential, *layers), name="small")


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> aw.Result:
    folder = tmp_path_factory.mktemp("runs") / "timed"
    return aw.search(small_space(), "digits", budget=aw.Budget(minutes=0.3), out=folder, workers=1, **QUICK)


def test_a_run_records_its_plan_and_keeps_to_it(timed: aw.Result) -> None:
    config = RunConfig.read(timed.folder)
    assert config.plan is not None
    assert config.plan.costs.training > 0
    assert config.plan.costs.baseline > 0
    assert timed.state == "completed"
    assert timed.run.winner is not None
    told = [text for _, text in timed.run.messages]
    assert any("search until" in text for text in told)


def test_what_was_running_when_its_share_was_over_stopped_after_its_epoch(timed: aw.Result) -> None:
    states = [trial.state for trial in timed.trials]
    assert states[:-1].count("pruned") == 0
    assert states[-1] in ("completed", "pruned")


def test_the_plan_holds_when_the_run_goes_on(timed: aw.Result) -> None:
    before = RunConfig.read(timed.folder)
    again = aw.resume(timed.folder, space=small_space(), budget=aw.Budget(minutes=0.5), **QUICK)
    config = RunConfig.read(timed.folder)
    assert (config.plan, config.recipe, config.device) == (before.plan, before.recipe, before.device)
    assert config.budget == aw.Budget(minutes=0.5)
    assert len(again.trials) >= len(timed.trials)
    assert again.run.seconds >= timed.run.seconds
    assert again.run.winner is not None


def test_a_budget_in_trials_measures_nothing(tmp_path: Path) -> None:
    found = aw.search(
        small_space(),
        "digits",
        budget=aw.Budget(1),
        retrain=1,
        recipe=aw.Recipe(epochs=1),
        out=tmp_path / "r",
        **QUICK,
    )
    config = RunConfig.read(found.folder)
    assert config.plan is None
    assert config.executor.workers == 1


def test_epochs_that_do_not_fit_are_fewer_unless_they_were_given() -> None:
    made = TimePlan(costs=Costs(training=100.0, baseline=50.0, closing=5.0), spent=1.0)
    told = "\n".join(told_plan(made, 1.0, 12, 12, Trainings(), 1))
    assert "not one full training beside the hand-made network fits into 1 min 00 s" in told
    assert "--epochs 2" in told  # 54 s, of which 60 % for 150 s of 12 epochs
    epochs = made.fitting_epochs(1.0, 12, Trainings(), 1)
    told = "\n".join(told_plan(made.scaled(epochs / 12), 1.0, epochs, 12, Trainings(), 1))
    assert "so they have 2" in told
    assert "not one full training" not in told


def test_the_share_of_the_given_network_is_told() -> None:
    made = TimePlan(costs=Costs(training=2.0, baseline=1.0, closing=1.0), longest=6.0)
    alone, beside = (told_plan(made, 2.0, 12, 12, Trainings(), 1, is_given=one)[-1] for one in (False, True))
    assert "then about 6.0 s of a longer training of the one that is chosen, then test" in alone
    assert (
        "then about 6.0 s of longer trainings of the one that is chosen and of the network as it was given, then test"
        in beside
    )


def test_where_the_beginning_took_the_time_no_other_epochs_are_advised() -> None:
    made = TimePlan(costs=Costs(training=2.0, baseline=1.0, closing=5.0), spent=130.0)
    (told,) = told_plan(made, 0.5, 1, 1, Trainings(), 1)
    assert "took 2 min 10 s of 30 s already" in told
    assert "--epochs" not in told


def test_the_environment_says_how_many_threads() -> None:
    assert "OMP_NUM_THREADS" in os.environ  # as all tests run
    training = Training(small_space(), aw.tasks.digits())
    assert fitting_threads(training, training.space, 0) is None


def test_slow_steps_are_timed_only_as_long_as_was_given() -> None:
    training = Training(small_space(), aw.tasks.digits(), accelerator="cpu")
    candidate = aw.Candidate(training.space.sample(0))
    assert time_training(training, candidate, seconds=60.0, most=0.0).timed_steps == 1
    assert time_training(training, candidate, seconds=0.01, most=1e6).timed_steps >= 8


def test_what_is_measured_is_told_before_it_is() -> None:
    told: list[str] = []
    arguments: dict[str, Any] = {"trainings": Trainings(), "workers": 1, "formats": (), "may_fit": True}
    space, task, recipe = small_space(), aw.tasks.digits(), aw.Recipe(epochs=1)
    for minutes in (None, 0.01):
        plan_run(
            space,
            task,
            recipe,
            [],
            began=time.time(),
            minutes=minutes,
            device=DeviceConfig(),
            preparing=told.append,
            **arguments,
        )
    (line,) = told  # the environment says how many threads, so that without minutes nothing is measured
    assert "600 ms can be divided" in line


@pytest.mark.parametrize(
    ("took", "threads"), [({1: 1.0, 2: 0.9}, 1), ({1: 1.0, 2: 0.5}, 2), ({1: 1.0, 2: 4.0}, 1)]
)
def test_more_threads_are_taken_where_they_pay(
    monkeypatch: pytest.MonkeyPatch, took: dict[int, float], threads: int
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(costs, "_cost", lambda training, *_: took[training.threads])
    training = Training(small_space(), aw.tasks.digits(), accelerator="cpu")
    assert fitting_threads(training, training.space, 0) == threads


def test_workers_use_the_cores_where_that_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    training = Training(small_space(), aw.tasks.digits(), accelerator="cpu", threads=1)
    monkeypatch.setattr(planning, "free_memory", lambda: 64e9)
    assert fitting_workers(training, 10) == 6
    assert fitting_workers(training, 0.5) == 1
    monkeypatch.setattr(planning, "free_memory", lambda: 2.5 * 2**30)
    assert fitting_workers(training, 10) == 2
    training.threads = 6
    assert fitting_workers(training, 10) == 1


class Failing(nn.Module):
    """Fails in training, in ways that a user's code may."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.layer = kind, nn.Linear(64, 10)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.training and self.kind == "error":
            raise RuntimeError("not today")
        if self.training and self.kind == "exit":
            sys.exit(3)
        outputs: torch.Tensor = self.layer(inputs.flatten(1))
        return outputs


@pytest.mark.slow
def test_networks_that_fail_while_costs_are_measured_do_not_end_the_search(tmp_path: Path) -> None:
    space = aw.Space(aw.layer(Failing, aw.choice("sound", "error", "exit", name="kind")), name="failing")
    found = aw.search(
        space,
        "digits",
        strategy="grid",
        budget=aw.Budget(trials=3, minutes=5),
        recipe=aw.Recipe(epochs=1),
        out=tmp_path / "run",
        workers=1,
        retrain=1,
        repeats=1,
        **QUICK,
    )
    assert sorted(trial.state for trial in found.trials) == ["completed", "failed", "failed"]


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="repeats >= 1"):
        aw.search(small_space(), "digits", repeats=0, **QUICK)
    with pytest.raises(UsageError, match="price"):
        aw.search(small_space(), "digits", price="much", **QUICK)


def _busy() -> None:
    while True:
        pass


@pytest.mark.slow
def test_on_a_busy_machine_one_thread_is_taken_and_the_run_ends(tmp_path: Path) -> None:
    """The command, with no number of threads in the environment, beside twice as many busy processes as cores."""
    cores = os.cpu_count() or 1
    busy = [multiprocessing.get_context("spawn").Process(target=_busy, daemon=True) for _ in range(2 * cores)]
    for process in busy:
        process.start()
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    words = ["search", "digits", "--space", "mlp", "--minutes", "0.5", "--out", "run", "--no-onnx"]
    try:
        subprocess.run(
            [sys.executable, "-m", "archwright", *words], cwd=tmp_path, env=environment, check=True
        )
    finally:
        for process in busy:
            process.kill()
    record = json.loads((tmp_path / "run" / "experiment.json").read_text())
    assert record["device"]["threads"] in ((None,) if cores == 1 else (1,))
    run = aw.open_run(tmp_path / "run")
    assert run.winner is not None
    assert run.state == "completed"
    # How long a training takes here is nobody's promise; that none begins which the plan has no time for is.
    assert run.config.plan is not None
    shares = run.config.plan.shares(0.5, run.config.trainings, run.config.executor.workers)
    with open_store(run.folder, run.config) as store:
        began = store.get("sessions")[0]
    late = [trial for trial in run.trials if (trial.started or 0.0) > began + shares.search]
    assert len(late) <= run.config.executor.workers, "as many may have been picked before and begun after"
    # The first training of each finalist is owed to it; a further round begins where it is expected to end in time.
    repeated = [t for f in run.finalists for repeat, t in f.measured.items() if repeat]
    assert all((trial.started or 0.0) <= began + shares.finals for trial in repeated)
    assert len(run.retrained) <= shares.retrain


def test_an_end_that_takes_longer_than_what_is_left_is_said_before() -> None:
    made = TimePlan(costs=Costs(training=1.0, baseline=1.0, closing=20.0), spent=6.0)
    told = told_plan(made, 0.4, 2, 2, Trainings(), 1)
    assert any("test, export and report take about 20 s" in line and "28 s in all" in line for line in told)
    assert not any("in all" in line for line in told_plan(made, 0.5, 2, 2, Trainings(), 1))
