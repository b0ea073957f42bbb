"""`archwright judge`, and what `show` says of its run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from .conftest import SPACE, Ran

WORDS = ["--space", SPACE, "--sample", "5", "--search-epochs", "2", "--batch-size", "256"]


def test_judge_prints_a_row_for_each_estimate(archwright: Callable[..., Ran]) -> None:
    ran = archwright("judge", "digits", *WORDS, "--estimator", "short", "--estimator", "surrogate:forest")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0].split() == ["Spearman", "Kendall", "nDCG@10", "s/network", "s", "before", "networks"]
    assert {line.split()[0] for line in lines[1:3]} == {"short", "surrogate:forest"}
    assert "accuracy of 5 networks trained at 2 epochs, " in lines[3]
    assert "suffices" in lines[-1]
    shown = archwright("show", "runs/digits-judge")
    assert lines[-1] in shown.out.splitlines()
    told = json.loads(archwright("show", "runs/digits-judge", "--json").out)["judgement"]
    assert {one["name"] for one in told["scores"]} == {"short", "surrogate:forest"}


def test_judge_prints_json_alone(archwright: Callable[..., Ran]) -> None:
    ran = archwright("judge", "digits", *WORDS, "--estimator", "subset", "--json", "--threshold", "-1")
    told = json.loads(ran.out)
    assert (told["networks"], told["state"], told["threshold"]) == (5, "completed", -1)
    (one,) = told["scores"]
    assert one["networks"] == 5
    assert archwright("judge", "digits", *WORDS, "--estimator", "no").code == 2


def test_judge_takes_a_fidelity_as_search_does(archwright: Callable[..., Ran]) -> None:
    words = [
        "judge",
        "digits",
        "--space",
        SPACE,
        "--sample",
        "5",
        "--estimator",
        "short",
        "--batch-size",
        "256",
    ]
    assert archwright(*words, "--fidelity", "epochs=2,resolution=4", "--out", "small").code == 0
    told = json.loads(archwright("show", "small", "--json").out)
    assert {(one["fidelity"]["epochs"], one["fidelity"]["resolution"]) for one in told["trials"]} == {(2, 4)}
    assert "trained at 2 epochs, resolution 4, " in archwright("show", "small").out
    for given, cure in (
        (["--fidelity", "epochs=1..4"], "give single values"),
        (["--fidelity", "epochs=2", "--search-epochs", "2"], "given twice"),
        (["--fidelity", "resolution=9"], "take at most 8"),
    ):
        ran = archwright(*words, *given, "--out", "none")
        assert ran.code == 2
        assert cure in ran.err


@pytest.mark.slow
def test_a_judge_that_is_killed_goes_on(archwright: Callable[..., Ran]) -> None:
    """By `kill -9`, in the midst of the cheap estimates: what was scored is not scored again."""
    words = [
        "judge",
        "digits",
        *WORDS,
        "--estimator",
        "params",
        "--estimator",
        "short",
        "--estimator",
        "subset",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "archwright", *words],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("judging short"):
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert json.loads(archwright("show", "runs/digits-judge", "--json").out)["judgement"] is None
    told = "judging has not ended: 5 networks of 5 trained fully, no verdict on 3 cheap estimates yet"
    assert told in archwright("show", "runs/digits-judge").out
    ran = archwright(
        "search",
        "digits",
        "--space",
        SPACE,
        "--estimator",
        "auto",
        "--estimator-option",
        "judge=runs/digits-judge",
    )
    assert ran.code == 2
    assert "go on with: archwright resume runs/digits-judge" in ran.err
    ran = archwright("resume", "runs/digits-judge")
    assert ran.code == 0, ran.err
    assert "judging: 5 trials, 5 of them done before" in ran.err
    assert "suffices" in ran.out
    told = json.loads(archwright("show", "runs/digits-judge", "--json").out)["judgement"]
    assert {(one["name"], one["networks"]) for one in told["scores"]} == {
        ("params", 5),
        ("short", 5),
        ("subset", 5),
    }
