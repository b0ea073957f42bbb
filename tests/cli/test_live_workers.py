"""The verbs of operations on a search that workers share: who runs what, what it prints, and a drain of all of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import archwright as aw
from archwright.experiments.interrupts import GLANCE
from archwright.trials import TrialState

from .conftest import Ran
from .live import live_search, until


@pytest.mark.slow
def test_live_workers_are_seen_heard_and_drained(
    archwright: Callable[..., Ran], shared_store: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    def running(count: int) -> bool:
        return (run / "experiment.json").exists() and len(aw.open_run(run).running) == count

    with live_search(tmp_path, "--trials", "6", "--store", shared_store, seconds=600.0) as process:
        until(lambda: running(1), process)
        joined = subprocess.Popen(
            [sys.executable, "-m", "archwright", "worker", shared_store],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until(lambda: running(2), process)
            shown = json.loads(archwright("show", str(run), "--json").out)
            assert [worker["is_alive"] for worker in shown["workers"]] == [True, True]
            assert sorted(n for worker in shown["workers"] for n in worker["running"]) == [0, 1]
            for number in ("0", "1"):
                until(lambda n=number: "a training of width" in archwright("logs", str(run), n).out, process)  # type: ignore[misc]
            told = archwright("drain", str(run))
            assert told.code == 0, told.err
            time.sleep(2 * GLANCE)  # both look now and then
            (tmp_path / "go").touch()
            out, err = process.communicate(timeout=300)
            assert process.returncode == 130, (out, err)
            said = joined.communicate(timeout=300)
            assert joined.returncode == 130, said
        finally:
            joined.kill()
            joined.communicate()
    stopped = aw.open_run(run)
    assert stopped.state == "stopped"
    assert [trial.state for trial in stopped.trials] == [TrialState.COMPLETED] * 2
    ran = archwright("resume", str(run), "--json")
    assert ran.code == 0, ran.err
    finished = json.loads(ran.out)
    assert [(trial["state"], trial["attempt"]) for trial in finished["trials"]] == [("completed", 0)] * 6
