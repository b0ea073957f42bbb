"""Fidelities from what a user writes to what a run records, shows and retrains."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from torch import nn

import archwright as aw
from archwright.cli.output import as_dict
from archwright.errors import UsageError
from archwright.experiments import RunConfig
from archwright.objectives import Objective
from archwright.reports.table import top_table
from archwright.session.fidelities import check_fidelity, fidelity_for
from archwright.spaces.zoo import make_space
from archwright.strategies.multi_fidelity import ASHA
from archwright.tasks import make_task
from archwright.trials import Fidelity, FidelityRange


def narrow() -> Any:
    width = aw.integer(4, 32, step=4, name="width")
    second = aw.choice(0, 8, 16, name="second")
    return aw.Space(aw.layer(Net, width, second), name="narrow")


class Net(nn.Sequential):
    def __init__(self, width: int, second: int) -> None:
        rest = [nn.Linear(width, second), nn.ReLU()] if second else []
        super().__init__(nn.Flatten(), nn.LazyLinear(width), nn.ReLU(), *rest, nn.Linear(second or width, 10))


def searched(tmp_path: Path, **options: Any) -> Any:
    given = {
        "strategy": "asha",
        "fidelity": "epochs=1..4",
        "strategy_options": {"eta": 2},
        "retrain": 0,
        **options,
    }
    return aw.search(
        narrow(),
        "digits",
        out=tmp_path / "run",
        budget=aw.Budget(trials=6),
        recipe=aw.Recipe(epochs=4),
        baseline=False,
        progress=False,
        onnx=False,
        **given,
    )


@pytest.mark.slow
def test_a_search_by_rungs_from_end_to_end(tmp_path: Path) -> None:
    run = searched(tmp_path, retrain=1).run
    assert run.state == "completed"
    assert sum(trial.candidate.is_new for trial in run.trials) == 6
    epochs = [trial.candidate.effort.epochs for trial in run.trials]
    assert set(epochs) == {1, 2, 4}
    for trial in run.trials:
        assert [point["epoch"] for point in trial.measurement.curve] == list(
            range(1, trial.candidate.effort.epochs + 1)
        )
    full = [trial for trial in run.trials if trial.candidate.effort.epochs == 4]
    best = max(full, key=lambda trial: (trial.metrics["accuracy"], -trial.metrics["loss"]))
    assert run.best.number == best.number
    assert [trial.number for trial in run.retrained] == [best.number]
    assert run.winner.candidate.effort == Fidelity()
    assert all(row.cells[-2] == "4 epochs" for row in top_table(run).rows)
    shown = json.loads(json.dumps(as_dict(run)))
    assert shown["best"]["architecture"] == best.architecture.to_json()
    assert {trial["inherit"] for trial in shown["trials"]} == {"nothing", "continue"}
    assert not list((tmp_path / "run" / "checkpoints").glob("search-*"))  # nothing goes on any more
    assert (tmp_path / "run" / "best" / "model.py").is_file()
    report = (tmp_path / "run" / "report.html").read_text()
    assert "1 epoch to 4 epochs" in report
    assert RunConfig.read(tmp_path / "run").fidelity == FidelityRange(Fidelity(1), Fidelity(4))


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "name", ["successive_halving", "hyperband", "pasha", "bohb", "priorband", "progressive_hurdles"]
)
def test_each_method_searches(tmp_path: Path, name: str) -> None:
    options = {"m": 2} if name == "progressive_hurdles" else {}
    run = searched(tmp_path, strategy=name, strategy_options=options, fidelity="epochs=1..3").run
    assert sum(trial.candidate.is_new for trial in run.trials) == 6
    assert max(trial.candidate.effort.epochs for trial in run.trials) == 3
    assert run.best.candidate.effort.epochs == 3


def test_rungs_are_one_training_cut_into_pieces(tmp_path: Path) -> None:
    run = searched(tmp_path).run
    trial = max(run.trials, key=lambda trial: trial.candidate.effort.epochs)
    training = aw.Training(narrow(), make_task("digits"), aw.Recipe(epochs=4))
    _, whole = training.fit(aw.Candidate(trial.architecture))
    assert trial.metrics["loss"] == whole.metrics["loss"]


@pytest.mark.slow
def test_seeds_as_the_resource(tmp_path: Path) -> None:
    """A race: who is promising is looked at under more seeds, and no seed is trained twice."""
    run = searched(tmp_path, fidelity="replicates=1..4,epochs=1").run
    assert {trial.candidate.effort.replicates for trial in run.trials} == {1, 2, 4}
    further = [trial for trial in run.trials if not trial.candidate.is_new]
    assert {trial.candidate.inherit for trial in further} == {"continue"}
    assert run.best.candidate.effort.replicates == 4
    training = aw.Training(narrow(), make_task("digits"), aw.Recipe(epochs=4))
    alone = [
        training.fit(aw.Candidate(run.best.architecture, Fidelity(1, replicate=i)))[1].metrics["loss"]
        for i in range(4)
    ]
    assert run.best.metrics["loss"] == pytest.approx(fmean(alone), rel=1e-9)
    assert run.best.metrics["loss_standard_error"] == pytest.approx(stdev(alone) / 2, rel=1e-9)
    shown = json.loads(json.dumps(as_dict(run)))
    assert shown["trials"][run.best.number]["fidelity"]["replicates"] == 4
    assert any("mean of 4 replicates" in str(row.cells) for row in top_table(run).rows)


@pytest.mark.slow
def test_folds_are_a_cross_validation(tmp_path: Path) -> None:
    run = searched(
        tmp_path, strategy="random", strategy_options={}, fidelity="folds=3,epochs=1", retrain=1
    ).run
    assert {trial.candidate.effort for trial in run.trials} == {Fidelity(1, folds=3, replicates=3)}
    assert all(trial.metrics["accuracy_standard_error"] > 0 for trial in run.trials)
    assert run.winner.candidate.effort == Fidelity()  # retrained once, on the task's own split


def test_a_strategy_that_is_an_object_has_a_range_of_its_own(tmp_path: Path) -> None:
    space = narrow()
    objectives = [Objective("accuracy")]
    strategy = ASHA(
        space, objectives, fidelity=FidelityRange(Fidelity(1), Fidelity(3)), eta=3, sampler="evolution"
    )
    result = aw.search(
        space,
        "digits",
        strategy=strategy,
        out=tmp_path / "run",
        budget=aw.Budget(trials=4),
        retrain=0,
        progress=False,
    )
    assert {trial.candidate.effort.epochs for trial in result.run.trials} == {1, 3}


@pytest.mark.parametrize(
    ("given", "strategy", "expected"),
    [
        ("epochs=2..8", "asha", "epochs=2..8"),
        (Fidelity(), "hyperband", "epochs=1..20"),
        (Fidelity(6, 0.5), "asha", "epochs=1..6,data=0.5"),
        (Fidelity(6), "random", "epochs=6"),
    ],
)
def test_a_range_begins_at_one_epoch_where_none_is_given(given: Any, strategy: str, expected: str) -> None:
    assert fidelity_for(given, strategy, 20) == FidelityRange.parse(expected)


@pytest.mark.parametrize(
    ("given", "strategy", "told"),
    [
        ("epochs=2..8", "random", "which random does not; take --strategy asha"),
        ("epochs=2..8", "darts", "which darts does not"),
        ("epochs=1", "asha", "1 epoch leaves none; give one"),
    ],
)
def test_a_range_without_a_strategy_that_moves_over_it_is_refused(
    given: str, strategy: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        fidelity_for(given, strategy, 20)


@pytest.mark.parametrize(
    ("space", "task", "fidelity", "told"),
    [
        ("chain", "digits", "cells=2", r"'chain' has no option 'cells' to scale. Known: width"),
        ("chain", "digits", "width=0", "expected a positive number for 'width'"),
        ("nasbench201", "digits", "cels=2", "Did you mean 'cells'"),
        ("nasbench201", "digits", "epoch=2", "Did you mean 'epochs'"),
        ("chain", "digits", "resolution=9", "take at most 8"),
        ("mlp", "breast_cancer", "resolution=4", "leave it out"),
        ("mlp", "breast_cancer", "folds=1000", "take fewer"),
    ],
)
def test_what_a_fidelity_cannot_do_is_told_before_the_search(
    space: str, task: str, fidelity: str, told: str
) -> None:
    made = make_task(task)
    with pytest.raises(UsageError, match=told):
        check_fidelity(FidelityRange.parse(fidelity), make_space(space, *made.signature()), made)


def test_an_image_that_is_too_small_for_the_network_is_told_before_the_search() -> None:
    deep = aw.Space(aw.layer(Pools, aw.choice(3, 2, name="times")), name="pools")
    with pytest.raises(
        UsageError, match=r"does not build at resolution 4.*take a larger resolution or scale"
    ):
        check_fidelity(FidelityRange.parse("resolution=4..8"), deep, make_task("digits"))


class Pools(nn.Sequential):
    def __init__(self, times: int) -> None:
        super().__init__(*(nn.MaxPool2d(2) for _ in range(times)), nn.Flatten(), nn.LazyLinear(10))


def test_a_task_with_batches_of_its_own_has_no_shares() -> None:
    made = make_task("digits")

    class Own(type(made)):  # type: ignore[misc]
        def batches(self, part: Any, plan: Any, network: Any = None) -> Any:
            return super().batches(part, plan, network)

    made.__class__ = Own
    for text, told in (("data=0.5", "a share of the data"), ("folds=2", "leave folds out")):
        with pytest.raises(UsageError, match=told):
            check_fidelity(FidelityRange.parse(text), make_space("chain", *made.signature()), made)


def test_fidelities_of_several_kinds_at_once(tmp_path: Path) -> None:
    wanted = "epochs=1..2,data=0.5..1,resolution=4..8,folds=3,replicate=1"
    run = searched(tmp_path, strategy="hyperband", strategy_options={"eta": 2}, fidelity=wanted).run
    efforts = {trial.candidate.effort for trial in run.trials}
    assert efforts == {
        Fidelity(1, 0.5, 1, 2, resolution=4, folds=3),
        Fidelity(2, 1.0, 1, 2, resolution=8, folds=3),
    }
    further = [trial for trial in run.trials if not trial.candidate.is_new]
    assert further
    assert {trial.candidate.inherit for trial in further} == {"architecture"}
    assert sum(trial.candidate.is_new for trial in run.trials) == 6


@pytest.mark.slow
def test_a_search_by_rungs_that_is_killed_goes_on_to_the_same_trials(tmp_path: Path) -> None:
    """`kill -9` in the middle, twice; then configuration, resource, parent and scores are those of an unbroken run."""

    def command(out: str) -> list[str]:
        words = "search digits --space chain --strategy asha --trials 12 --retrain 1 --no-baseline --no-onnx"
        return [
            sys.executable, "-m", "archwright", *words.split(), "--fidelity", "epochs=1..9", "--epochs", "9",
            "--out", out,
        ]  # fmt: skip

    def shown(out: str) -> list[tuple[Any, ...]]:
        done = subprocess.run(
            [sys.executable, "-m", "archwright", "show", out, "--json"],
            cwd=tmp_path,
            capture_output=True,
            check=True,
        )
        keys = ("number", "state", "architecture", "fidelity", "parent", "inherit", "metrics")
        return [tuple(trial[key] for key in keys) for trial in json.loads(done.stdout)["trials"]]

    subprocess.run(command("whole"), cwd=tmp_path, check=True, capture_output=True)
    process = subprocess.Popen(
        command("broken"), cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    for least in (3, 9):
        limit = time.monotonic() + 300
        while time.monotonic() < limit:
            found = list((tmp_path / "broken" / "checkpoints").glob("search-*"))
            if any(int(path.name.split("-")[1]) >= least for path in found):
                break
            assert process.poll() is None
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        again = [sys.executable, "-m", "archwright", "resume", "broken"]
        process = subprocess.Popen(again, cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert process.wait(600) == 0
    assert shown("broken") == shown("whole")
    assert (tmp_path / "broken" / "best" / "model.py").is_file()
