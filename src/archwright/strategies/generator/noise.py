"""Uniform noise on levels, and how to go back a step (Austin et al. 2021, arXiv:2107.03006). No torch."""

from __future__ import annotations

import math
from random import Random

import numpy as np
from numpy.typing import NDArray

__all__ = ["NoiseSchedule"]

Vector = NDArray[np.float64]


class NoiseSchedule:
    """How much of the data is left after each step: cos(π/2 · t/T)² (Nichol & Dhariwal 2021, arXiv:2102.09672, eq. 17).

    At each step a variable keeps its level with probability α_t, else takes any level, each equally likely.

    Args:
        steps: T, at least 1. After all of them nothing is left.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.left = [math.cos(0.5 * math.pi * t / steps) ** 2 for t in range(steps)] + [0.0]
        """The probability that a variable was never drawn anew, after t = 0, ..., T steps."""

    def noised(self, level: int, levels: int, t: int, random: Random) -> int:
        """The level after t steps."""
        return level if random.random() < self.left[t] else int(random.random() * levels)

    def posterior(self, level: int, clean: Vector, t: int) -> Vector:
        """The chances of each level after t - 1 steps, where it is known after t, and the clean one is guessed.

        q(x_{t-1} | x_t, x_0) is in proportion to q(x_t | x_{t-1}) q(x_{t-1} | x_0), averaged over x_0 (eq. 3 and 4).

        Args:
            level: After t steps.
            clean: The chances of each clean level, shape (levels,).
            t: From 1 to T.
        """
        levels = len(clean)
        before, now = self.left[t - 1], self.left[t]
        kept = now / before
        to_here = np.full(levels, (1 - kept) / levels)
        to_here[level] += kept
        from_clean = before * np.eye(levels) + (1 - before) / levels  # row: the clean level
        joint = from_clean * to_here
        rows: Vector = joint / joint.sum(1, keepdims=True)
        return clean @ rows
