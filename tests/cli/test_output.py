"""What the commands print of a run that trains a supernet, at each stage of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archwright.cli.output import as_dict, print_json, print_run
from archwright.experiments import (
    Activity,
    NamedConfig,
    Run,
    RunConfig,
    SpaceConfig,
    SupernetConfig,
    TaskConfig,
)
from archwright.experiments.store import Stage
from archwright.objectives import Objective
from archwright.spaces import Architecture
from archwright.trials import Candidate, Measurement, Trial, TrialState


def epochs(count: int, **more: float) -> tuple[dict[str, Any], ...]:
    metrics = {"train_loss": 1.25, "skips": 2.0, "derived_accuracy": 0.5, **more}
    return tuple(
        {"epoch": i, "seconds": 2.0, "metrics": metrics, "probabilities": {"op": {"a": 0.5, "b": 0.5}}}
        for i in range(1, count + 1)
    )


@pytest.fixture
def training(tmp_path: Path) -> Run:
    """A run in the middle of its supernet's training."""
    return Run(
        folder=tmp_path,
        state="running",
        config=RunConfig(
            name="mine",
            task=TaskConfig(name="digits"),
            space=SpaceConfig(reference="nasbench201", name="nasbench201"),
            strategy=NamedConfig(name="darts"),
            supernet=SupernetConfig(epochs=50),
            objectives=(Objective("accuracy"),),
        ),
        trials=(),
        retrained=(),
        baseline=None,
        best=None,
        pareto=(),
        winner=None,
        test=None,
        baseline_test=None,
        seconds=24.0,
        stop_reason=None,
        messages=(),
        epochs=epochs(12),
    )


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[Run], str]:
    def told(run: Run) -> str:
        print_run(run)
        return capsys.readouterr().out

    return told


def test_the_training_of_the_supernet_is_told(training: Run, printed: Callable[[Run], str]) -> None:
    out = printed(training)
    assert "training the supernet, epoch 12 of 50" in out
    assert "last epoch: train loss 1.25, skips 2" in out
    assert "the network it would derive, by shared weights: accuracy 0.5" in out
    stopped = printed(replace(training, state="stopped"))
    assert "training of the supernet stopped, epoch 12 of 50" in stopped
    assert "epoch 0 of 50" in printed(replace(training, epochs=()))


def test_scores_by_shared_weights_are_called_so(training: Run, printed: Callable[[Run], str]) -> None:
    trial = Trial(
        0, Candidate(Architecture({"op": "a"})), TrialState.COMPLETED, Measurement({"accuracy": 0.4}), None, 0.0, 1.0
    )  # fmt: skip
    run = replace(training, trials=(trial,), best=trial, supernet_ended="50 epochs", epochs=epochs(50))
    out = printed(run)
    assert "supernet: trained, 50 epochs" in out
    assert "best: trial 0 (not retrained, scores by shared weights)" in out
    out = printed(replace(run, retrained=(trial,), winner=trial))
    assert "scores by shared weights" not in out


def test_another_run_has_nothing_of_it(training: Run, printed: Callable[[Run], str]) -> None:
    run = replace(training, config=replace(training.config, supernet=None), epochs=())
    assert "supernet" not in printed(run)
    assert as_dict(run)["epochs"] == []


def test_json_has_the_epochs_and_no_number_that_json_does_not_know(
    training: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    print_json(replace(training, epochs=epochs(2, eigenvalue=float("nan"))))
    shown = json.loads(capsys.readouterr().out)
    assert [entry["epoch"] for entry in shown["epochs"]] == [1, 2]
    assert shown["epochs"][1] == {
        "epoch": 2,
        "seconds": 2.0,
        "metrics": {"train_loss": 1.25, "skips": 2.0, "derived_accuracy": 0.5, "eigenvalue": None},
    }
    assert shown["best"] is None
    assert shown["trials"] == []


def test_a_trial_that_has_not_ended_runs_only_while_the_run_does(
    training: Run, printed: Callable[[Run], str]
) -> None:
    point = {"epoch": 2, "accuracy": 0.5}
    begun = Trial(6, Candidate(Architecture({})), measurement=Measurement({"accuracy": 0.5}, (point,)))
    live = Activity(Stage.SEARCH, begun, 90.0, "here:17")
    text = printed(replace(training, trials=(begun,), running=(live,)))
    assert "trials: 1 running" in text
    row = next(line for line in text.splitlines() if "here:17" in line)
    assert row.split()[:3] == ["search", "6", "here:17"]
    assert "1 min 30 s" in row
    assert "accuracy 0.5" in row
    text = printed(replace(training, state="stopped", trials=(begun,)))
    assert "trials: 1 interrupted" in text
    assert "interrupted: trial 6, accuracy 0.5" in text


def test_networks_to_compare_with_have_a_column_each(training: Run, printed: Callable[[Run], str]) -> None:
    def trained(number: int, accuracy: float) -> Trial:
        measured = Measurement({"accuracy": accuracy, "params": 1000.0 + number})
        return Trial(number, Candidate(Architecture({})), TrialState.COMPLETED, measured)

    run = replace(
        training,
        state="completed",
        config=replace(training.config, supernet=None, compare=("/home/me/nets.py:Net", "Own")),
        epochs=(),
        retrained=(trained(4, 0.95),),
        winner=trained(4, 0.95),
        baseline=trained(0, 0.94),
        compared=(trained(1, 0.93), trained(2, 0.92)),
        test={"accuracy": 0.91},
        baseline_test={"accuracy": 0.90},
        compared_test={"/home/me/nets.py:Net": {"accuracy": 0.89}},
    )
    table = [line.split() for line in printed(run).splitlines()]
    assert ["found", "hand-made", "nets.py:Net", "Own"] in table
    assert ["validation", "accuracy", "0.9500", "0.9400", "0.9300", "0.9200"] in table
    assert ["test", "accuracy", "0.9100", "0.9000", "0.8900"] in table
    told = as_dict(run)["compared"]
    assert [(one["name"], one["metrics"]["accuracy"], one["test"]) for one in told] == [
        ("/home/me/nets.py:Net", 0.93, {"accuracy": 0.89}),
        ("Own", 0.92, None),
    ]
