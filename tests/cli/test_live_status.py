"""`archwright logs` and `show --follow` on live searches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archwright.experiments import open_run

from .conftest import Ran
from .live import live_search, until

Command = Callable[..., Ran]


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "on_ray"), [(1, False), (2, False), (2, True)])
def test_a_live_search_says_what_runs_where_and_what_it_prints(
    archwright: Command, tmp_path: Path, request: pytest.FixtureRequest, workers: int, on_ray: bool
) -> None:
    where = ["--ray-address", request.getfixturevalue("ray_cluster")] if on_ray else []
    run = tmp_path / "run"
    begins = "a training of width"
    with live_search(tmp_path, "--trials", "3", "--workers", str(workers), *where, seconds=600.0) as process:
        until(lambda: (run / "experiment.json").exists() and len(open_run(run).running) == workers, process)
        until(lambda: begins in archwright("logs", str(run), "0").out, process)
        shown = json.loads(archwright("show", str(run), "--json").out)
        assert [one["number"] for one in shown["running"]] == list(range(workers))
        places = {one["place"] for one in shown["running"]}
        assert len(places) == workers
        assert all(one["seconds"] >= 0.0 and one["attempt"] == 0 for one in shown["running"])
        if workers == 1:
            assert places == {f"{os.uname().nodename}:{process.pid}"}
        people = archwright("show", str(run)).out
        assert f"{workers} running" in people
        told = archwright("logs", str(run), "0").out
        assert "attempt 0 begins on" in told
        assert "a warning of the training" in told
        assert "search trial 0 is running" in told
        words = [sys.executable, "-m", "archwright"]
        follow = subprocess.Popen(
            [*words, "show", str(run), "--follow", "--json"], stdout=subprocess.PIPE, text=True
        )
        live = subprocess.Popen(
            [*words, "logs", str(run), "0", "--follow"], stdout=subprocess.PIPE, text=True
        )
        assert follow.stdout is not None
        first = json.loads(follow.stdout.readline())
        assert first["state"] == "running"
        (tmp_path / "go").touch()
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, (out, err)
    assert on_ray or begins in out + err  # shown as ever; those of other nodes are in the logs
    lines = [json.loads(line) for line in follow.communicate(timeout=300)[0].splitlines()]
    assert lines[-1]["state"] == "completed"
    assert lines[-1]["running"] == []
    assert all(trial["state"] == "completed" for trial in lines[-1]["trials"])
    printed, _ = live.communicate(timeout=300)
    assert (
        printed.index(begins) < printed.index("it goes on") < printed.index("search trial 0 completed after")
    )
    kept = json.loads(archwright("logs", str(run), "0", "--json").out)
    (attempt,) = kept["attempts"]
    assert attempt["text"].splitlines()[1:] == ["a warning of the training", "it goes on"]
    assert (kept["stage"], kept["state"], kept["error"]) == ("search", "completed", None)


@pytest.mark.slow
def test_what_a_killed_trial_printed_is_kept_with_its_next_attempt(
    archwright: Command, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with live_search(tmp_path, "--trials", "1", seconds=600.0) as process:
        until(
            lambda: (run / "experiment.json").exists() and "begins" in archwright("logs", str(run), "0").out,
            process,
        )
        until(lambda: "a warning of the training" in archwright("logs", str(run), "0").out, process)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    (tmp_path / "go").touch()
    assert archwright("resume", str(run)).code == 0
    kept = json.loads(archwright("logs", str(run), "0", "--json").out)
    assert [attempt["attempt"] for attempt in kept["attempts"]] == [0, 1]
    assert [attempt["text"].count("a warning of the training") for attempt in kept["attempts"]] == [1, 1]
    assert kept["attempts"][0]["place"] != kept["attempts"][1]["place"]


def test_what_there_is_no_log_of_is_told(archwright: Command, finished_run: Path) -> None:
    ran = archwright("logs", str(finished_run), "99")
    assert ran.code == 2
    assert "no trial 99 of the stage 'search'; there are 0 to" in ran.err
    assert "expected --follow or --json" in archwright("logs", str(finished_run), "--follow", "--json").err
    assert "search ended: 3 trials" in archwright("logs", str(finished_run)).out
    said = json.loads(archwright("logs", str(finished_run), "--json").out)
    assert any("search ended" in message["text"] for message in said)
    trained = archwright("logs", str(finished_run), "0").out
    assert "search trial 0" in trained
