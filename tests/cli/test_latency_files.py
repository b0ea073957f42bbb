"""A lookup table from the command line, and searches that use it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import SPACE, Ran

Command = Callable[..., Ran]


@pytest.mark.slow
def test_a_table_is_written_and_limits_a_search_and_a_supernet(archwright: Command, tmp_path: Path) -> None:
    file = tmp_path / "table.json"
    ran = archwright(
        "profile", "digits", "-s", SPACE, "--table", str(file), "--device", "cpu", "--sample", "40"
    )
    assert ran.code == 0, ran.err
    assert "networks that were measured whole: " in ran.out
    written = json.loads(file.read_text())
    assert written["kind"] == "lookup_table"
    assert written["setting"]["batch"] == 1

    brief = ("-n", "3", "--epochs", "1", "--retrain", "1", "--no-baseline", "--no-onnx", "--device", "cpu")
    option = ("--meter-option", f"latency_ms.file={file}")
    ran = archwright(
        "search", "digits", "-s", SPACE, "-l", "latency_ms<=1000", *option, "--out", "run", *brief
    )
    assert ran.code == 0, ran.err
    assert re.search(r"latency.ms of the chosen network: .* predicted, .* measured at the end", ran.out)
    shown = json.loads(archwright("show", "run", "--json").out)
    told = shown["measured"]["latency_ms"]
    assert told["predicted"] == pytest.approx(shown["best"]["metrics"]["latency_ms"])
    assert told["measured"] > 0
    assert told["measured"] != told["predicted"]


def test_wrong_options_of_a_table_exit_with_2(archwright: Command) -> None:
    ran = archwright("profile", "digits", "--table", "t.json", "--meter-option", "latency_ms.bach=8")
    assert ran.code == 2
    assert "Did you mean 'latency_ms.batch'?" in ran.err
