"""`archwright drain` on a live search: running trials end, none begins, and resume goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import archwright as aw
from archwright.experiments.interrupts import GLANCE
from archwright.trials import TrialState

from .conftest import Ran
from .live import live_search, until


def _begun(folder: Path, count: int) -> Callable[[], bool]:
    def is_so() -> bool:
        return (folder / "experiment.json").exists() and len(aw.open_run(folder).running) >= count

    return is_so


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "on_ray"), [(1, False), (2, False), (2, True)])
def test_a_live_search_drains_and_goes_on(
    archwright: Callable[..., Ran],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    workers: int,
    on_ray: bool,
) -> None:
    where = ["--ray-address", request.getfixturevalue("ray_cluster")] if on_ray else []
    run = tmp_path / "run"
    with live_search(tmp_path, "--trials", "6", "--workers", str(workers), *where, seconds=600.0) as process:
        until(_begun(run, workers), process)
        told = archwright("drain", str(run))
        assert told.code == 0, told.err
        assert "run drains" in told.out
        shown = json.loads(archwright("show", str(run), "--json").out)
        assert shown["draining"]
        assert shown["state"] == "running"
        time.sleep(2 * GLANCE)  # a search looks now and then; a trial this small takes a moment
        (tmp_path / "go").touch()
        out, err = process.communicate(timeout=300)
    assert process.returncode == 130, (out, err)
    assert "drained: stopping after the running trials" in err
    stopped = aw.open_run(run)
    assert stopped.state == "stopped"
    assert not stopped.draining
    # Those that ran were measured to their end, and no other was begun.
    assert {trial.state for trial in stopped.trials} == {TrialState.COMPLETED}
    assert workers <= len(stopped.trials) < 6
    ran = archwright("resume", str(run), "--json")
    assert ran.code == 0, ran.err
    finished = json.loads(ran.out)
    assert [trial["state"] for trial in finished["trials"]] == ["completed"] * 6
    assert all(trial["attempt"] == 0 for trial in finished["trials"])


@pytest.mark.slow
def test_drain_waits_for_the_end(archwright: Callable[..., Ran], tmp_path: Path) -> None:
    run = tmp_path / "run"
    with live_search(tmp_path, "--trials", "100", seconds=0.3) as process:
        until(_begun(run, 1), process)
        told = archwright("drain", str(run), "--wait", "--json")
        assert json.loads(told.out) == {"name": "run", "state": "stopped", "running": []}
        assert process.wait(90) == 130


def test_what_does_not_run_cannot_be_drained(archwright: Callable[..., Ran], finished_run: Path) -> None:
    ran = archwright("drain", str(finished_run))
    assert ran.code == 2
    assert "nothing to drain" in ran.err
    assert "it is completed" in ran.err
