"""How long a search will take, or how many trials it will have, by what its trials took so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVEL", "Forecast", "Range", "forecast"]

LEVEL = 0.9
"""Probability with which a number is to lie in its range."""

_PRIOR_WEIGHT = 2.0
"""As how many trials the fitted log-normal distribution counts beside those that were seen."""
_PRIOR_SPREAD, _PRIOR_DEGREES = 0.6, 2.0
"""Standard deviation of log seconds that is expected before anything is seen, and as how many trials that counts."""
_WIDEST = 1.5
"""Largest standard deviation of log seconds that is believed."""
_SEEN = 500
"""How many trials are looked at: the last ones."""
_UNITS = 400
"""How many trials are scheduled one by one; more are scheduled in groups."""
_DRIFT = 0.05
"""By how much the level of log seconds may move while the number of trials doubles, as a standard deviation."""

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Range:
    """A number that is not known exactly.

    Args:
        low: It is below this with probability (1 - `LEVEL`) / 2.
        middle: Its median.
        high: It is above this with the same probability.
    """

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, draws: Any) -> Range:
        """The range of numbers that were drawn from its distribution."""
        edge = (1 - LEVEL) / 2
        return cls(*(float(value) for value in np.quantile(draws, (edge, 0.5, 1 - edge))))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is still to come of a search.

    Args:
        seconds: Until its last trial has ended.
        trials: How many trials will end until then, those that run now among them.
    """

    seconds: Range
    trials: Range


def forecast(
    durations: Sequence[float],
    *,
    workers: int = 1,
    trials: int | None = None,
    seconds: float | None = None,
    running: Sequence[tuple[float, float | None]] = (),
    scale_error: float = 0.0,
    draws: int = 200,
    seed: int = 0,
) -> Forecast:
    """Predict the rest of a search whose trials are begun as soon as a worker is free.

    What coming trials take is drawn from the posterior of a Dirichlet process (Ferguson 1973, "A Bayesian analysis of
    some nonparametric problems"): with weights from a Dirichlet distribution the durations that were seen (Rubin 1981,
    "The Bayesian bootstrap"), and with the weight of two trials a log-normal distribution that is fitted to them, so
    that few trials, or one, give a range that is wide enough. Trials that follow each other may be alike (a busy
    machine, a strategy that stays near its best): by the correlation of neighbours the durations then count as fewer.
    Where the second half of them differs from the first by more than chance, only that half is used, and the level may
    move on as far. Each draw is scheduled on the workers.

    Args:
        durations: Seconds that each ended trial kept its worker, in the order of their ends; at least one.
        workers: Trials at once.
        trials: How many are still to be begun at most.
        seconds: How long trials may still be begun; those that run then are finished.
        running: For each trial that runs, the seconds since it began, and the share of it that is done where that is
            known, in (0, 1].
        scale_error: Standard deviation of the log of a factor that all durations may be off by.
        draws: How many futures are drawn.
        seed: Of the draws.

    Raises:
        ValueError: When there is no duration, or neither `trials` nor `seconds` is given.
    """
    if not len(durations) or (trials is None and seconds is None):
        raise ValueError("expected at least one duration, and a bound on trials or seconds")
    seen = np.maximum(np.asarray(durations, float), 1e-6)
    slots = max(workers, len(running), 1)
    most = math.inf if trials is None else max(0, trials)
    ends = math.inf if seconds is None else max(0.0, seconds)
    coming = min(most, ends * slots / float(seen.mean()) + slots)
    pool = _Pool(seen, coming, scale_error, draws, np.random.default_rng(seed))
    free = np.zeros((draws, slots))
    for worker, (elapsed, done) in enumerate(running):
        free[:, worker] = pool.remaining(elapsed, done)
    counts, free = _scheduled(pool, free, ends, most)
    return Forecast(Range.of(free.max(axis=1)), Range.of(counts + len(running)))


class _Pool:
    """Distributions of durations, one for each future that is drawn.

    Args:
        seen: Seconds, shape (n,).
        coming: About how many trials are to come.
        scale_error: Of a factor on all of them, as a standard deviation of its log.
        draws: How many futures.
        rng: Where they come from.
    """

    def __init__(
        self, seen: _Floats, coming: float, scale_error: float, draws: int, rng: np.random.Generator
    ) -> None:
        logs, moved = _recent(np.log(seen[-_SEEN:]))
        count, self.rng = _effective(logs), rng
        self.seen = np.exp(logs)
        # A Dirichlet distribution of this weight gives the mean the variance that n - 1 degrees of freedom do.
        weight = max(0.25, count - 2)
        weights = rng.dirichlet([*[weight / len(logs)] * len(logs), _PRIOR_WEIGHT], draws)
        self._edges = np.cumsum(weights, axis=1)[:, :-1]
        squares = logs.var() * count + _PRIOR_DEGREES * _PRIOR_SPREAD**2
        self._width = np.sqrt(squares / rng.chisquare(_PRIOR_DEGREES + count - 1, draws)).clip(max=_WIDEST)
        self._center = rng.normal(logs.mean(), self._width / math.sqrt(count))
        alike = logs.var() * (len(logs) / count - 1) / max(coming, 1)
        drift = _DRIFT * math.log2(1 + coming / len(seen))
        error = math.sqrt(scale_error**2 + (moved / 2) ** 2 + alike + drift**2)
        self._factor = np.exp(rng.normal(moved / 2, error, draws))
        fitted = (
            np.exp(self._center + self._width**2 / 2),
            np.exp(2 * self._center + 2 * self._width**2),
        )
        mean, square = (
            weights[:, :-1] @ self.seen**power + weights[:, -1] * moment
            for power, moment in zip((1, 2), fitted, strict=True)
        )
        self.mean = mean * self._factor
        self.deviation = np.sqrt(np.maximum(square - mean**2, 0.0)) * self._factor

    def draw(self, size: int) -> _Floats:
        """Durations of coming trials, shape (draws, size)."""
        draws = len(self._factor)
        picked = np.stack(
            [
                np.searchsorted(edges, row, side="right")
                for edges, row in zip(self._edges, self.rng.random((draws, size)), strict=True)
            ]
        )
        fitted = np.exp(
            self._center[:, None] + self._width[:, None] * self.rng.standard_normal((draws, size))
        )
        found: _Floats = np.where(picked < len(self.seen), np.append(self.seen, 0.0)[picked], fitted)
        return found * self._factor[:, None]

    def sums(self, size: int, group: int) -> _Floats:
        """Sums of so many durations each, shape (draws, size); by the central limit theorem where there are several."""
        if group == 1:
            return self.draw(size)
        noise = self.rng.standard_normal((len(self._factor), size))
        relative = 1 + self.deviation[:, None] / self.mean[:, None] * noise / math.sqrt(group)
        found: _Floats = group * self.mean[:, None] * relative.clip(min=0.1)
        return found

    def remaining(self, elapsed: float, done: float | None) -> _Floats:
        """What a running trial still takes, shape (draws,)."""
        if done:
            left: _Floats = elapsed * (1 - done) / done * np.exp(self.rng.normal(0, 0.1, len(self._factor)))
            return left
        whole = self.draw(32)
        # Where no draw is longer than it has run already, it goes on for as long again, give or take.
        longer = np.where(whole > elapsed, whole, np.inf)
        first = np.take_along_axis(longer, (longer < np.inf).argmax(axis=1)[:, None], axis=1)[:, 0]
        again = elapsed * self.rng.exponential(1.0, len(first))
        return np.where(np.isfinite(first), first - elapsed, again)


def _recent(logs: _Floats) -> tuple[_Floats, float]:
    """The logs of durations that speak for what comes, and how far their level has moved; 0 where that is chance."""
    if len(logs) < 12:
        return logs, 0.0
    first, last = np.array_split(logs, 2)
    moved = float(last.mean() - first.mean())
    error = math.sqrt(first.var(ddof=1) / _effective(first) + last.var(ddof=1) / _effective(last))
    return (last, moved) if abs(moved) > 2.5 * error else (logs, 0.0)


def _effective(logs: _Floats) -> float:
    """As how many independent numbers a series counts for its mean, by the correlation of neighbours."""
    n, centered = len(logs), logs - logs.mean()
    squares = float(centered @ centered)
    if n < 8 or squares < 1e-12 * n:  # all alike, but for rounding
        return float(n)
    correlation = float(centered[1:] @ centered[:-1]) / squares
    if correlation < 1 / math.sqrt(n):
        return float(n)
    correlation = min((n * correlation + 1) / (n - 4), 0.9)  # it is too low by about (1 + 4 correlation) / n
    return max(2.0, n * (1 - correlation) / (1 + correlation))


def _scheduled(pool: _Pool, free: _Floats, ends: float, most: float) -> tuple[_Floats, _Floats]:
    """Begin trials whenever a worker is free.

    Args:
        pool: What they take.
        free: When each worker is free, shape (draws, workers).
        ends: Time from which on none is begun.
        most: How many are begun at most.

    Returns:
        How many were begun, shape (draws,), and when each worker is free in the end.
    """
    expected = min(most, ends * free.shape[1] / float(pool.mean.min()) + free.shape[1])
    group = max(1, math.ceil(expected / max(_UNITS, 25 * free.shape[1])))
    rows, counts = np.arange(len(free)), np.zeros(len(free))
    while True:
        units = max(1, math.ceil(min(most - counts.max(), expected) / group)) if most < math.inf else 64
        lengths = pool.sums(units, group)
        for unit in range(units):
            worker = free.argmin(axis=1)
            earliest = free[rows, worker]
            size = np.clip(most - counts, 0, group)
            begun = (earliest < ends) & (size > 0)
            if not begun.any():
                return counts, free
            free[rows, worker] += np.where(begun, lengths[:, unit] * size / group, 0.0)
            counts += np.where(begun, size, 0)
