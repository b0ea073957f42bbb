"""The commands that read a run, and those that list what is built in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Ran

Command = Callable[..., Ran]


def test_show_json_has_the_fields_of_the_design(archwright: Command, finished_run: Path) -> None:
    shown = json.loads(archwright("show", str(finished_run), "--json").out)
    assert {
        "name", "state", "space", "strategy", "seed", "seconds", "best", "test", "baseline", "pareto", "trials",
    } <= shown.keys()  # fmt: skip
    assert {"number", "architecture", "metrics"} <= shown["best"].keys()
    for trial in shown["trials"]:
        assert {"number", "state", "metrics", "fidelity", "seconds", "error"} <= trial.keys()
    numbers = {trial["number"] for trial in shown["trials"]}
    assert set(shown["pareto"]) <= numbers
    assert shown["best"]["metrics"]["params"] <= 700
    assert shown["baseline"]["test"]["accuracy"] > 0


def test_show_tells_people_the_same(archwright: Command, finished_run: Path) -> None:
    shown = archwright("show", str(finished_run)).out
    assert "completed" in shown
    assert "test accuracy" in shown
    assert "hand-made" in shown


def test_report_is_written_where_asked(archwright: Command, finished_run: Path, tmp_path: Path) -> None:
    ran = archwright("report", str(finished_run), "--to", "page.html")
    assert ran.code == 0
    assert "<html" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_export_writes_the_winner_and_trains_another_trial(
    archwright: Command, finished_run: Path, tmp_path: Path
) -> None:
    ran = archwright("export", str(finished_run), "--to", "winner", "--no-onnx")
    assert ran.code == 0, ran.err
    assert (tmp_path / "winner" / "model.py").exists()
    shown = json.loads(archwright("show", str(finished_run), "--json").out)
    trained = {trial["number"] for trial in shown["retrained"]}
    other = next(
        t["number"] for t in shown["trials"] if t["state"] == "completed" and t["number"] not in trained
    )
    ran = archwright("export", str(finished_run), "--trial", str(other), "--to", "other", "--no-onnx")
    assert ran.code == 0, ran.err
    assert json.loads((tmp_path / "other" / "architecture.json").read_text())
    ran = archwright("export", str(finished_run), "--trial", "9999")
    assert ran.code == 2
    assert "no trial 9999" in ran.err


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("spaces", "chain"),
        ("tasks", "digits"),
        ("strategies", "evolution"),
        ("estimators", "training"),
        ("executors", "processes"),
        ("objectives", "params"),
    ],
)
def test_list_names_what_is_built_in(archwright: Command, kind: str, name: str) -> None:
    assert name in archwright("list", kind).out
    assert name in json.loads(archwright("list", kind, "--json").out)


def test_a_run_in_another_process_is_not_resumed(archwright: Command, finished_run: Path) -> None:
    from archwright.experiments import RunConfig, open_store

    with open_store(finished_run, RunConfig.read(finished_run)) as store:
        store.lock()
        ran = archwright("resume", str(finished_run))
    assert ran.code == 2
    assert "open in another process" in ran.err
