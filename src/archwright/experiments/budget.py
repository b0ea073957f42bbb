"""How long a search goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass

from archwright.errors import UsageError

__all__ = ["Budget"]


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop: at whichever bound is reached first. With none, a finite space is searched to its end.

    Args:
        trials: Number of estimates, failed ones included; candidates over a cheap limit are not counted.
        minutes: Minutes of the run over all its sessions, from its beginning to the exported network. Trials of the
            search that are running when their share is over are stopped after their epoch.
        target: Value of the first objective that is good enough.

    Raises:
        UsageError: When a bound is not positive, or is no number.
    """

    trials: int | None = None
    minutes: float | None = None
    target: float | None = None

    def __post_init__(self) -> None:
        if self.trials is not None and self.trials < 1:
            raise UsageError(f"budget: expected at least 1 trial, got {self.trials}")
        if self.minutes is not None and not self.minutes > 0:
            raise UsageError(f"budget: expected minutes > 0, got {self.minutes}")
        if self.target is not None and math.isnan(self.target):
            raise UsageError("budget: expected a number as target, got nan")
