"""Who watches a run: told of every step, decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archwright.experiments.store import Stage
from archwright.trials import Report, Trial

__all__ = ["Listener"]


class Listener:
    """Does nothing at every step; progress displays override what they show."""

    def objectives_known(self, names: Sequence[str]) -> None:
        """What is worth showing of a trial: the objectives, and what the search ranks by."""

    def preparing(self, text: str) -> None:
        """Something that takes seconds begins, before the search.

        Args:
            text: What is done, and why.
        """

    def stage_started(self, stage: Stage, total: int | None, done: int, minutes: float | None = None) -> None:
        """A stage begins.

        Args:
            stage: Which.
            total: How many trials (of a supernet: epochs) it will have, None when that is open.
            done: How many of them an earlier session finished.
            minutes: Minutes left for it, None when that is open.
        """

    def step_done(self, stage: Stage, step: int, steps: int) -> None:
        """A step within an epoch of the supernet is done.

        Args:
            stage: Which.
            step: From 1.
            steps: How many the epoch has.
        """

    def epoch_finished(self, entry: Mapping[str, Any], epochs: int) -> None:
        """An epoch of the supernet is done.

        Args:
            entry: "epoch" (from 1), "seconds", "metrics", "probabilities".
            epochs: How many there are in all.
        """

    def trial_started(self, stage: Stage, trial: Trial) -> None:
        """A trial begins."""

    def trial_reported(self, stage: Stage, number: int, report: Report) -> None:
        """A running trial reported a step of its curve, for the first time."""

    def trial_finished(self, stage: Stage, trial: Trial, best: Trial | None) -> None:
        """A trial ended.

        Args:
            stage: Which.
            trial: As it ended.
            best: The best of the stage so far.
        """

    def log(self, text: str) -> None:
        """Something went to the run's log."""

    def stage_finished(self, stage: Stage) -> None:
        """A stage is over."""
