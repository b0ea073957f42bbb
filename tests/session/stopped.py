"""A search that ends in the middle, by an error."""

from __future__ import annotations

from archwright.experiments import Listener, Stage
from archwright.trials import Trial


class StopAfter(Listener):
    """Raises `RuntimeError` when so many trials have ended."""

    def __init__(self, trials: int) -> None:
        self.left = trials

    def trial_finished(self, stage: Stage, trial: Trial, best: Trial | None) -> None:
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("here it ends")
