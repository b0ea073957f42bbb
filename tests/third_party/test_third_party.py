"""Names that another package adds are found by the command; the folder beside this file stands for site-packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, "-m", "archwright", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "always"},
        capture_output=True,
        text=True,
        check=False,
    )


def listed(folder: Path, *words: str) -> dict[str, Any]:
    ran = command(folder, "list", *words, "--json")
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize(
    ("kind", "name", "summary"),
    [
        ("strategies", "strider", "Every so many-th of a row of random architectures."),
        ("spaces", "hedge", "Perceptrons with one hidden layer."),
        ("tasks", "seeds", "Which of two numbers is larger."),
        ("pruners", "frost", "Stops every trial at its first report."),
        ("meters", "units", "The number of neurons of all linear layers."),
    ],
)
def test_names_of_another_package_are_listed(tmp_path: Path, kind: str, name: str, summary: str) -> None:
    assert listed(tmp_path, kind)[name] == summary


def test_options_of_another_package_are_listed(tmp_path: Path) -> None:
    assert listed(tmp_path, "spaces", "hedge") == {
        "widths": {
            "type": "Sequence[int]",
            "required": False,
            "summary": "Of the hidden layer.",
            "default": [4, 8],
        }
    }


def test_what_cannot_be_loaded_is_listed_with_the_reason(tmp_path: Path) -> None:
    known = listed(tmp_path, "tables")
    assert "the module 'plants.missing' cannot be imported: ModuleNotFoundError" in known["wilted"]
    assert "nas-bench-101" in known


def test_a_name_that_is_taken_is_left_out_with_a_warning(tmp_path: Path) -> None:
    ran = command(tmp_path, "list", "strategies")
    assert "independent random architectures" in ran.stdout
    assert "plants adds the strategy 'random', a name that is taken; it is left out" in ran.stderr


def test_a_search_of_nothing_but_another_package(tmp_path: Path) -> None:
    words = ["search", "seeds", "--space", "hedge", "--strategy", "strider", "--option", "stride=3"]
    goals = ["--objective", "accuracy", "--objective", "units", "--limit", "units<=7"]
    quick = ["--trials", "2", "--epochs", "1", "--retrain", "0", "--device", "cpu", "--out", "run", "--json"]
    ran = command(tmp_path, *words, *goals, *quick)
    assert ran.returncode == 0, ran.stderr
    shown = json.loads(ran.stdout)
    assert (shown["task"], shown["space"], shown["strategy"]) == ("seeds", "hedge", "strider")
    assert shown["objectives"] == ["maximize accuracy", "minimize units <= 7"]
    assert {trial["state"] for trial in shown["trials"]} == {"completed", "infeasible"}
    for trial in shown["trials"]:
        (width,) = trial["architecture"].values()
        assert trial["metrics"]["units"] == width + 2
        assert trial["state"] == ("completed" if width == 4 else "infeasible")


def test_a_pruner_of_another_package_stops_trials(tmp_path: Path) -> None:
    words = ["search", "seeds", "--space", "hedge", "--pruner", "frost", "--pruner-option", "step=2"]
    quick = ["--trials", "2", "--epochs", "4", "--retrain", "0", "--device", "cpu", "--out", "run", "--json"]
    ran = command(tmp_path, *words, *quick)
    assert ran.returncode in (0, 1), (
        ran.stderr
    )  # nothing is completed, so there may be nothing to show as the best
    shown = json.loads(command(tmp_path, "show", "run", "--json").stdout)
    assert {trial["state"] for trial in shown["trials"]} == {"pruned"}


def test_a_wrong_option_of_another_package_is_told(tmp_path: Path) -> None:
    ran = command(
        tmp_path, "search", "seeds", "--space", "hedge", "--strategy", "strider", "--option", "strid=3"
    )
    assert ran.returncode == 2
    assert "the strategy 'strider' has no option 'strid'. Did you mean 'stride'" in ran.stderr
