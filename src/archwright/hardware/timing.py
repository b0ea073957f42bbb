"""How long calls take: several of them in turn, beside a reference call that tells whether the machine has changed."""

from __future__ import annotations

import contextlib
import gc
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from archwright.hardware.setting import Run, Setting

__all__ = ["DRIFT", "TOGETHER", "Timing", "reference_call", "time_calls", "time_modules"]

DRIFT = 0.1
"""By how much the reference may differ between the halves of a round; a round with more is discarded."""
_WARM_UPS = 3
_FEWEST, _MOST = 11, 500
_ROUNDS, _SWEEPS = 4, 3
_FEWEST_TOGETHER = 30
_REFERENCES = 4
"""Runs of the reference call for each of the others: an error in it is one in all."""
TOGETHER = 12
"""Modules in a round of `time_modules`."""


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
        drift: Share by which that call differed between the two halves of the round; of `time_modules`, by which its
            shortest run took longer than in the quietest round. More than `DRIFT` only where the machine was never
            quieter.
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
        seconds: About what a round takes, of processor time where that is the clock; each call runs at most 500 times
            in it.
        fewest: How often each call runs at least.

    Returns:
        Name to timing.
    """
    best: list[list[float]] = []
    for _ in range(_ROUNDS):
        taken = _round(calls, setting, seconds, fewest)
        best = min(best or taken, taken, key=lambda one: _drift(one[0]))
        if _drift(best[0]) <= DRIFT:
            break
    return _timings(calls, best, _drift(best[0]))


def time_modules(
    modules: Mapping[str, tuple[nn.Module, Any]],
    setting: Setting,
    *,
    seconds: float = 0.4,
    fewest: int = _FEWEST_TOGETHER,
) -> dict[str, Timing]:
    """Time many modules, a few in a round, as if the machine had been all the time as in the quietest round.

    Processes that share a core's caches may slow it for seconds, by half, and not everything alike. Rounds in which the
    shortest run of the reference call took over 10 % longer than in the quietest one are therefore repeated after the
    others, twice at most, and of each the quietest counts. What remains of the difference is set right by the
    reference call.

    Args:
        modules: Name to a module and an example, shape (N, ...) or a pair (args, kwargs); the modules are left as they
        are.
        setting: How they are run.
        seconds: About what a round takes, as of `time_calls`.
        fewest: How often each is run at least.
    """
    names = list(modules)
    rounds = [names[start : start + TOGETHER] for start in range(0, len(names), TOGETHER)]
    best: dict[int, dict[str, Timing]] = {}
    waiting = list(range(len(rounds)))
    for _ in range(_SWEEPS):
        for i in waiting:
            with contextlib.ExitStack() as stack:
                calls = {name: stack.enter_context(setting.prepare(*modules[name])) for name in rounds[i]}
                timed = _timings(calls, _round(calls, setting, seconds, fewest))
            best[i] = min(best.get(i, timed), timed, key=_least_reference)
        quietest = min(map(_least_reference, best.values()), default=0.0)
        waiting = [i for i, timed in best.items() if _least_reference(timed) > (1 + DRIFT) * quietest]
    return {
        name: replace(one.scaled(quietest / one.reference_least), drift=one.reference_least / quietest - 1)
        for i in range(len(rounds))
        for name, one in best[i].items()
    }


def _least_reference(timed: Mapping[str, Timing]) -> float:
    return next(iter(timed.values())).reference_least


def _round(calls: Mapping[str, Run], setting: Setting, seconds: float, fewest: int) -> list[list[float]]:
    """Milliseconds of each run of the reference call and of each call, run in turn after a warm-up.

    The reference call tells how fast the machine is, and nothing of what runs beside it.
    """
    # A thread that computes alone has a clock of its own, which stands still while other processes have its core.
    clock = time.thread_time if setting.place.type == "cpu" and setting.threads == 1 else time.perf_counter
    reference = reference_call(setting)
    beside: list[float] = []
    measured: list[list[float]] = [[] for _ in calls]
    turns = [*[(reference, beside)] * _REFERENCES, *zip(calls.values(), measured, strict=True)]
    with setting.fixed(), _without_garbage_collection():
        for _ in range(_WARM_UPS):
            begin = clock()
            for call, _ in turns:
                call()
            once = clock() - begin
        for _ in range(max(fewest, min(_MOST, int(seconds / max(once, 1e-9))))):
            reference()  # not timed: what ran before it has left its data in the caches, or not
            for call, times in turns:
                begin = clock()
                call()
                times.append(1e3 * (clock() - begin))
    return [beside, *measured]


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _drift(times: list[float]) -> float:
    half = len(times) // 2
    first, second = statistics.median(times[:half]), statistics.median(times[half:])
    return abs(second - first) / min(first, second)


def _timings(calls: Mapping[str, Run], taken: list[list[float]], drift: float = 0.0) -> dict[str, Timing]:
    beside, *measured = taken
    return {name: _timing(one, beside, drift) for name, one in zip(calls, measured, strict=True)}


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
