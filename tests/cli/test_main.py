"""The command as a whole: help, exit codes, errors without tracebacks, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import SPACE, Ran

Command = Callable[..., Ran]
QUICK = ("--space", SPACE, "--epochs", "1", "--no-baseline", "--no-onnx")


def test_help_names_every_command_and_the_exit_codes(archwright: Command) -> None:
    ran = archwright("--help")
    assert ran.code == 0
    for word in ("search", "resume", "show", "export", "report", "list", "Exit codes"):
        assert word in ran.out


@pytest.mark.parametrize("command", ["search", "resume", "show", "export", "report", "list"])
def test_each_command_has_help(archwright: Command, command: str) -> None:
    ran = archwright(command, "--help")
    assert ran.code == 0
    assert "Usage: " in ran.out
    assert len(ran.out.splitlines()) > 6


def test_version(archwright: Command) -> None:
    assert archwright("--version").out.startswith("archwright ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["serach", "digits"], "No such command"),
        (["search"], "Missing argument"),
        (["search", "digits", "--trails", "3"], "--trials"),
        (["search", "digits", "--trials", "many"], "valid integer"),
        (["search", "digits", "--trials", "0"], "at least 1 trial"),
        (["search", "digits", "--minutes", "-1"], "minutes > 0"),
        (["search", "digitz"], "Did you mean 'digits'"),
        (["search", "digits", "--space", "chian"], "Did you mean 'chain'"),
        (["search", "digits", "--strategy", "evoltion"], "Did you mean 'evolution'"),
        (["search", "digits", "--objective", "acuracy"], "Did you mean 'accuracy'"),
        (["search", "digits", "--limit", "params=5"], "expected NAME<=NUMBER"),
        (["search", "digits", "--option", "population"], "NAME=VALUE"),
        (
            ["search", "digits", "--strategy", "evolution", "--option", "populaton_size=3"],
            "Did you mean 'population_size'",
        ),
        (["search", "digits", "--epochs", "0"], "epochs"),
        (["search", "digits", "--search-fraction", "2"], "data_fraction"),
        (["search", "digits", "--target", "x"], "CSV"),
        (["search", "none.csv", "--target", "x"], "none.csv"),
        (["search", "none.py:task"], "no file none.py"),
        (["search", "digits", "--memory-limit", "-1"], "more than 0 GB"),
        (["search", "digits", "--device", "gpux"], "gpux"),
        (["show", "nowhere"], "no folder nowhere"),
        (["resume", "."], "no experiment.json"),
        (["report", "nowhere"], "no folder nowhere"),
        (["export", "nowhere"], "no folder nowhere"),
        (["list", "everything"], "everything"),
    ],
)
def test_wrong_usage_exits_with_two_and_says_the_cure(
    archwright: Command, words: list[str], told: str
) -> None:
    ran = archwright(*words)
    assert ran.code == 2
    assert told in " ".join(ran.err.split())
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert not Path("runs").exists()


def test_debug_shows_where_an_error_comes_from(archwright: Command) -> None:
    ran = archwright("show", "nowhere", "--debug")
    assert ran.code == 2
    assert "Traceback" in ran.err


def test_a_search_from_the_command_line_prints_one_json_object(archwright: Command) -> None:
    ran = archwright(
        "search", "digits", *QUICK, "--trials", "2", "--out", "runs/mine", "--json", "--retrain", "1"
    )
    assert ran.code == 0, ran.err
    printed = json.loads(ran.out)
    assert printed["state"] == "completed"
    assert printed["name"] == "mine"
    assert len(printed["trials"]) == 2
    assert printed["test"]["accuracy"] > 0
    assert "searching: 2 trials" in ran.err
    assert "2 done" in ran.err or "1 done" in ran.err
    command = json.loads(Path("runs/mine/experiment.json").read_text())["command"]
    assert command.startswith("archwright search digits --space ")


def test_a_failed_search_exits_with_one(archwright: Command) -> None:
    ran = archwright(
        "search", "digits", "--space", SPACE.replace(":space", ":broken"), "--epochs", "1", "--out", "x"
    )
    assert ran.code == 1
    assert "does not run on an input of shape (2, 1, 8, 8)" in ran.err
    assert "Traceback" not in ran.err
    shown = archwright("show", "x")
    assert shown.code == 0
    assert "failed" in shown.out


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """The command in a process of its own, up to its third trial."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "archwright",
            "search",
            "digits",
            *QUICK,
            "--trials",
            "1000",
            "--out",
            "run",
            *words,
        ],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and not (folder / "run" / "trials.sqlite").exists():
        time.sleep(0.1)
    from archwright.experiments import open_run

    while time.monotonic() < deadline and process.poll() is None:
        if (folder / "run" / "experiment.json").exists() and len(open_run(folder / "run").trials) >= 3:
            break
        time.sleep(0.1)
    return process


@pytest.mark.parametrize(
    "where",
    [
        pytest.param("here", marks=pytest.mark.slow),
        "processes",
        pytest.param("ray", marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_once_stops_after_the_running_trials(
    tmp_path: Path, request: pytest.FixtureRequest, where: str
) -> None:
    from archwright.experiments import open_run

    words = [] if where == "here" else ["--workers", "2"]
    if where == "ray":
        words += ["--ray-address", request.getfixturevalue("ray_cluster")]
    process = start(tmp_path, *words)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 130, errors
    assert "stopping after the running trials" in errors
    assert "archwright resume" in errors
    run = open_run(tmp_path / "run")
    assert run.state == "stopped"
    assert not any(trial.state == "running" for trial in run.trials)


@pytest.mark.slow
@pytest.mark.parametrize("on_ray", [False, True])
def test_ctrl_c_twice_stops_at_once_and_resume_goes_on(
    archwright: Command, tmp_path: Path, request: pytest.FixtureRequest, on_ray: bool
) -> None:
    from archwright.experiments import open_run

    where = ["--ray-address", request.getfixturevalue("ray_cluster")] if on_ray else []
    process = start(tmp_path, "--workers", "2", "--search-epochs", "30", *where)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "stopping after the running trials" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    before = open_run(tmp_path / "run")
    assert before.state == "stopped"
    done = [t for t in before.trials if t.state == "completed"]
    running = [t for t in before.trials if t.state == "running"]
    ran = archwright(
        "resume", "run", "--trials", str(len(done) + len(running)), "--workers", "1", "--json", "--no-onnx"
    )
    assert ran.code == 0, ran.err
    after = open_run(tmp_path / "run")
    assert after.state == "completed"
    assert [t for t in after.trials if t in done] == done
    assert {t.number for t in running} <= {t.number for t in after.trials if t.state == "completed"}
