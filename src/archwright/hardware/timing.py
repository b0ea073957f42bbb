"""How long calls take: several of them in turn, beside a reference call that tells whether the machine has changed."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from archwright.hardware.setting import Run, Setting

__all__ = ["DRIFT", "Timing", "reference_call", "time_calls"]

DRIFT = 0.1
"""By how much the reference may differ between the halves of a round; a round with more is discarded."""
_WARM_UPS = 3
_FEWEST, _MOST = 11, 500
_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long a call takes, in milliseconds.

    Args:
        median: The median of its runs.
        low: Their first quartile.
        high: Their third quartile.
        runs: How many there were.
        reference: The median of the reference call in the same round.
        drift: Share by which that call differed between the two halves of the round. More than `DRIFT` only where the
            machine was never quieter.
    """

    median: float
    low: float
    high: float
    runs: int
    reference: float
    drift: float

    @property
    def spread(self) -> float:
        """The interquartile range."""
        return self.high - self.low


def reference_call(setting: Setting) -> Run:
    """A convolution of 32 by 32 channels over 28 by 28 places, on the device of a setting: the same work everywhere."""
    place = setting.place
    inputs, weight = torch.ones(1, 32, 28, 28, device=place), torch.ones(32, 32, 3, 3, device=place)

    def run() -> None:
        with torch.no_grad():
            F.conv2d(inputs, weight, padding=1)
        if place.type != "cpu":
            torch.accelerator.synchronize(place)

    return run


def time_calls(calls: Mapping[str, Run], setting: Setting, *, seconds: float = 0.4) -> dict[str, Timing]:
    """Time calls beside a reference call.

    After a warm-up all of them are run in turn, again and again, so that what slows the machine slows all alike. A
    round in which the reference call drifted by more than `DRIFT` is discarded, and there is another, four at most;
    then the one that drifted least is taken.

    Args:
        calls: Name to a call that returns when its result is there (`Setting.prepare`).
        setting: Its threads are set meanwhile.
        seconds: About what a round takes; each call runs 11 to 500 times in it.

    Returns:
        Name to timing.
    """
    reference = reference_call(setting)
    every = [reference, *calls.values()]
    with setting.fixed():
        for _ in range(_WARM_UPS):
            begin = time.perf_counter()
            for call in every:
                call()
            once = time.perf_counter() - begin
        runs = max(_FEWEST, min(_MOST, int(seconds / max(once, 1e-9))))
        best: tuple[float, list[list[float]]] | None = None
        for _ in range(_ROUNDS):
            taken = _round(every, runs)
            drift = _drift(taken[0])
            if best is None or drift < best[0]:
                best = drift, taken
            if drift <= DRIFT:
                break
    assert best is not None
    drift, (beside, *measured) = best
    return {
        name: _timing(one, statistics.median(beside), drift)
        for name, one in zip(calls, measured, strict=True)
    }


def _round(calls: list[Run], runs: int) -> list[list[float]]:
    """Milliseconds of each run of each call, run in turn."""
    taken: list[list[float]] = [[] for _ in calls]
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(runs):
            for call, times in zip(calls, taken, strict=True):
                begin = time.perf_counter()
                call()
                times.append(1e3 * (time.perf_counter() - begin))
    finally:
        if was_enabled:
            gc.enable()
    return taken


def _drift(times: list[float]) -> float:
    half = len(times) // 2
    first, second = statistics.median(times[:half]), statistics.median(times[half:])
    return abs(second - first) / min(first, second)


def _timing(times: list[float], reference: float, drift: float) -> Timing:
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return Timing(median=median, low=low, high=high, runs=len(times), reference=reference, drift=drift)
