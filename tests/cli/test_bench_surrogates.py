"""`archwright bench surrogates`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from .conftest import Ran

Command = Callable[..., Ran]
WORDS = ("bench", "surrogates")
TABLE = ("--table", "nas-bench-graph:proteins")


def test_a_published_table(archwright: Command) -> None:
    words = (
        *WORDS,
        *TABLE,
        "--surrogates",
        "gp,forest",
        "--sizes",
        "20,40",
        "--seeds",
        "2",
        "--tested",
        "200",
    )
    ran = archwright(*words, "--out", "out", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["table"], told["objective"]) == ("nas-bench-graph:proteins", "roc_auc")
    assert set(told["results"]) == {"gp", "forest"}
    assert set(told["results"]["gp"]) == {"20", "40"}
    assert "8 of 8 rankings done" in ran.err
    assert len(pd.read_parquet("out/surrogates.parquet")) == 8
    again = archwright(*words, "--objective", "latency")
    assert again.code == 0, again.err
    folder = Path("bench/nas-bench-graph-proteins")
    assert (folder / "surrogates.md").read_text() in again.out
    assert (folder / "surrogates.png").is_file()
    assert "Top-10 regret, latency" in again.out


def test_a_file_of_columns(archwright: Command) -> None:
    rows = [
        {"a": a, "b": b, "run_1": a * b / 10, "run_2": a / 10, "test": a, "time": 1.0}
        for a in range(6)
        for b in range(6)
    ]
    pd.DataFrame(rows).to_csv("results.csv", index=False)
    ran = archwright(
        *WORDS, "--table", "results.csv", "-o", "max:accuracy", "--metric", "accuracy=run_1,run_2", "--test", "test",
        "--seconds", "time", "--surrogates", "gp", "--sizes", "20", "--k", "3", "--seeds", "2",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "of 16 networks" in ran.out
    assert "Top-3 regret" in ran.out


def test_an_interrupt_writes_the_seeds_that_are_finished(tmp_path: Path) -> None:
    words = (*WORDS, *TABLE, "--surrogates", "gp", "--sizes", "20", "--seeds", "400", "--out", "out")
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "archwright", *words],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "400 rankings\n"
    assert process.stderr.readline() == "40 of 400 rankings done\n"
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=240)
    assert process.returncode == 130, told
    assert "of 400 seeds are finished and written" in told
    assert "Traceback" not in told
    tidy = pd.read_parquet(tmp_path / "out" / "surrogates.parquet")
    assert list(tidy.seed) == list(range(len(tidy)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "bench surrogates: expected a table"),
        (("--table", "nas-bench-graph:corra"), "Did you mean 'cora'"),
        ((*TABLE, "--surrogates", "forrest"), "Did you mean 'forest'"),
        ((*TABLE, "--sizes", "many"), "expected whole numbers"),
        ((*TABLE, "--sizes", "5000"), "expected sizes from 2 to"),
        ((*TABLE, "--objective", "speed"), "has no objective 'speed'"),
        ((*TABLE, "--k", "0"), "k from 1 to tested"),
        ((*TABLE, "--metric", "x=y"), "go with a file of columns only"),
    ],
)
def test_wrong_use_exits_with_2(archwright: Command, words: tuple[str, ...], message: str) -> None:
    ran = archwright(*WORDS, *words)
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_options_before_the_sub_command_are_refused(archwright: Command) -> None:
    ran = archwright("bench", *TABLE, "surrogates")
    assert ran.code == 2
    assert "archwright bench surrogates --table" in ran.err
