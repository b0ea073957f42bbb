"""Forecasts against searches that are simulated to their end."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

import numpy as np
import pytest

from archwright.trials import Range, forecast

Draw = Callable[[np.random.Generator, int], np.ndarray]

KINDS: dict[str, Draw] = {
    "log-normal": lambda rng, n: np.exp(rng.normal(1, 0.6, n)),
    "uniform": lambda rng, n: rng.uniform(1, 5, n),
    "two sizes": lambda rng, n: np.where(rng.random(n) < 0.3, 10, 1) * np.exp(rng.normal(0, 0.1, n)),
    "many pruned": lambda rng, n: np.where(rng.random(n) < 0.6, 0.2, 1) * rng.uniform(2, 4, n),
}


def finished(durations: list[float], workers: int, ends: float = math.inf) -> tuple[float, int]:
    """When the last of the trials ends that are begun before a time, and how many were begun: one after another."""
    free, begun = [0.0] * workers, 0
    for seconds in durations:
        if free[0] >= ends:
            break
        heapq.heapreplace(free, free[0] + seconds)
        begun += 1
    return max(free), begun


def holds(known: Range, value: float) -> bool:
    return known.low <= value <= known.high


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("seen", "trials", "workers"), [(10, 40, 4), (20, 80, 1)])
def test_ranges_cover_what_simulated_searches_take(kind: str, seen: int, trials: int, workers: int) -> None:
    rng, searches = np.random.default_rng(seen), 80
    hits, ratios = 0, []
    for seed in range(searches):
        durations = KINDS[kind](rng, trials).tolist()
        told = forecast(durations[:seen], workers=workers, trials=trials - seen, seed=seed, draws=100)
        truth, _ = finished(durations[seen:], workers)
        hits += holds(told.seconds, truth)
        ratios.append(told.seconds.middle / truth)
        assert told.trials == Range(*[trials - seen] * 3)
    assert hits / searches > 0.75  # 0.9 are promised; that is four standard errors below
    assert 0.85 < np.median(ratios) < 1.15


def test_ranges_cover_how_many_trials_a_time_is_enough_for() -> None:
    rng, searches, hits = np.random.default_rng(5), 80, 0
    for seed in range(searches):
        durations = KINDS["log-normal"](rng, 400).tolist()
        told = forecast(durations[:20], workers=3, seconds=100.0, seed=seed, draws=100)
        last, begun = finished(durations[20:], 3, 100.0)
        hits += holds(told.trials, begun)
        assert told.seconds.low >= 100 <= last
    assert hits / searches > 0.75


def test_what_comes_first_ends_a_search() -> None:
    seen = [1.0] * 400  # of a known length, so that only the level's drift is left
    by_trials = forecast(seen, trials=10, seconds=1e6)
    assert by_trials.seconds.middle == pytest.approx(10, rel=0.05)
    assert by_trials.trials == Range(10, 10, 10)
    by_time = forecast(seen, trials=10**6, seconds=10.5)
    assert by_time.trials.middle == pytest.approx(11, abs=1)
    assert forecast(seen, trials=0).seconds == Range(0, 0, 0)


def test_running_trials_end_first() -> None:
    seen = [10.0] * 400
    half_done = forecast(seen, trials=0, workers=2, running=[(20.0, 0.8), (30.0, 0.5)])
    assert half_done.seconds.middle == pytest.approx(30, rel=0.1)  # the other one has 5 seconds left
    assert half_done.trials == Range(2, 2, 2)
    unknown = forecast(seen, trials=0, running=[(4.0, None)])
    assert unknown.seconds.middle == pytest.approx(6, rel=0.1)
    assert forecast(seen, trials=0, running=[(1000.0, None)]).seconds.high > 1000  # longer than any before


def test_few_trials_make_wide_ranges_and_many_narrow_ones() -> None:
    rng = np.random.default_rng(0)
    durations = KINDS["log-normal"](rng, 300)

    def width(seen: int) -> float:
        told = forecast(durations[:seen].tolist(), trials=50).seconds
        return math.log(told.high / told.low)

    assert width(1) > width(5) > width(30) > width(300)


@pytest.mark.parametrize("seen", [5, 10, 20, 100])
def test_trials_that_are_all_alike_leave_little_doubt(seen: int) -> None:
    told = forecast([60.0] * seen, trials=10).seconds
    assert told.low < 600 < told.high < 600 * (1 + 3 / seen)


def test_a_level_that_has_moved_is_believed() -> None:
    rng = np.random.default_rng(0)
    durations = np.exp(rng.normal(0, 0.1, 60)) * np.repeat([1.0, 3.0], 30)
    told = forecast(durations.tolist(), trials=10).seconds
    assert told.low > 20  # the mean of all would give 20
    assert told.high > 40


def test_neighbours_that_are_alike_widen_the_range() -> None:
    rng, levels = np.random.default_rng(3), [0.0]
    while len(levels) < 100:
        levels.append(0.8 * levels[-1] + rng.normal(0, 0.3))
    alike = np.exp(levels)
    mixed = rng.permutation(alike)
    spread = [
        math.log(t.high / t.low) for t in (forecast(d.tolist(), trials=100).seconds for d in (alike, mixed))
    ]
    assert spread[0] > 1.5 * spread[1]


def test_a_great_many_trials_are_scheduled_in_groups() -> None:
    told = forecast([1.0, 2.0] * 100, workers=3, trials=30_000)
    assert told.trials == Range(30_000, 30_000, 30_000)
    assert told.seconds.low < 15_000 < told.seconds.high


@pytest.mark.parametrize(("durations", "bounds"), [([], {"trials": 3}), ([1.0], {})])
def test_nothing_to_go_by_is_an_error(durations: list[float], bounds: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected at least one duration"):
        forecast(durations, **bounds)  # type: ignore[arg-type]
