"""One-shot methods through the whole: train, score by shared weights, retrain, report; killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.atomic_writing import load_state
from archwright.errors import UsageError
from archwright.experiments import NamedConfig, RunConfig
from archwright.experiments.one_shot import CHECKPOINT, SUPERNET
from archwright.references import load_object
from archwright.session.one_shot import (
    after_training,
    bounded_budget,
    default_budget,
    options_with_weights,
    training_minutes,
)
from archwright.supernets import make_method
from archwright.supernets.methods.enas import Enas

HERE = Path(__file__).parent
REFERENCE = f"{HERE / 'spaces_for_tests.py'}:mixed"
QUICK: dict[str, Any] = {
    "recipe": aw.Recipe(epochs=1),
    "progress": False,
    "onnx": False,
    "accelerator": "cpu",
}


def mixed_space() -> aw.Space:
    make = load_object(REFERENCE)
    return make()


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> aw.Result:
    return aw.search(
        mixed_space(),
        "digits",
        strategy="darts",
        strategy_options={"epochs": 2},
        retrain=2,
        out=tmp_path_factory.mktemp("runs") / "digits",
        **QUICK,
    )


def test_a_supernet_that_begins_with_weights_is_trained_at_a_lower_rate() -> None:
    own = aw.from_network(
        torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Linear(16, 2)), torch.zeros(2, 4)
    )
    options, (note,) = options_with_weights("sandwich", {"epochs": 2}, own)
    assert options == {"epochs": 2, "learning_rate": 0.01}
    assert note.startswith("supernet: learning_rate=0.01, since it begins with the network's weights")
    assert options_with_weights("sandwich", {"learning_rate": 0.3}, own) == ({"learning_rate": 0.3}, [])
    assert options_with_weights("once_for_all", {}, own) == ({}, [])
    assert options_with_weights("sandwich", {}, mixed_space()) == ({}, [])


def test_proposals_are_scored_by_shared_weights_and_trained_from_scratch(result: aw.Result) -> None:
    run = result.run
    assert run.state == "completed"
    assert [entry["epoch"] for entry in run.epochs] == [1, 2]
    assert len(run.trials) == len(run.retrained) == 2
    assert {t.number for t in run.retrained} == {t.number for t in run.trials}
    assert all(t.measurement.curve == () for t in run.trials if t.measurement)
    assert all(len(t.measurement.curve) == 1 for t in run.retrained if t.measurement)
    assert run.test is not None
    assert (result.folder / "best" / "model.py").exists()


def test_every_epoch_leaves_what_is_watched(result: aw.Result) -> None:
    for entry in result.run.epochs:
        assert {"train_loss", "architecture_loss", "derived_accuracy", "entropy", "skips"} <= entry[
            "metrics"
        ].keys()
        assert set(entry["probabilities"]) == {"op_0", "op_1"}
        for labels in entry["probabilities"].values():
            assert sum(labels.values()) == pytest.approx(1.0)
    assert result.run.seconds > sum(entry["seconds"] for entry in result.run.epochs)


@pytest.mark.slow
def test_a_search_on_shared_weights_follows_where_the_method_has_one(tmp_path: Path) -> None:
    result = aw.search(
        mixed_space(),
        "digits",
        strategy="spos",
        strategy_options={"epochs": 1},
        objectives=["accuracy", "params<=700"],
        budget=aw.Budget(trials=2),
        retrain=1,
        baseline=False,
        workers=2,
        out=tmp_path / "run",
        **QUICK,
    )
    assert sum(t.state == "completed" for t in result.trials) == 2
    assert all(t.metrics["params"] <= 700 for t in result.trials if t.state == "completed")
    assert len(result.run.retrained) == 1
    again = aw.resume(
        result.folder, space=mixed_space(), budget=aw.Budget(trials=3), progress=False, onnx=False
    )
    assert len([t for t in again.trials if t.state == "completed"]) == 3
    assert again.run.epochs == result.run.epochs


def test_what_cannot_be_shared_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    width = aw.integer(4, 6, name="width")
    space = aw.Space(load_object(f"{HERE / 'spaces_for_tests.py'}:of_width")(width))
    with pytest.raises(UsageError, match=r"width: its values cannot be mixed"):
        aw.search(space, "digits", strategy="darts", out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"fidelity": aw.Fidelity(epochs=1)}, "--option epochs=10"),
        ({"strategy_options": {"epoch": 3}}, "Did you mean 'epochs'"),
        ({"strategy_options": {"epochs": 0}}, "expected epochs to be an integer >= 1"),
        ({"strategy_options": {"epochs": "x"}}, "option 'epochs'.*expected a whole number"),
        ({"strategy_options": {"epochs": 2.5}}, "option 'epochs'.*expected a whole number"),
        ({"pruner": "median"}, "nothing for a pruner to stop"),
    ],
)
def test_what_does_not_fit_is_told(arguments: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told):
        aw.search(mixed_space(), "digits", strategy="darts", out=tmp_path / "run", **arguments, **QUICK)


def test_a_strategy_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown strategy 'gdaz'. Did you mean 'gdas'.*evolution"):
        aw.search(mixed_space(), "digits", strategy="gdaz", out=tmp_path / "run", **QUICK)
    strange: Any = 3
    with pytest.raises(UsageError, match="expected a strategy, a one-shot method or the name of one, got 3"):
        aw.search(mixed_space(), "digits", strategy=strange, out=tmp_path / "run", **QUICK)


@pytest.mark.slow
def test_a_method_given_as_an_object_scores_as_many_as_by_its_name(tmp_path: Path) -> None:
    method = make_method("enas", epochs=1, controller_steps=1, controller_samples=2)
    space = mixed_space()
    result = aw.search(space, "digits", strategy=method, retrain=0, out=tmp_path / "run", **QUICK)
    assert result.run.config.budget.trials == Enas.proposals_per_retrain
    assert len(result.trials) == space.size  # the controller drew each of its four


def test_budgets_follow_the_method(result: aw.Result) -> None:
    assert default_budget("darts", 3, 1) == default_budget(None, 3, 1) == aw.Budget(trials=3)
    assert default_budget("darts", 0, 1) == aw.Budget(trials=1)
    assert default_budget("enas", 2, Enas.proposals_per_retrain) == aw.Budget(trials=20)
    assert default_budget("spos", 3, 1) == aw.Budget(trials=100)
    assert default_budget("evolution", 3) == default_budget(None, 3) == aw.Budget(trials=50)
    config = RunConfig.read(result.folder)
    timed = replace(config, budget=aw.Budget(minutes=10))
    assert training_minutes(timed, timed.budget) == 10
    assert after_training(timed, timed.budget, 600) == aw.Budget(trials=2)
    assert after_training(timed, timed.budget, 60) == aw.Budget(trials=2)
    searched = replace(timed, strategy=NamedConfig(name="spos"))
    assert training_minutes(searched, searched.budget) == 8
    assert after_training(searched, searched.budget, 480) == aw.Budget(trials=100, minutes=2)


def test_programs_are_searched_until_one_is_right_whatever_bound_there_is() -> None:
    fitness, error = aw.Objective("fitness", "maximize"), aw.Objective("mse", "minimize")
    solved = aw.Budget(trials=7, target=0.9999)
    assert bounded_budget(aw.Budget(trials=7), "program_evolution", 3, objectives=[fitness]) == solved
    half = aw.Budget(minutes=2, target=0.5)
    assert bounded_budget(half, "program_evolution", 3, objectives=[fitness]) == half
    assert bounded_budget(aw.Budget(minutes=2), "evolution", 3, objectives=[fitness]) == aw.Budget(minutes=2)
    assert bounded_budget(None, "program_evolution", 3, objectives=[error]) == aw.Budget(trials=100)


def state_of(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = load_state(folder / CHECKPOINT, "checkpoint")["trainer"]
    return state


def assert_same(first: Any, second: Any) -> None:
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, list | tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    else:
        assert first == second


# The command, which kills itself where it has written the second epoch's state, if it is told to.
DIES = f"""
import os, signal, sys
from archwright.cli import main

replace, written = os.replace, []

def replace_and_die(old, new):
    replace(old, new)
    written.extend(["checkpoint"] * str(new).endswith({str(CHECKPOINT)!r}))
    if sys.argv[1] == "killed" and len(written) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

os.replace = replace_and_die
main(sys.argv[2:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["darts", "gdas"])
def test_kill_minus_nine_and_resume_end_bit_for_bit_where_the_whole_run_ends(
    strategy: str, tmp_path: Path
) -> None:
    def command(folder: str) -> list[str]:
        options = [
            "--option",
            "epochs=4",
            "--epochs",
            "1",
            "--retrain",
            "1",
            "--no-onnx",
            "--no-baseline",
            "--json",
        ]
        program = [sys.executable, "-c", DIES, folder, "search", "digits", "--space", REFERENCE]
        return [
            *program,
            "--strategy",
            strategy,
            "--device",
            "cpu",
            "--out",
            str(tmp_path / folder),
            *options,
        ]

    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    subprocess.run(command("whole"), check=True, **quiet)
    assert subprocess.run(command("killed"), check=False, **quiet).returncode == -signal.SIGKILL
    assert state_of(tmp_path / "killed")["epoch"] == 2
    resume = [sys.executable, "-m", "archwright", "resume", str(tmp_path / "killed"), "--no-onnx", "--json"]
    printed = subprocess.run(resume, check=True, capture_output=True, text=True, env=environment).stdout
    assert json.loads(printed)["state"] == "completed"
    assert_same(state_of(tmp_path / "whole"), state_of(tmp_path / "killed"))
    assert_same(*(load_state(tmp_path / name / SUPERNET, "supernet") for name in ("whole", "killed")))
    whole, killed = (aw.open_run(tmp_path / name) for name in ("whole", "killed"))
    assert [t.candidate for t in whole.trials] == [t.candidate for t in killed.trials]
    assert [t.metrics for t in whole.trials] == [t.metrics for t in killed.trials]
    told = [[{**entry, "seconds": 0} for entry in run.epochs] for run in (whole, killed)]
    assert told[0] == told[1]
