"""What the command writes, whoever reads it: one object, a terminal without UTF-8, a reader that goes away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archwright.experiments.store import database

from .conftest import Ran

Command = Callable[..., Ran]
QUICK = ("--trials", "2", "--epochs", "1", "--retrain", "1", "--no-baseline", "--no-onnx", "--device", "cpu")

CHATTY = """
import os, sys
import archwright as aw
from torch import nn

print("imported")
os.system("echo from a child")


class Loud(nn.Linear):
    def forward(self, x):
        print("forward")
        return super().forward(x)


width = aw.choice(4, 8, name="width")
space = aw.Space(aw.layer(nn.Sequential, aw.layer(Loud, 10, width), aw.layer(nn.Linear, width, 1)))
"""


@pytest.mark.parametrize("workers", [pytest.param("1", marks=pytest.mark.slow), "2"])
def test_with_json_nothing_else_is_on_standard_output(tmp_path: Path, workers: str) -> None:
    (tmp_path / "chatty.py").write_text(CHATTY)
    words = ["search", "diabetes", "--space", "chatty.py:space", *QUICK, "--workers", workers, "--json"]
    ran = run(tmp_path, words, capture_output=True)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["state"] == "completed"
    for noise in (b"imported", b"from a child", b"forward"):
        assert noise in ran.stderr


def test_a_terminal_without_utf_8_ends_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    words = ["search", "diabetes", "--space", "mlp", *QUICK, "--out", "größe"]
    ran = run(tmp_path, words, capture_output=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert b"gr??e: completed" in ran.stdout


@pytest.mark.parametrize("words", [["show", "run"], ["list", "strategies"], ["show", "run", "--json"]])
def test_a_reader_that_goes_away_is_no_failure(finished_run: Path, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "run").symlink_to(finished_run)
    assert run_closed(tmp_path, words, "stdout").returncode == 0


def test_a_search_goes_on_when_nobody_reads_its_progress(tmp_path: Path) -> None:
    words = ["search", "diabetes", "--space", "mlp", *QUICK, "--out", "run"]
    ended = run_closed(tmp_path, words, "both")
    assert ended.returncode == 0
    shown = run(tmp_path, ["show", "run", "--json"], capture_output=True)
    assert json.loads(shown.stdout)["state"] == "completed"


def run(folder: Path, words: list[str], **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "archwright", *words], cwd=folder, check=False, **more)  # type: ignore[call-overload,no-any-return]


def run_closed(folder: Path, words: list[str], which: str) -> subprocess.CompletedProcess[bytes]:
    """The command with a pipe whose reading end is closed before it writes."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return run(folder, words, stdout=writing, stderr=writing if which == "both" else subprocess.DEVNULL)
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    "words",
    [
        ["search", "diabetes", *QUICK, "--out", "file.csv/run"],
        ["search", "diabetes", *QUICK, "--out", "x" * 300],
        ["search", "diabetes", *QUICK, "--memory-limit", "nan", "--workers", "2"],
        ["report", "run", "--to", "."],
        ["report", "run", "--to", "file.csv/page.html"],
        ["report", "run", "--to", "y" * 300],
        ["export", "run", "--no-onnx", "--to", "file.csv/net"],
        ["export", "run", "--no-onnx", "--to", "file.csv"],
        ["export", "run", "--no-onnx", "--to", "run"],
    ],
)
def test_an_unusable_path_is_wrong_usage(
    archwright: Command, finished_run: Path, tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "file.csv").write_text("a,b\n")
    (tmp_path / "run").symlink_to(finished_run)
    ran = archwright(*words)
    assert ran.code == 2, ran.err
    assert "not foreseen" not in ran.err


def test_a_module_that_ends_the_process_is_told(archwright: Command, tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text("import sys\nsys.exit()\n")
    ran = archwright("search", "digits", "--space", "ends.py:space")
    assert ran.code == 2
    assert "SystemExit" in ran.err


def test_a_run_in_a_folder_that_cannot_be_written_is_shown(
    archwright: Command, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name for path in finished_run.iterdir()}
    monkeypatch.setattr(database.os, "access", lambda path, mode: False)
    ran = archwright("show", str(finished_run), "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["state"] == "completed"
    assert {path.name for path in finished_run.iterdir()} == before


@pytest.mark.parametrize("closed", ["2>&-", "<&-", ">&- 2>&-"])
def test_a_stream_that_was_closed_before_is_no_failure(
    finished_run: Path, tmp_path: Path, closed: str
) -> None:
    (tmp_path / "run").symlink_to(finished_run)
    line = f"{sys.executable} -m archwright show run --json {closed}"
    ran = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ">&- 2" in closed or json.loads(ran.stdout)["state"] == "completed"
