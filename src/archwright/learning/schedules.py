"""How the learning rate moves. Plain numbers, no torch."""

from __future__ import annotations

import math

__all__ = ["learning_rate_factor"]

_RISE = 0.3
_START = 1 / 25
_END = _START / 1e4


def learning_rate_factor(schedule: str, step: int, steps: int, warmup_steps: int = 0) -> float:
    """The learning rate of a step, as a factor of the highest one.

    Warm-up step k of w has the factor (k + 1) / w. The schedule runs over the steps after it, so that `t`,
    the share of them that is behind, goes from 0 up to 1 - 1 / (steps - w):

    - constant: 1
    - cosine: (1 + cos(pi t)) / 2
    - linear: 1 - t
    - step: 1, from t = 1/2 on 1/10, from t = 3/4 on 1/100
    - one_cycle: from 1/25 to 1 over t < 0.3, then from 1 to 1/250,000, each along half a cosine

    Args:
        schedule: One of `recipe.SCHEDULES`.
        step: From 0.
        steps: How many there are in all.
        warmup_steps: How many of them are warm-up.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    t = (step - warmup_steps) / (steps - warmup_steps)
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return _along_cosine(1.0, 0.0, t)
    if schedule == "linear":
        return 1.0 - t
    if schedule == "step":
        return 1.0 if t < 0.5 else 0.1 if t < 0.75 else 0.01
    if schedule == "one_cycle":
        return (
            _along_cosine(_START, 1.0, t / _RISE)
            if t < _RISE
            else _along_cosine(1.0, _END, (t - _RISE) / (1 - _RISE))
        )
    raise ValueError(schedule)


def _along_cosine(start: float, end: float, t: float) -> float:
    """From start to end for t from 0 to 1, along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * t)) / 2
