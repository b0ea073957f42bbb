"""Families of tasks of one kind: what a learning algorithm is judged on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["USES", "Family", "FamilyTask", "Use"]

Use = str
"""What tasks are drawn for: "search", "select" among what was found, or "final", which nothing was chosen by."""
FamilyTask = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Training inputs (n, F) and labels (n,), validation inputs and labels."""

USES: tuple[Use, ...] = ("search", "select", "final")
"""All uses."""


class Family(ABC):
    """Draws tasks, all of one size. A `Task` that belongs to one has it as its attribute `family`.

    Attributes:
        setting: The published setting for programs that learn such tasks. See `archwright.programs.SETTINGS`.
        counts: How many tasks each use takes where nobody says.
    """

    setting: str
    counts: ClassVar[dict[Use, int]] = {"search": 10, "select": 100, "final": 100}

    @abstractmethod
    def draw(self, use: Use, random: np.random.Generator) -> FamilyTask:
        """One task; the random numbers are those of its use."""

    def tasks(self, use: Use, count: int | None = None, seed: int = 0, *, first: int = 0) -> list[FamilyTask]:
        """Several tasks, the same for the same seed; those of different uses differ.

        Args:
            use: "search", "select" or "final".
            count: How many; None takes `counts`.
            seed: Of all random numbers.
            first: Number of the first one; tasks of different numbers differ.
        """
        count = self.counts[use] if count is None else count
        return [
            self.draw(use, np.random.default_rng([seed, USES.index(use), number]))
            for number in range(first, first + count)
        ]
