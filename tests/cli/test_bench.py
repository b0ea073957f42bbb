"""`archwright bench`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from .conftest import Ran

Command = Callable[..., Ran]


def test_a_published_table(archwright: Command) -> None:
    words = ["bench", "--table", "nas-bench-graph:proteins", "--trials", "30", "--seeds", "3", "--out", "out"]
    ran = archwright(
        *words, "--strategies", "random,evolution", "--json", "--option", "evolution.population_size=10"
    )
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["table"] == "nas-bench-graph:proteins"
    assert set(told["results"]["random"]["30"]) == {"validation_regret", "test_regret"}
    tidy = pd.read_parquet("out/regret.parquet")
    assert list(tidy.columns) == ["strategy", "seed", "evaluations", "validation_regret", "test_regret"]
    assert len(tidy) == 2 * 3 * 30
    assert Path("out/regret.png").is_file()
    assert "6 searches" in ran.err
    again = archwright(*words, "--strategies", "random,evolution", "--option", "evolution.population_size=10")
    assert "6 of them done before" in again.err
    assert Path("out/summary.md").read_text() in again.out


def test_a_file_of_columns(archwright: Command) -> None:
    rows = [
        {"a": a, "b": b, "run_1": a * b / 10, "run_2": a / 10, "cost": a + b}
        for a in range(4)
        for b in range(4)
    ]
    pd.DataFrame(rows).to_csv("results.csv", index=False)
    ran = archwright(
        "bench", "--table", "results.csv", "-o", "max:accuracy", "-o", "min:cost", "--metric", "accuracy=run_1,run_2",
        "--runs", "drawn", "--trials", "10", "--seeds", "2", "--strategies", "random", "--limit", "cost<=5",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "hypervolume" in ran.out.lower()
    assert Path("bench/results.csv/regret.parquet").is_file()


@pytest.fixture
def comparison(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A long comparison with two processes that has finished some searches."""
    words = [
        "--table",
        "nas-bench-graph:proteins",
        "--strategies",
        "random",
        "--trials",
        "2000",
        "--out",
        "out",
    ]
    command = [sys.executable, "-m", "archwright", "bench", *words, "--jobs", "2", "--seeds", "10000"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    runs = tmp_path / "out" / "runs.jsonl"
    deadline = time.monotonic() + 240
    while not (runs.is_file() and runs.stat().st_size):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield process
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def test_an_interrupt_keeps_what_is_finished(comparison: subprocess.Popen[str], tmp_path: Path) -> None:
    os.killpg(comparison.pid, signal.SIGINT)  # as a terminal does: to every process of the command
    _, told = comparison.communicate(timeout=240)
    assert comparison.returncode == 130, told
    assert "the same command goes on" in told
    assert "Traceback" not in told
    lines = (tmp_path / "out" / "runs.jsonl").read_text().splitlines()
    assert all(json.loads(line)["evaluations"] == 2000 for line in lines)


def test_kill_minus_nine_leaves_no_process_behind(comparison: subprocess.Popen[str]) -> None:
    comparison.kill()
    # The pipe ends when the last process that holds it does.
    comparison.communicate(timeout=240)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a table"),
        (["--table", "nas-bench-graph:corra"], "Did you mean 'cora'"),
        (["--table", "nas-bench-101"], "published at https://github.com/google-research/nasbench"),
        (["--table", "nas-bench-201:cifar10", "--file", "none.pth"], "there is no file none.pth"),
        (["--table", "nas-bench-graph:proteins", "-o", "speed"], "has no objective 'speed'"),
        (["--table", "nas-bench-graph:proteins", "--strategies", "randon"], "Did you mean 'random'"),
        (["--table", "nas-bench-graph:proteins", "--option", "size=3"], "STRATEGY.NAME=VALUE"),
        (["--table", "none.csv"], "there is no file none.csv"),
        (["--table", "none.csv", "--metric", "x"], "NAME=COLUMN,COLUMN"),
    ],
)
def test_wrong_use_exits_with_2(archwright: Command, words: list[str], message: str) -> None:
    ran = archwright("bench", *words)
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err
