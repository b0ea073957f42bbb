"""What trackers are told, read back by the packages themselves."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archwright as aw
from archwright.errors import ArchwrightWarning, MissingExtraError, UsageError
from archwright.experiments import NamedConfig, RunConfig
from archwright.experiments.finalists import REPEAT
from archwright.session.tracked import followed_by
from archwright.trackers import (
    TRACKERS,
    MLflowTracker,
    Tracker,
    WandbStyleTracker,
    make_trackers,
    named_trackers,
)
from archwright.trials import TrialState

Read = dict[str, tuple[dict[str, Any], dict[str, list[tuple[int, float]]]]]
"""Entry to parameters and to curves by metric."""


def task() -> aw.tasks.Task:
    drawn = np.random.default_rng(0)
    inputs = drawn.normal(size=(80, 4))
    return aw.tasks.from_arrays(inputs, (inputs[:, 0] > 0).astype(int), name="signs")


def read_tensorboard(where: Path) -> Read:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    found: Read = {}
    for folder in {file.parent for file in where.rglob("events*")}:
        events = EventAccumulator(str(folder)).Reload()
        curves = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
        kept = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
        values = HParamsPluginData.FromString(kept).session_start_info.hparams
        parameters = {name: getattr(value, value.WhichOneof("kind")) for name, value in values.items()}
        found["" if folder == where else str(folder.relative_to(where))] = (parameters, curves)
    return found


def read_mlflow(uri: str) -> Read:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("archwright")
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    found: Read = {}
    for run in runs:
        is_parent = run is parent
        assert is_parent or run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.info.status == "FINISHED"
        curves = {
            name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]
            for name in run.data.metrics
        }
        parameters = {**run.data.params, "state": run.data.tags["archwright.state"]}
        found["" if is_parent else run.info.run_name] = (parameters, curves)
    return found


def read_trackio(project: str) -> Read:
    from trackio.sqlite_storage import SQLiteStorage

    found: Read = {}
    for name in SQLiteStorage.get_runs(project):
        group, _, entry = name.partition("/")
        config = SQLiteStorage.get_run_config(project, name)
        assert config["_Group"] == group
        curves: dict[str, list[tuple[int, float]]] = {}
        for row in SQLiteStorage.get_logs(project, name):
            for metric, value in row.items():
                if metric not in ("step", "timestamp"):
                    curves.setdefault(metric, []).append((row["step"], value))
        found["" if entry == "run" else entry] = (config, curves)
    return found


SLOW = pytest.mark.slow  # MLflow needs ten seconds to be loaded and to make its tables


@pytest.fixture(scope="module", params=["tensorboard", "trackio", pytest.param("mlflow", marks=SLOW)])
def tracked(
    request: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, str, Callable[[], Read]]]:
    """A run, the tracker that it was told to, and what reads that back."""
    folder = tmp_path_factory.mktemp(request.param)
    uri = f"sqlite:///{folder}/mlflow.db"
    tracker, read = {
        "tensorboard": ("tensorboard", lambda: read_tensorboard(folder / "run" / "tensorboard")),
        "trackio": ("trackio=signs", lambda: read_trackio("signs")),
        "mlflow": (f"mlflow={uri}", lambda: read_mlflow(uri)),
    }[request.param]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trackio.utils.TRACKIO_DIR", folder / "trackio")
        patch.setattr("trackio.sqlite_storage.TRACKIO_DIR", folder / "trackio")
        result = aw.search(
            "mlp",
            task(),
            strategy="random",
            objectives=["accuracy", "params<=30000"],
            budget=aw.Budget(trials=3),
            recipe=aw.Recipe(epochs=2),
            retrain=1,
            repeats=2,
            tracker=tracker,
            out=folder / "run",
            onnx=False,
            progress=False,
            accelerator="cpu",
        )
        yield result, tracker, read


def test_the_readers_cover_all_trackers() -> None:
    assert set(TRACKERS) == {"tensorboard", "trackio", "mlflow"}


def test_every_trial_is_read_back_as_the_store_has_it(tracked: Any) -> None:
    result, _, read = tracked
    found, run = read(), result.run
    expected = {f"search-{trial.number:04}": trial for trial in run.trials if trial.is_measured}
    expected |= {f"retrain-{trial.number:04}": trial for trial in run.retrained}
    (again,) = [trial for trial in run.repeated if trial.number % REPEAT == run.retrained[0].number]
    expected |= {f"retrain-{again.number % REPEAT:04}-repeat-1": again}
    (hand_made,) = run.compared
    expected |= {"baseline": run.baseline, "baseline-repeat-1": hand_made}
    assert set(found) == {"", *expected}
    for entry, trial in expected.items():
        parameters, curves = found[entry]
        for address, value in trial.architecture.items():
            assert parameters[address] in (value, str(value))
        assert parameters["state"] == "completed"
        for metric, value in trial.metrics.items():
            assert curves[f"final/{metric}"][-1][1] == pytest.approx(value, rel=1e-6)
        points = [(point["step"], point["loss"]) for point in trial.measurement.curve]
        assert len(points) == 2
        assert curves["loss"] == [(step, pytest.approx(value, rel=1e-6)) for step, value in points]
    settings, results = found[""]
    assert (settings["task"], settings["strategy"]) == ("signs", "random")
    assert results["final/test/accuracy"][-1][1] == pytest.approx(run.test["accuracy"], rel=1e-6)


def test_a_resumed_run_goes_on_and_tells_nothing_twice(tracked: Any) -> None:
    result, _, read = tracked
    before = read()
    trials = sum(trial.is_measured for trial in result.trials) + 1
    longer = aw.resume(
        result.folder,
        space=result.space,
        task=task(),
        budget=aw.Budget(trials=trials),
        onnx=False,
        progress=False,
    )  # the record says who is told
    after = read()
    new = set(after) - set(before)
    assert {f"search-{t.number:04}" for t in longer.trials[len(result.trials) :] if t.is_measured} <= new
    for entry in set(before) - {""}:
        assert after[entry] == before[entry]


class Failing(Tracker):
    """Raises at one verb, and notes what it is told."""

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.told: list[tuple[Any, ...]] = []

    where = "failing"

    def _note(self, verb: str, *told: Any) -> None:
        self.told.append((verb, *told))
        if verb == self.verb:
            raise ConnectionError("the server is away")

    def open(self, folder: Path, name: str) -> None:
        self._note("open")

    def begin(self, entry: str, parameters: Any) -> None:
        self._note("begin", entry)

    def log(self, entry: str, step: int, metrics: Any) -> None:
        self._note("log", entry, step)

    def end(self, entry: str, metrics: Any, state: TrialState) -> None:
        self._note("end", entry)

    def close(self) -> None:
        self._note("close")


@pytest.mark.parametrize("verb", ["open", "begin", "log", "end", "close"])
def test_a_tracker_that_raises_costs_no_trial_and_is_told_of_once(verb: str, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"out": tmp_path / "run", "progress": False, "accelerator": "cpu"}
    tracker, other = Failing(verb), Failing("")
    other.where = "other"
    with pytest.warns(ArchwrightWarning, match="ConnectionError: the server is away") as warned:
        result = aw.search(
            "mlp",
            task(),
            budget=aw.Budget(trials=2),
            recipe=aw.Recipe(epochs=1),
            retrain=0,
            tracker=[tracker, other],
            **asked,
        )
    assert len(warned) == 1
    assert [trial.state for trial in result.trials] == [TrialState.COMPLETED] * 2
    assert [told[0] for told in tracker.told].count(verb) == 1
    assert tracker.told[-1][0] == verb
    assert [told for told in other.told if told[0] == "end"] == [
        ("end", "search-0000"),
        ("end", "search-0001"),
        ("end", ""),
    ]
    assert any("the server is away" in text for _, text in aw.open_run(result.folder).messages)
    again = Failing("")
    aw.resume(tmp_path / "run", task=task(), tracker=again, progress=False)
    missed = [told for told in again.told if told[0] == "end" and told[1]]
    ended = [told for told in tracker.told if told[0] == "end" and told[1] and verb != "end"]
    assert missed == [("end", f"search-{n:04}") for n in range(len(ended), 2)]


def test_names_are_checked_before_anything_is_run(tmp_path: Path) -> None:
    for given, message in [
        (["tensorbord"], "Did you mean 'tensorboard'"),
        (["mlflow="], "expected a tracker as NAME or NAME=WHERE"),
        (["tensorboard", "tensorboard"], "given twice"),
        (["tensorboard=a", "no=b"], "unknown tracker 'no'"),
        ([3], "expected a tracker or the name of one, got 3"),
    ]:
        with pytest.raises(UsageError, match=message):
            aw.search("mlp", task(), tracker=given, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_options_of_trackers_are_checked(tmp_path: Path) -> None:
    (tracker,) = make_trackers([f"tensorboard={tmp_path}"])
    (same,) = make_trackers(["tensorboard"], {"tensorboard.directory": str(tmp_path)})
    assert tracker.where == same.where
    with pytest.raises(UsageError, match="no option 'dir'"):
        make_trackers(["tensorboard"], {"tensorboard.dir": "x"})
    with pytest.raises(
        UsageError, match=r"'mlflow.experiment' is an option of a tracker that is not asked for"
    ):
        make_trackers(["tensorboard"], {"mlflow.experiment": "x"})


def test_a_place_holds_in_every_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["tensorboard=logs", "mlflow=sqlite:///a/mlflow.db", "trackio=digits"]
    options = [one.options for one in named_trackers(given) if isinstance(one, NamedConfig)]
    assert options == [
        {"directory": str(tmp_path / "logs")},
        {"uri": f"sqlite:///{tmp_path}/a/mlflow.db"},
        {"project": "digits"},
    ]
    fixed = ["mlflow=sqlite:////x/mlflow.db", "mlflow=https://mlflow.example.org"]
    kept = [one.options["uri"] for one in named_trackers(fixed) if isinstance(one, NamedConfig)]
    assert kept == [text.removeprefix("mlflow=") for text in fixed]


def test_resume_goes_on_telling_whom_it_told_unless_told_otherwise(tmp_path: Path) -> None:
    folder, quick = tmp_path / "run", {"progress": False, "onnx": False}
    common = {"recipe": aw.Recipe(epochs=1), "retrain": 0, "accelerator": "cpu", "strategy": "random"}
    found = aw.search(
        "mlp",
        task(),
        budget=aw.Budget(1),
        tracker=[f"tensorboard={tmp_path / 'logs'}"],
        out=folder,
        **common,
        **quick,
    )
    written = tmp_path / "logs" / "run"

    def resumed(trials: int, **more: Any) -> set[str]:
        parts = {"space": found.space, "task": task(), "budget": aw.Budget(trials)}
        aw.resume(folder, **parts, **quick, **more)
        return {path.name for path in written.glob("search-*")}

    assert len(resumed(2)) == 2
    assert len(resumed(3, tracker="tensorboard")) == 2, "it is told elsewhere now"
    assert len(list((folder / "tensorboard").glob("search-*"))) == 3
    assert RunConfig.read(folder).trackers == (NamedConfig(name="tensorboard"),)
    resumed(4, tracker=())
    assert RunConfig.read(folder).trackers == ()
    assert len(list((folder / "tensorboard").glob("search-*"))) == 3


def test_passwords_are_not_kept() -> None:
    pytest.importorskip("mlflow")
    records, (tracker,) = followed_by("mlflow=https://me:secret@mlflow.example.org")
    assert records[0].options == {"uri": "https://me@mlflow.example.org"}
    assert "secret" in tracker.where


def test_any_package_with_three_functions_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "plain_wandb.py").write_text(
        "calls = []\n"
        "def init(*, project, name, group, config):\n"
        "    print('hello')\n"
        "    calls.append(('init', project, name, group, config))\n"
        "def log(metrics, step):\n"
        "    calls.append(('log', step, metrics))\n"
        "def finish():\n"
        "    calls.append(('finish',))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (tracker,) = make_trackers(["trackio=p"], {"trackio.module": "plain_wandb"})
    tracker.open(tmp_path / "run", "run")
    for number in (0, 1):  # two trials at once
        tracker.begin(f"search-000{number}", {"width": number})
    tracker.log("search-0001", 5, {"loss": 0.5})
    tracker.log("search-0000", 7, {"loss": 0.25})
    tracker.end("search-0001", {"accuracy": 1.0}, TrialState.COMPLETED)
    tracker.close()
    assert importlib.import_module("plain_wandb").calls == [
        ("init", "p", "run/search-0001", "run", {"width": 1, "state": "completed"}),
        ("log", 5, {"loss": 0.5}),
        ("log", 6, {"final/accuracy": 1.0}),
        ("finish",),
    ]
    assert capsys.readouterr().out == ""


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(MissingExtraError, match=r"'no_such_wandb'.*archwright\[tracking\]"):
        WandbStyleTracker(module="no_such_wandb")


@SLOW
def test_mlflow_sends_no_usage_statistics() -> None:
    code = (
        "from archwright.trackers import make_trackers; make_trackers(['mlflow']);"
        "from mlflow.telemetry.utils import is_telemetry_disabled; print(is_telemetry_disabled())"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.stdout.strip() == "True", process.stderr


def test_two_runs_in_one_folder_of_logs_stand_beside_each_other(tmp_path: Path) -> None:
    (tracker,) = make_trackers([f"tensorboard={tmp_path}"])
    for name in ("one", "two"):
        tracker.open(tmp_path / "runs" / name, name)
        tracker.begin("", {"seed": 1})
        tracker.end("", {"test/accuracy": 0.5}, TrialState.COMPLETED)
    assert {file.parent.name for file in tmp_path.rglob("events*")} == {"one", "two"}


@SLOW
def test_mlflow_goes_on_with_a_trial_that_was_cut_short(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for step in (1, 2):
        tracker = MLflowTracker(uri)
        tracker.open(tmp_path / "run", "run")
        tracker.begin("", {})
        tracker.begin("search-0000", {"width": 3})
        tracker.log("search-0000", step, {"accuracy": 0.1 * step})
        if step == 2:
            tracker.end("search-0000", {}, TrialState.COMPLETED)
            tracker.end("", {}, TrialState.COMPLETED)
        tracker.close()
    found = read_mlflow(uri)
    assert set(found) == {"", "search-0000"}
    assert [step for step, _ in found["search-0000"][1]["accuracy"]] == [1, 2]
