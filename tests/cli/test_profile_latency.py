"""Files of latency as a user measures them, carries them over and searches by them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SPACE = """
import archwright as aw
from torch import nn

def space():
    width = aw.integer(8, 64, step=8, name="width")
    layers = [aw.layer(nn.Conv2d, 1, width, aw.choice(1, 3, name="kernel")), aw.layer(nn.ReLU)]
    head = [aw.layer(nn.AdaptiveAvgPool2d, 1), aw.layer(nn.Flatten), aw.layer(nn.Linear, width, 10)]
    return aw.Space(aw.layer(nn.Sequential, *layers, *head))
"""


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """Of a command on a small space."""
    (tmp_path / "mine.py").write_text(SPACE)
    return ["digits", "--space", f"{tmp_path / 'mine.py'}:space", "--device", "cpu"]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "sample"), [("table", 40), ("predictor", 4)])
def test_a_file_is_measured_carried_over_and_searched_by(
    archwright: Callable[..., Any], words: list[str], tmp_path: Path, kind: str, sample: int
) -> None:
    here, there = tmp_path / "here.json", tmp_path / "there.json"
    ran = archwright("profile", *words, f"--{kind}", str(here), "--sample", str(sample))
    assert ran.code == 0, ran.err
    assert "threads 1, runtime eager" in ran.out
    assert "networks that were measured whole: " in ran.out
    batch = ("--meter-option", "latency_ms.batch=8")
    ran = archwright("profile", *words, "--transfer", str(here), f"--{kind}", str(there), *batch)
    assert ran.code == 0, ran.err
    assert "before: " in ran.out
    assert "after 10 measurements: " in ran.out
    first, second = (json.loads(one.read_text()) for one in (here, there))
    assert first["kind"] == second["kind"]
    assert (first["setting"]["batch"], second["setting"]["batch"]) == (1, 8)
    assert first["device"] == second["device"]
    assert first["calibration"] != second["calibration"]
    run = tmp_path / "run"
    ran = archwright(
        "search", *words, "-n", "2", "--epochs", "1", "--retrain", "1", "--no-baseline", "--format", "none",
        "--limit", "latency_ms<=100", "--meter-option", f"latency_ms.file={there}", "--out", str(run),
    )  # fmt: skip
    assert ran.code == 0, ran.err
    told = json.loads(archwright("show", str(run), "--json").out)["measured"]["latency_ms"]
    assert told["predicted"] > 0
    assert told["measured"] > 0


def test_a_file_that_is_missing_or_has_no_place_is_refused(
    archwright: Callable[..., Any], words: list[str], tmp_path: Path
) -> None:
    for options, told in (
        (("--transfer", "none.json", "--predictor", "out.json"), "none.json: cannot be read"),
        (("--transfer", "none.json"), "expected --table FILE or --predictor FILE, too"),
        (
            ("--table", "out.json", "--meter-option", "latency_ms.file=x"),
            "says nothing of how networks are run",
        ),
    ):
        ran = archwright("profile", *words, *options)
        assert ran.code == 2
        assert told in ran.err
