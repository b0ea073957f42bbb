"""Every seam takes an object from Python and a name from the command, and a run is gone on with either."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archwright as aw
from archwright.errors import RunError, UsageError
from archwright.estimators import Estimator
from archwright.experiments import InlineExecutor, RunConfig
from archwright.strategies.pruners import MedianPruner, ThresholdPruner
from archwright.trials import Candidate, Measurement, TrialContext

QUICK: dict[str, Any] = {
    "recipe": aw.Recipe(epochs=1),
    "budget": aw.Budget(trials=2),
    "retrain": 0,
    "progress": False,
    "onnx": False,
}


class Counting(Estimator):
    """The score is the width of the first layer, over epochs that are reported."""

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        score = float(candidate.architecture["layers.0.width"])
        trial.report(1, {"r2": score})
        return Measurement({"r2": score})


def test_an_estimator_is_taken_as_an_object_and_asked_for_again(tmp_path: Path) -> None:
    result = aw.search("mlp", "diabetes", estimator=Counting(), out=tmp_path / "run", **QUICK)
    assert result.best.metrics["r2"] == max(t.architecture["layers.0.width"] for t in result.trials)
    assert result.run.config.estimator.name == "Counting"
    with pytest.raises(UsageError, match=r"a estimator|an estimator|estimator=estimator"):
        aw.resume(result.folder, budget=aw.Budget(trials=3), progress=False)
    more = aw.resume(result.folder, estimator=Counting(), budget=aw.Budget(trials=3), progress=False)
    assert len(more.trials) == 3


def test_estimators_by_name(tmp_path: Path) -> None:
    named, default = (
        aw.search("mlp", "diabetes", estimator=name, seed=3, out=tmp_path / str(name), **QUICK)
        for name in ("training", None)
    )
    assert [t.metrics for t in named.trials] == [t.metrics for t in default.trials]
    with pytest.raises(UsageError, match="Did you mean 'training'"):
        aw.search("mlp", "diabetes", estimator="trainin", out=tmp_path / "no", **QUICK)
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"strategy": "asah"}, "unknown strategy 'asah'. Did you mean 'asha'"),
        (
            {"strategy": "evolution", "strategy_options": {"populaton": 9}},
            "no option 'populaton'. Did you mean",
        ),
        ({"strategy": "darts", "strategy_options": {"epoch": 9}}, "no option 'epoch'. Did you mean 'epochs'"),
        ({"strategy_options": {"initail": 3}}, "no strategy has an option 'initail'. Did you mean 'initial'"),
        ({"estimator": "synflo"}, "unknown estimator 'synflo'. Did you mean 'synflow'"),
        ({"estimator_options": {"epoch": 3}}, "the estimator 'training' has no option 'epoch'"),
        ({"pruner": "mediam"}, "unknown pruner 'mediam'. Did you mean 'median'"),
        ({"pruner": "median", "pruner_options": {"warmup": 3}}, "no option 'warmup'. Did you mean"),
        ({"pruner_options": {"warmup_steps": 3}}, "go with a name"),
        ({"executor": "proceses"}, "unknown executor 'proceses'. Did you mean 'processes'"),
        ({"executor": "processes", "executor_options": {"threds": 1}}, "no option 'threds'. Did you mean"),
        ({"tracker": "tensorbord"}, "unknown tracker 'tensorbord'. Did you mean 'tensorboard'"),
    ],
)
def test_what_is_misspelt_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], told: str
) -> None:
    def measured(*_: Any, **__: Any) -> None:
        raise AssertionError("trainings were timed")

    monkeypatch.setattr(importlib.import_module("archwright.session.search"), "plan_run", measured)
    asked = {**QUICK, "budget": aw.Budget(minutes=1), "retrain": 1, **given}
    with pytest.raises(UsageError, match=told):
        aw.search("mlp", "diabetes", out=tmp_path / "no", **asked)
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("part", ["estimator", "pruner"])
def test_what_is_no_such_part_is_refused_before_anything_is_written(tmp_path: Path, part: str) -> None:
    strange: Any = {part: 3}
    with pytest.raises(UsageError, match=f"expected an? {part} or the name of one, got 3"):
        aw.search("mlp", "diabetes", out=tmp_path / "no", **strange, **QUICK)
    assert not (tmp_path / "no").exists()


def test_an_executor_is_taken_as_an_object(tmp_path: Path) -> None:
    class Noting(InlineExecutor[Any, Any]):
        jobs = 0

        def submit(self, job: Any) -> None:
            Noting.jobs += 1
            super().submit(job)

    result = aw.search("mlp", "diabetes", executor=Noting(), out=tmp_path / "run", **QUICK)
    assert Noting.jobs == len(result.trials)
    with pytest.raises(UsageError, match="workers and limits go with an executor by name"):
        aw.search("mlp", "diabetes", executor=Noting(), workers=2, out=tmp_path / "two", **QUICK)
    with pytest.raises(UsageError, match="Did you mean 'processes'"):
        aw.search("mlp", "diabetes", executor="proceses", out=tmp_path / "two", **QUICK)
    assert aw.resume(result.folder, executor=Noting(), progress=False).state == "completed"


def test_a_pruner_stops_trials(tmp_path: Path) -> None:
    asked = {"estimator": Counting(), "objectives": ["r2"]}
    bounds = {"metric": "r2", "above": 100.0}
    first = aw.search(
        "mlp", "diabetes", pruner="threshold", pruner_options=bounds, out=tmp_path / "a", **asked, **QUICK
    )
    second = aw.search(
        "mlp",
        "diabetes",
        pruner=ThresholdPruner(first.run.objectives, **bounds),
        out=tmp_path / "b",
        **asked,
        **QUICK,
    )
    for result in (first, second):
        for trial in result.trials:
            wide = trial.architecture["layers.0.width"] > 100
            assert (trial.state == "pruned") is wide
    assert first.run.config.pruner is not None
    assert first.run.config.pruner.options == bounds
    with pytest.raises(UsageError, match=r"pruner=pruner"):
        aw.resume(second.folder, estimator=Counting(), budget=aw.Budget(trials=3), progress=False)
    again = MedianPruner(first.run.objectives)
    more = aw.resume(
        second.folder, estimator=Counting(), pruner=again, budget=aw.Budget(trials=3), progress=False
    )
    assert len(more.trials) == 3


def test_starting_points_are_tried_first_and_decisions_are_held(tmp_path: Path) -> None:
    space = aw.experiments.resolve_space("mlp", aw.tasks.diabetes())
    points = [space.sample(seed) for seed in (7, 8)]
    result = aw.search(
        "mlp", "diabetes", enqueue=points, out=tmp_path / "a", **{**QUICK, "budget": aw.Budget(trials=4)}
    )
    assert [t.architecture for t in result.trials[:2]] == points
    more = aw.resume(result.folder, budget=aw.Budget(trials=5), progress=False)
    assert more.trials[:4] == result.trials

    held = aw.search("mlp", "diabetes", fix={"depth": 2}, out=tmp_path / "b", **QUICK)
    more = aw.resume(held.folder, budget=aw.Budget(trials=4), progress=False)
    assert {t.architecture["depth"] for t in more.trials} == {2}
    assert RunConfig.read(held.folder).held == {"depth": 2}
    with pytest.raises(UsageError, match="depht"):
        aw.search("mlp", "diabetes", fix={"depht": 2}, out=tmp_path / "c", **QUICK)
    with pytest.raises(UsageError):
        aw.search("mlp", "diabetes", enqueue=[{"depth": 99}], out=tmp_path / "c", **QUICK)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("objective", ["min:latency", "accuracy", "max:r3"])
def test_an_objective_that_nothing_measures_is_told_before_any_trial(tmp_path: Path, objective: str) -> None:
    with pytest.raises(
        UsageError, match=f"nothing measures the objective '{objective.rpartition(':')[2]}'.*r2"
    ):
        aw.search("mlp", "diabetes", objectives=[objective], out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    from archwright.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as exited:
            main([*words, "--trials", "2", "--epochs", "1", "--retrain", "0", "--device", "cpu"])
        return int(exited.value.code or 0)

    return run


def test_the_command_takes_names(command: Callable[..., int]) -> None:
    point = {"depth": 2, "layers.0.width": 32, "layers.1.width": 64}
    space = aw.experiments.resolve_space("mlp", aw.tasks.diabetes())
    point = space.fix(point).sample(0).to_json()
    Path("point.json").write_text(json.dumps([point]))
    words = [
        "--estimator",
        "training",
        "--executor",
        "inline",
        "--pruner",
        "median",
        "--pruner-option",
        "warmup_steps=1",
    ]
    code = command(
        "search",
        "diabetes",
        "--space",
        "mlp",
        "--fix",
        "depth=2",
        "--enqueue",
        "point.json",
        *words,
        "--out",
        "run",
    )
    assert code == 0
    run = aw.open_run("run")
    assert run.trials[0].architecture.to_json() == point
    assert {t.architecture["depth"] for t in run.trials} == {2}
    config = run.config
    assert (config.executor.name, config.estimator.name) == ("inline", "training")
    assert config.pruner is not None
    assert config.pruner.options == {"warmup_steps": 1}
    for wrong in (
        ["--pruner", "medain"],
        ["--fix", "depth"],
        ["--fix", "depth=1", "--fix", "depth=2"],
        ["--enqueue", "none.json"],
        ["--estimator", "x"],
    ):
        assert command("search", "diabetes", "--space", "mlp", *wrong, "--out", "other") == 2
    assert not Path("other").exists()


def test_a_test_file_is_tested_on(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{i % 7},{i % 5},{(i * 37 % 11) / 3}" for i in range(60)]
    Path("cars.csv").write_text("\n".join(["doors,weight,price", *rows[:40]]))
    Path("more.csv").write_text("\n".join(["doors,weight,price", *rows[40:]]))
    table = ["search", "cars.csv", "--target", "price"]
    assert command(*table, "--test-file", "more.csv", "--out", "run") == 0
    split = aw.open_run("run").config.task.split
    assert "20 test" in split
    Path("more.csv").write_text("\n".join(["doors,weight,price", *rows[41:]]))
    with pytest.raises(RunError, match="changed since the run began"):
        aw.resume("run", progress=False)
    assert command("search", "digits", "--test-file", "more.csv") == 2
    assert "--test-file goes with a CSV file only" in capsys.readouterr().err


def test_a_table_is_compared_with_scikit_learn_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from archwright.cli import main

    def command(*words: str) -> str:
        capfd.readouterr()
        with pytest.raises(SystemExit) as exited:
            main(list(words))
        assert not exited.value.code
        return capfd.readouterr().out

    monkeypatch.chdir(tmp_path)
    rows = [f"{i % 7},{'red' if i % 3 else 'blue'},{i % 7 + 10 * (i % 3 == 0)}.5" for i in range(90)]
    Path("cars.csv").write_text("\n".join(["doors,color,price", *rows]))
    table = ["search", "cars.csv", "--target", "price", "--trials", "1", "--epochs", "2", "--retrain", "1"]
    shown = json.loads(command(*table, "--out", "run", "--json"))["classical"]
    assert shown.keys() == {"linear_regression", "hist_gradient_boosting"}
    assert shown["linear_regression"]["test"]["r2"] > 0.99
    for text in (Path("run/best/card.md").read_text(), Path("run/report.html").read_text()):
        assert "linear regression" in text
        assert "better than the network" in text
    assert "By test R², linear regression (1) " in command("show", "run")
    aw.resume("run", progress=False)
    assert aw.open_run("run").classical == shown
    assert json.loads(command(*table, "--out", "other", "--no-baseline", "--json"))["classical"] is None
