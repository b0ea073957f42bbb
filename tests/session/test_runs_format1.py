"""Run folders that the released version 0.1 wrote: each opens, and is resumed or says why not."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

import archwright as aw
from archwright.cli import main
from archwright.references import load_object

OLD = Path(__file__).parent / "runs_format1"
SHOWN: dict[str, Any] = json.loads((OLD / "shown.json").read_text())
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command where the old folders are; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(OLD))

    def run(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as exited:
            main(words)
        printed = capfd.readouterr()
        return int(exited.value.code or 0), printed.out, printed.err

    return run


@pytest.fixture(params=sorted(SHOWN))
def old(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A copy of one of the folders, in the working folder; its database is loaded where it is PostgreSQL's."""
    name: str = request.param
    folder = tmp_path / name
    shutil.copytree(OLD / name, folder)
    if name == "postgres":
        url = loaded(request.getfixturevalue("postgres"), (folder / "rows.sql").read_text())
        settings = json.loads((folder / "experiment.json").read_text())
        (folder / "experiment.json").write_text(json.dumps({**settings, "store": url}))
    return name


def loaded(server: str, rows: str) -> str:
    """The URL of a new database with the rows of a dump."""
    base = sqlalchemy.make_url(server)
    name = f"old_{uuid.uuid4().hex}"
    for database, statements in (
        (base, [f"CREATE DATABASE {name}"]),
        (base.set(database=name), rows.split(";\n")),
    ):
        engine = sqlalchemy.create_engine(database, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in filter(str.strip, statements):
                connection.exec_driver_sql(statement)
        engine.dispose()
    return base.set(database=name).render_as_string(hide_password=False)


def test_show_says_what_the_released_version_said(command: Run, old: str) -> None:
    code, out, errors = command("show", old, "--json")
    assert code == 0, errors
    shown = json.loads(out)
    assert_holds(shown, SHOWN[old])
    code, out, errors = command("show", old)
    assert code == 0, errors
    assert out.startswith(f"{old}: {SHOWN[old]['state']}")


def assert_holds(now: Any, before: Any, where: str = "show") -> None:
    """Everything that was there is there still; there may be more."""
    if isinstance(before, dict):
        assert before.keys() <= now.keys(), where
        for key, value in before.items():
            assert_holds(now[key], value, f"{where}.{key}")
    elif isinstance(before, list):
        assert len(now) == len(before), where
        for i, value in enumerate(before):
            assert_holds(now[i], value, f"{where}[{i}]")
    elif isinstance(before, float):
        assert now == pytest.approx(before), where
    else:
        assert now == before, where


def test_the_report_is_written(command: Run, old: str) -> None:
    code, _, errors = command("report", old, "--to", "page.html")
    assert code == 0, errors
    page = Path("page.html").read_text(encoding="utf-8")
    assert f"<title>{old}" in page or old in page
    best = SHOWN[old]["best"]
    assert best is None or str(best["number"]) in page


def test_the_winner_is_exported(command: Run, old: str) -> None:
    if old == "from_python":
        perceptron = load_object(f"{OLD / 'format1_objects.py'}:perceptron")
        folder = aw.export_trial(
            old, space=perceptron(), task=aw.tasks.diabetes(seed=3), onnx=False, to="net"
        )
        assert (folder / "model.py").exists()
    code, _, errors = command("export", old, "--no-onnx", "--to", "exported", "--trust")
    if old == "from_python":
        assert code == 2
        assert "was begun from Python" in errors
    elif SHOWN[old]["test"] is None:
        assert code == 2
        assert "no winner yet" in errors
    else:
        assert code == 0, errors
        assert {"model.py", "weights.safetensors", "card.md"} <= {p.name for p in Path("exported").iterdir()}


@pytest.mark.sampled(2)
def test_it_is_resumed_or_says_why_not(command: Run, old: str) -> None:
    """With one trial more where it was finished."""
    before = SHOWN[old]
    if old == "from_python":
        perceptron = load_object(f"{OLD / 'format1_objects.py'}:perceptron")
        space = perceptron()
        given = {"space": space, "task": aw.tasks.diabetes(seed=3), "onnx": False, "progress": False}
        strategy = aw.strategies.RandomSearch(space, seed=2)
        result = aw.resume(old, strategy=strategy, budget=aw.Budget(trials=5), **given)
        kept(before["trials"], [trial.number for trial in result.trials if trial.state == "completed"], 5)
        return
    code, _, errors = command("resume", old, "--no-onnx", "--trials", str(more := completed(before) + 1))
    if code == 2:
        assert "0.1.0" in errors
        return
    if old == "failed":
        assert code == 1
        assert "no trial was completed" in errors
        return
    shown = json.loads(command("show", old, "--json")[1])
    assert code == 0, errors
    assert shown["state"] == "completed"
    kept(before["trials"], [t["number"] for t in shown["trials"] if t["state"] == "completed"], more)
    assert shown["test"].keys() >= {"loss"}


def completed(shown: dict[str, Any]) -> int:
    return sum(trial["state"] == "completed" for trial in shown["trials"])


def kept(before: list[dict[str, Any]], now: list[int], most: int) -> None:
    """No completed trial is lost, and the budget is met unless the proposals ended."""
    done = [trial["number"] for trial in before if trial["state"] == "completed"]
    assert set(done) <= set(now)
    assert len(now) <= most
