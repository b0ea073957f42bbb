"""How long calls take: several of them in turn, beside a reference call that tells whether the machine has changed."""

from __future__ import annotations

import contextlib
import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from archwright.hardware.setting import Run, Setting

__all__ = ["DRIFT", "Timing", "reference_call", "time_calls", "time_modules"]

DRIFT = 0.1
"""By how much the reference may differ between the halves of a round; a round with more is discarded."""
_WARM_UPS = 3
_FEWEST, _MOST = 11, 500
_ROUNDS = 4
_TOGETHER = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long a call takes, in milliseconds.

    Args:
        median: The median of its runs.
        low: Their first quartile.
        high: Their third quartile.
        least: The shortest of them, which other processes disturb least.
        runs: How many there were.
        reference: The median of the reference call in the same round.
        reference_least: The shortest run of that.
        drift: Share by which that call differed between the two halves of the round. More than `DRIFT` only where the
            machine was never quieter.
    """

    median: float
    low: float
    high: float
    least: float
    runs: int
    reference: float
    reference_least: float
    drift: float

    @property
    def spread(self) -> float:
        """The interquartile range."""
        return self.high - self.low

    def scaled(self, factor: float) -> Timing:
        """The same on a machine that takes so many times as long."""
        return replace(
            self,
            median=factor * self.median,
            low=factor * self.low,
            high=factor * self.high,
            least=factor * self.least,
            reference=factor * self.reference,
            reference_least=factor * self.reference_least,
        )


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


def time_calls(
    calls: Mapping[str, Run], setting: Setting, *, seconds: float = 0.4, fewest: int = _FEWEST
) -> dict[str, Timing]:
    """Time calls beside a reference call.

    After a warm-up all of them are run in turn, again and again, so that what slows the machine slows all alike. A
    round in which the reference call drifted by more than `DRIFT` is discarded, and there is another, four at most;
    then the one that drifted least is taken.

    Args:
        calls: Name to a call that returns when its result is there (`Setting.prepare`).
        setting: Its threads are set meanwhile.
        seconds: About what a round takes; each call runs at most 500 times in it.
        fewest: How often each call runs at least.

    Returns:
        Name to timing.
    """
    # A thread that computes alone has a clock of its own, which stands still while other processes have its core.
    clock = time.thread_time if setting.place.type == "cpu" and setting.threads == 1 else time.perf_counter
    reference = reference_call(setting)
    every = [reference, *calls.values()]
    with setting.fixed():
        for _ in range(_WARM_UPS):
            begin = time.perf_counter()
            for call in every:
                call()
            once = time.perf_counter() - begin
        runs = max(fewest, min(_MOST, int(seconds / max(once, 1e-9))))
        best: tuple[float, list[list[float]]] | None = None
        for _ in range(_ROUNDS):
            taken = _round(every, runs, clock)
            drift = _drift(taken[0])
            if best is None or drift < best[0]:
                best = drift, taken
            if drift <= DRIFT:
                break
    assert best is not None
    drift, (beside, *measured) = best
    return {name: _timing(one, beside, drift) for name, one in zip(calls, measured, strict=True)}


def time_modules(
    modules: Mapping[str, tuple[nn.Module, Any]],
    setting: Setting,
    *,
    seconds: float = 0.4,
    fewest: int = _FEWEST,
) -> dict[str, Timing]:
    """Time many modules, a few in a round, as if the machine had been the same all the time.

    What a round gives is multiplied by how the reference call of the first round differs from its own.

    Args:
        modules: Name to a module and an example, shape (N, ...) or a pair (args, kwargs); the modules are left as they
        are.
        setting: How they are run.
        seconds: About what a round takes.
        fewest: How often each is run at least.
    """
    found: dict[str, Timing] = {}
    names = list(modules)
    for start in range(0, len(names), _TOGETHER):
        with contextlib.ExitStack() as stack:
            calls = {
                name: stack.enter_context(setting.prepare(*modules[name]))
                for name in names[start : start + _TOGETHER]
            }
            timed = time_calls(calls, setting, seconds=seconds, fewest=fewest)
        found |= timed
        common = found[names[0]].reference
        found |= {name: one.scaled(common / one.reference) for name, one in timed.items()}
    return found


def _round(calls: list[Run], runs: int, clock: Callable[[], float]) -> list[list[float]]:
    """Milliseconds of each run of each call, run in turn."""
    taken: list[list[float]] = [[] for _ in calls]
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(runs):
            for call, times in zip(calls, taken, strict=True):
                begin = clock()
                call()
                times.append(1e3 * (clock() - begin))
    finally:
        if was_enabled:
            gc.enable()
    return taken


def _drift(times: list[float]) -> float:
    half = len(times) // 2
    first, second = statistics.median(times[:half]), statistics.median(times[half:])
    return abs(second - first) / min(first, second)


def _timing(times: list[float], beside: list[float], drift: float) -> Timing:
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return Timing(
        median=median,
        low=low,
        high=high,
        least=min(times),
        runs=len(times),
        reference=statistics.median(beside),
        reference_least=min(beside),
        drift=drift,
    )
