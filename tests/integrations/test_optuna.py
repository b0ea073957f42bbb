from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import numpy as np
import pytest
from torch import nn

import archwright as aw
from archwright.errors import UsageError

optuna = pytest.importorskip("optuna", reason="Optuna is not installed: pip install 'archwright[optuna]'")

from optuna.trial import TrialState as State  # noqa: E402

from archwright.integrations.optuna import export_study  # noqa: E402


def task() -> aw.tasks.Task:
    drawn = np.random.default_rng(0)
    inputs = drawn.normal(size=(80, 4))
    return aw.tasks.from_arrays(inputs, (inputs[:, 0] > 0).astype(int), name="signs")


class Sum(nn.Module):
    """Applies some of four layers, and scales their sum."""

    def __init__(self, layers: list[nn.Module], chosen: tuple[int, ...], scale: float) -> None:
        super().__init__()
        self.layers, self.chosen, self.scale = nn.ModuleList(layers), chosen, scale

    def forward(self, x: Any) -> Any:
        return self.scale * sum(self.layers[i](x) for i in self.chosen)


def space() -> aw.Space:
    """Every kind of decision, and one that is active only under another."""
    width = aw.integer(8, 64, step=8, name="width")
    inner = aw.repeat(aw.layer(nn.Linear, width, width), aw.integer(0, 2, name="depth"))
    activation = aw.choice(
        {
            "relu": aw.layer(nn.ReLU),
            "leaky": aw.layer(nn.LeakyReLU, aw.real(0.01, 0.5, log=True, name="slope")),
        },
        name="activation",
    )
    heads = aw.layer(
        Sum,
        [aw.layer(nn.Linear, width, 2) for _ in range(4)],
        aw.subset(4, (1, 4), name="heads"),
        aw.real(0.5, 2.0, name="scale"),
    )
    bias = aw.boolean(name="bias")
    return aw.Space(
        aw.layer(nn.Sequential, aw.layer(nn.Linear, 4, width, bias=bias), inner, activation, heads),
        name="all kinds",
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aw.Run:
    folder = tmp_path_factory.mktemp("optuna") / "signs"
    return aw.search(
        space(),
        task(),
        strategy="random",
        objectives=["accuracy", "params<=3000"],
        budget=aw.Budget(trials=8),
        recipe=aw.Recipe(epochs=3),
        pruner="threshold",
        pruner_options={"below": 0.6},
        retrain=1,
        baseline=False,
        onnx=False,
        progress=False,
        accelerator="cpu",
        out=folder,
    ).run


def test_optuna_reads_back_what_the_run_has(run: aw.Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    export_study(run, url)
    study = optuna.load_study(study_name="signs", storage=url)
    assert study.direction.name == "MAXIMIZE"
    assert study.metric_names == ["accuracy"]
    states = {
        "completed": State.COMPLETE,
        "pruned": State.PRUNED,
        "infeasible": State.FAIL,
        "failed": State.FAIL,
    }
    assert [trial.state for trial in study.trials] == [states[str(trial.state)] for trial in run.trials]
    assert {str(trial.state) for trial in run.trials} >= {"completed", "pruned", "infeasible"}, (
        "the test must see these"
    )
    for ours, theirs in zip(run.trials, study.trials, strict=True):
        for address, value in ours.architecture.items():
            if address == "heads":
                assert tuple(i for i in range(4) if theirs.params[f"heads[{i}]"]) == value
            else:
                assert theirs.params[address] == value
        assert ("slope" in " ".join(theirs.params)) == (ours.architecture["activation"] == "leaky")
        assert theirs.user_attrs["params"] == ours.metrics["params"]
        assert theirs.system_attrs["constraints"] == [max(0, ours.metrics["params"] - 3000)]
        if ours.is_measured:
            assert theirs.value == ours.metrics["accuracy"]
            assert list(theirs.intermediate_values.values()) == [
                p["accuracy"] for p in ours.measurement.curve
            ]
            assert theirs.duration.total_seconds() == pytest.approx(ours.seconds, abs=1e-3)
    within = [trial for trial in run.trials if trial.state is aw.TrialState.COMPLETED]
    assert study.best_value == max(trial.metrics["accuracy"] for trial in within)
    assert study.user_attrs["test/accuracy"] == run.test["accuracy"]
    (winner,) = [t for t in study.trials if "retrained/accuracy" in t.user_attrs]
    assert winner.number == study.user_attrs["winner"] == run.winner.number


def test_the_dashboard_shows_what_the_run_has(run: aw.Run, tmp_path: Path) -> None:
    dashboard = pytest.importorskip("optuna_dashboard")
    url = f"sqlite:///{tmp_path}/study.db"
    export_study(run, url)
    app = dashboard.wsgi(optuna.storages.RDBStorage(url))

    def told(path: str) -> dict[str, Any]:
        environment: dict[str, Any] = {"PATH_INFO": path}
        setup_testing_defaults(environment)
        answer: dict[str, Any] = json.loads(b"".join(app(environment, lambda *_: None)))
        return answer

    (listed,) = told("/api/studies")["study_summaries"]
    assert listed["study_name"] == "signs"
    trials = told(f"/api/studies/{listed['study_id']}")["trials"]
    assert len(trials) == len(run.trials)
    values = {trial["number"]: trial.get("values") for trial in trials}
    for trial in run.trials:
        if trial.state is aw.TrialState.COMPLETED:
            assert values[trial.number] == [pytest.approx(trial.metrics["accuracy"])]


def test_optuna_can_go_on_with_the_study(run: aw.Run, tmp_path: Path) -> None:
    study = export_study(run, f"sqlite:///{tmp_path}/study.db", name="mine")
    study.sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=1)
    trial = study.ask({name: d for t in study.trials for name, d in t.distributions.items()})
    assert set(trial.params) >= {"width", "bias"}


def test_several_objectives_keep_their_directions(run: aw.Run, tmp_path: Path) -> None:
    found = aw.search(
        space(),
        task(),
        strategy="random",
        objectives=["accuracy", "params"],
        budget=aw.Budget(trials=3),
        recipe=aw.Recipe(epochs=1),
        retrain=0,
        progress=False,
        out=tmp_path / "run",
    )
    study = export_study(found.run, f"sqlite:///{tmp_path}/study.db")
    assert [way.name for way in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert {trial.number for trial in study.best_trials} == set(found.run.pareto)


@pytest.mark.slow
def test_the_command_writes_a_study_once(run: aw.Run, tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "archwright",
        "export",
        str(run.folder),
        "--to-optuna",
        f"sqlite:///{tmp_path}/s.db",
    ]
    first = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (first.returncode, first.stdout, first.stderr) == (0, "signs\n", "")
    again = subprocess.run(words, capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "has a study 'signs' already; give another name with --study" in again.stderr
    mixed = subprocess.run([*words, "--trial", "1"], capture_output=True, text=True, check=False)
    assert (mixed.returncode, "leave out --trial" in mixed.stderr) == (2, True)


def test_a_storage_that_cannot_be_opened_is_told_without_its_password(run: aw.Run) -> None:
    with pytest.raises(UsageError, match="optuna cannot open the storage nodb") as told:
        export_study(run, "nodb://me:secret@somewhere/x")
    assert "secret" not in str(told.value)
