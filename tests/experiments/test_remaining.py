"""What is still to come of a search, by its trials."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import archwright as aw
from archwright.experiments import memory as memory_module
from archwright.experiments.memory import MemoryWatch, memory_in_use
from archwright.experiments.remaining import remaining
from archwright.spaces import Architecture
from archwright.trials import Candidate, Fidelity, Measurement, Range, Trial, TrialState

NOTHING = Architecture({})


def trial(
    number: int,
    seconds: float | None,
    state: TrialState = TrialState.COMPLETED,
    candidate: Candidate | None = None,
    curve: tuple[dict[str, float], ...] = (),
    started: float = 1000.0,
) -> Trial:
    finished = None if seconds is None else started + seconds
    measured = Measurement({}, curve)
    return Trial(number, candidate or Candidate(NOTHING), state, measured, started=started, finished=finished)


def test_what_no_budget_counts_is_shared_out() -> None:
    further = Candidate(NOTHING, parent=0, inherit="continue")
    ended = [trial(i, 10.0) for i in range(200)]
    ended += [trial(200 + i, 4.0, candidate=further) for i in range(200)]
    ended += [trial(400 + i, 1.0, TrialState.INFEASIBLE) for i in range(200)]
    told = remaining(ended, now=5000.0, workers=1, left=10)
    assert told is not None
    assert told.seconds.middle == pytest.approx(150, rel=0.06)
    assert told.trials == Range(10, 10, 10)


def test_the_first_trial_of_each_worker_is_left_out_once_there_are_enough() -> None:
    ended = [trial(i, 600.0 if i < 2 else 10.0) for i in range(100)]
    told = remaining(ended, now=5000.0, workers=2, left=10)
    assert told is not None
    assert told.seconds.high < 80
    assert remaining(ended[:3], now=5000.0, workers=2, left=10).seconds.high > 200  # type: ignore[union-attr]


def test_a_curve_says_how_much_of_a_running_trial_is_done() -> None:
    curve = ({"step": 9, "epoch": 3.0, "seconds": 30.0},)
    running = trial(
        1, None, TrialState.RUNNING, Candidate(NOTHING, Fidelity(epochs=12)), curve, started=970.0
    )
    told = remaining([running], now=1000.0, workers=1, left=0)
    assert told is not None
    assert told.seconds.middle == pytest.approx(90, rel=0.1)
    assert told.trials == Range(1, 1, 1)
    later = remaining([running], now=1030.0, workers=1, left=0)
    assert later is not None
    assert later.seconds.middle == pytest.approx(60, rel=0.1)
    open_ = trial(1, None, TrialState.RUNNING, None, curve, started=970.0)
    by_recipe = remaining([open_], now=1000.0, workers=1, left=0, epochs=6)
    assert by_recipe is not None
    assert by_recipe.seconds.middle == pytest.approx(30, rel=0.1)
    before = trial(0, 50.0, curve=({"step": 30, "epoch": 10.0},))
    by_others = remaining([before, open_], now=1000.0, workers=1, left=0)
    assert by_others is not None
    assert by_others.seconds.middle == pytest.approx(70, rel=0.1)


def test_nothing_is_told_where_nothing_is_known() -> None:
    assert remaining([], now=5.0, workers=1, left=3) is None
    assert remaining([trial(0, 10.0)], now=5.0, workers=1) is None
    assert remaining([trial(0, None, TrialState.RUNNING)], now=5.0, workers=1, left=3) is None


def test_a_run_tells_what_is_to_come_until_its_search_is_over(tmp_path: Path) -> None:
    from archwright.experiments import open_store
    from archwright.experiments.config import RunConfig

    from ..session.spaces_for_tests import space

    out = tmp_path / "run"
    recipe = aw.Recipe(epochs=1)
    aw.search(space, "digits", budget=aw.Budget(trials=3), recipe=recipe, retrain=0, out=out, progress=False)
    done = aw.open_run(out)
    assert done.forecast is None
    if sys.platform == "linux":
        assert done.memory is not None
        assert 10**7 < done.memory["least"] <= done.memory["largest"] < 10**11
    with open_store(out, RunConfig.read(out)) as store:
        store.set_fact("state", "stopped")
        store.set_fact("search_ended", None)
        store.start(trial(3, None, TrialState.RUNNING, started=time.time()))
    going_on = aw.open_run(out)
    assert going_on.forecast is not None
    assert going_on.forecast.trials == Range(0, 0, 0)  # it runs no more, and the budget is spent


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_memory_counts_processes_that_were_started() -> None:
    code = "x = bytearray(300_000_000); print(len(x), flush=True); input()"
    before = memory_in_use()
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        during = memory_in_use()
        child.communicate(b"\n")
    assert before is not None
    assert during is not None
    assert during[0] - before[0] > 250_000_000
    assert during[1] >= during[0]


def test_a_watch_keeps_the_extremes_and_looks_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([(100, 110), (1000, 2000), (50, 60), (50, 60)])
    monkeypatch.setattr(memory_module, "memory_in_use", lambda: next(seen))
    watch = MemoryWatch(seconds=0.0)
    assert watch.look() == {"least": 100, "largest": 110}
    assert watch.look() == {"least": 100, "largest": 2000}
    assert watch.look() == {"least": 50, "largest": 2000}
    assert watch.look() is None  # no news
    seldom = MemoryWatch(watch.seen, seconds=1000.0)
    seldom._looked = time.monotonic()
    assert seldom.look() is None
    monkeypatch.setattr(memory_module, "memory_in_use", lambda: None)
    assert MemoryWatch().look() is None
