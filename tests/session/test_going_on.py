"""What a user can mend is mended by going on: a full disk, a limit, a password, a search that had not begun."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

import archwright as aw
from archwright.errors import RunError, SearchError
from archwright.experiments import InlineExecutor, RunConfig, checkpoints, open_store
from archwright.experiments.store import without_secrets

QUICK: dict[str, Any] = {"recipe": aw.Recipe(epochs=1), "progress": False, "onnx": False, "baseline": False}


def search(out: Path, **more: Any) -> aw.Result:
    return aw.search("mlp", "diabetes", out=out, **{"budget": aw.Budget(trials=2), **QUICK, **more})


@pytest.mark.sampled(4)
@pytest.mark.parametrize("strategy", ["successive_halving", "hyperband", "asha", "cascade"])
def test_a_search_by_rungs_that_has_ended_goes_on_with_a_larger_budget(tmp_path: Path, strategy: str) -> None:
    """Twice, and a second time after the first session of it was lost before its first trial."""
    kwargs: dict[str, Any] = {"strategy": strategy, "fidelity": "epochs=1..3", "retrain": 0}
    search(tmp_path / "run", **{**kwargs, "budget": aw.Budget(trials=4)})
    for trials in (7, 8):
        result = aw.resume(tmp_path / "run", budget=aw.Budget(trials=trials), progress=False, onnx=False)
        assert result.state == "completed"
        assert sum(trial.candidate.is_new for trial in result.trials) == trials
        assert all(trial.state == "completed" for trial in result.trials)
        assert max(trial.candidate.effort.epochs or 0 for trial in result.trials) == 3
        effort = [(trial.candidate.effort, trial.architecture) for trial in result.trials]
        assert len(set(effort)) == len(effort)
    assert not [message for message in result.run.messages if "did not repeat" in message]


def test_hill_climbing_that_has_ended_goes_on_from_the_weights_that_it_found(tmp_path: Path) -> None:
    how: dict[str, Any] = {"strategy_options": {"children": 2}, "estimator": "morphism", "retrain": 0}
    search(tmp_path / "run", strategy="hill_climbing", budget=aw.Budget(trials=4), **how)
    result = aw.resume(tmp_path / "run", budget=aw.Budget(trials=7), progress=False, onnx=False)
    assert [trial.state for trial in result.trials] == ["completed"] * 7
    assert any(trial.candidate.inherit == "morph" for trial in result.trials[4:])


@pytest.mark.sampled(2)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_retraining_that_could_not_be_kept_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(*args: object, **more: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_file", refused)
        with pytest.raises((RunError, SearchError), match=f"{os.strerror(number)}.*make room on its disk"):
            search(tmp_path / "run", retrain=2)
    assert aw.open_run(tmp_path / "run").state == "failed"
    assert list((tmp_path / "run" / "checkpoints").glob("*.safetensors*")) == []
    result = aw.resume(tmp_path / "run", progress=False, onnx=False)
    assert result.state == "completed"
    assert [trial.error for trial in result.run.retrained] == [None, None]
    assert result.model() is not None


@pytest.mark.slow
def test_the_limit_of_the_search_holds_for_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: dict[str, set[float | None]] = {}
    submit = InlineExecutor.submit

    def noted(self: InlineExecutor[Any, Any], job: Any) -> None:
        limits.setdefault(str(job.stage), set()).add(self.time_limit)
        submit(self, job)

    monkeypatch.setattr(InlineExecutor, "submit", noted)
    search(tmp_path / "run", retrain=1, time_limit=300.0, baseline=True)
    assert limits == {"search": {300.0}, "retrain": {None}, "baseline": {None}}


def test_a_limit_can_be_raised(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="over the time limit"):
        search(tmp_path / "run", retrain=0, time_limit=0.001)
    raised = aw.resume(tmp_path / "run", time_limit=60, budget=aw.Budget(trials=4), progress=False)
    assert [trial.state for trial in raised.trials] == ["failed"] * 2 + ["completed"] * 2
    assert RunConfig.read(tmp_path / "run").executor.time_limit == 60


def test_a_refused_resume_changes_nothing(tmp_path: Path) -> None:
    folder = search(tmp_path / "run", retrain=0).folder
    before = (folder / "experiment.json").read_text()
    with open_store(folder, RunConfig.read(folder)) as store:
        store.lock()
        with pytest.raises(RunError, match="open in another process"):
            aw.resume(folder, budget=aw.Budget(trials=500), time_limit=3, progress=False)
    assert (folder / "experiment.json").read_text() == before


def test_a_search_that_was_killed_before_its_record_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(RunConfig, "write", lambda self, folder: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path / "run")
    assert (tmp_path / "run" / "trials.sqlite").exists()
    assert not (tmp_path / "run" / "experiment.json").exists()
    assert search(tmp_path / "run", retrain=0).state == "completed"


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", ["a?b", "a%20b", "a#b", "a;b=c"])
def test_paths_are_not_read_as_urls(tmp_path: Path, name: str) -> None:
    folder = search(tmp_path / name, retrain=0).folder
    assert (folder / "trials.sqlite").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {name}
    assert len(aw.open_run(folder).trials) >= 2


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:SECRET@host:5432/db",
        "postgresql://me:SEC%2FRET@host/db?sslmode=require",
        "postgresql://me@host/db?password=SECRET&sslpassword=SECRET",
    ],
)
def test_secrets_are_taken_out_of_urls(url: str) -> None:
    kept = sqlalchemy.make_url(without_secrets(url))
    assert "SEC" not in str(kept)
    assert "***" not in str(kept)
    assert (kept.username, kept.host, kept.database) == ("me", "host", "db")
    assert without_secrets("sqlite:///a.sqlite") == "sqlite:///a.sqlite"


@pytest.mark.slow
def test_no_secret_is_under_the_folder_and_the_kept_url_works(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archwright.cli import main

    url = sqlalchemy.make_url(postgres).set(password="hunter2 of /mine")
    given = url.render_as_string(hide_password=False)
    monkeypatch.chdir(tmp_path)
    name = f"run{tmp_path.name[-8:]}"
    words = [
        "search",
        "diabetes",
        "--space",
        "mlp",
        "--trials",
        "1",
        "--epochs",
        "1",
        "--no-baseline",
        "--no-onnx",
    ]
    with pytest.raises(SystemExit) as exited:
        main([*words, "--retrain", "1", "--store", given, "--out", name])
    assert not exited.value.code
    texts = {p: p.read_bytes() for p in Path(name).rglob("*") if p.is_file()}
    assert {p.name for p in texts} >= {"experiment.json", "report.html", "card.md"}
    for path, content in texts.items():
        assert b"hunter2" not in content, path
    kept = json.loads((tmp_path / name / "experiment.json").read_text())["store"]
    assert "***" not in kept
    assert aw.open_run(name).state == "completed"  # the server trusts whoever comes, as with PGPASSWORD
    config = RunConfig.read(Path(name))
    nowhere = url.set(port=1).render_as_string(hide_password=False)
    replace(config, store=without_secrets(nowhere)).write(Path(name))
    assert aw.open_run(name, store=given).state == "completed"
    for command in (["show"], ["report"], ["export", "--no-onnx"], ["resume", "--no-onnx"]):
        with pytest.raises(SystemExit) as exited:
            main([command[0], name, *command[1:], "--store", given])
        assert not exited.value.code, command


def test_a_space_that_has_no_source_gives_weights_and_a_warning(tmp_path: Path) -> None:
    from torch import nn

    secret = object()

    class Odd(nn.Linear):
        def __init__(self, inputs: int, outputs: int, held: object) -> None:
            super().__init__(inputs, outputs)
            self.held = held

        def forward(self, x: Any) -> Any:
            assert self.held is secret
            return super().forward(x)

    width = aw.choice(4, 8, name="width")
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(Odd, 10, width, secret), aw.layer(nn.Linear, width, 1)))
    heard: list[str] = []

    class Ears(aw.experiments.Listener):
        def log(self, text: str) -> None:
            heard.append(text)

    with pytest.warns(aw.errors.ArchwrightWarning, match="its weights are in checkpoints/"):
        result = aw.search(space, "diabetes", retrain=1, listener=Ears(), out=tmp_path / "run", **QUICK)
    assert result.state == "completed"
    assert result.test is not None
    told = next(i for i, text in enumerate(heard) if "kept as weights only" in text)
    assert told < next(i for i, text in enumerate(heard) if "search ended" in text)
