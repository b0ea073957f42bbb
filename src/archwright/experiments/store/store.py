"""The seam of stores."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Literal, Self

from archwright.trials import Report, Trial, Verdict

__all__ = ["Event", "Output", "Stage", "Store"]

Event = tuple[Literal["ask", "tell"], Trial]
"""Something the strategy took part in: a trial as it was when asked for, or as it ended."""


class Stage(StrEnum):
    """What a trial was run for. A trial that is retrained keeps its number.

    The training of a supernet has epochs instead of trials. In `JUDGE` cheap estimators look again at what the search
    has measured. In `REFIT` what is delivered is trained again, on training and validation data. In
    `ENSEMBLE` several trainings are one network.
    """

    SEARCH = "search"
    RETRAIN = "retrain"
    BASELINE = "baseline"
    REFIT = "refit"
    ENSEMBLE = "ensemble"
    SUPERNET = "supernet"
    JUDGE = "judge"


@dataclass(frozen=True, slots=True)
class Output:
    """A piece of what a trial printed.

    Args:
        id: Larger than that of every earlier piece.
        number: The trial's.
        attempt: From 0.
        time: Unix time at which it came.
        text: The text; empty for the beginning of an attempt.
        place: Where the attempt runs, machine and process; None but at its beginning.
    """

    id: int
    number: int
    attempt: int
    time: float
    text: str
    place: str | None = None


class Store(ABC):
    """Holds one run.

    Each method that writes is one committed transaction: once it returns, a `kill -9` of the process cannot undo
    it, and one that is cut short has written nothing.
    """

    @abstractmethod
    def lock(self) -> None:
        """Take the run for this process until `close` or the process's end, however it ends.

        Raises:
            RunError: When another process has it.
        """

    @abstractmethod
    def is_locked(self) -> bool:
        """Whether some process has the run now."""

    @abstractmethod
    def start(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        """Note that a trial has started. One that is started again is running anew."""

    @abstractmethod
    def finish(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        """Note how a started trial ended."""

    @abstractmethod
    def report(self, number: int, report: Report, stage: Stage = Stage.SEARCH) -> Verdict | None:
        """Note a step of a started trial, and that its checkpoint is the trial's only one from now on.

        A step that has a verdict keeps it, and its metrics; only the checkpoint is replaced.

        Args:
            number: The trial's.
            report: What happened at the step; without a verdict it only names a checkpoint.
            stage: The trial's.

        Returns:
            The verdict that is recorded now; None where there is none.
        """

    @abstractmethod
    def reports(
        self, stage: Stage = Stage.SEARCH, numbers: Collection[int] | None = None
    ) -> dict[int, list[Report]]:
        """What the trials of a stage reported, and their checkpoints: by number, in the order of their steps.

        Args:
            stage: Whose trials.
            numbers: Of which; None means of all.
        """

    @abstractmethod
    def drop_checkpoints(self, numbers: Collection[int], stage: Stage = Stage.SEARCH) -> None:
        """Forget the checkpoints of trials; what they reported stays."""

    @abstractmethod
    def trials(self, stage: Stage = Stage.SEARCH) -> list[Trial]:
        """All trials of a stage, by number; the curve of those that reported is what they reported."""

    @abstractmethod
    def events(self) -> list[Event]:
        """What the strategy was asked and told in the search, in the order in which it happened."""

    @abstractmethod
    def set_fact(self, key: str, value: Any) -> None:
        """Note a fact about the run, replacing an earlier one; value in JSON's own types."""

    @abstractmethod
    def get(self, key: str, default: Any = None) -> Any:
        """A fact about the run."""

    def now(self) -> float:
        """Unix time in seconds, by the clock that the times of trials are taken from."""
        return time.time()

    @abstractmethod
    def log(self, text: str) -> None:
        """Append to the run's log, with the time."""

    @abstractmethod
    def messages(self) -> list[tuple[float, str]]:
        """The run's log: Unix time in seconds and text."""

    @abstractmethod
    def output(
        self, number: int, attempt: int, text: str, *, place: str | None = None, stage: Stage = Stage.SEARCH
    ) -> None:
        """Keep a piece of what a trial printed.

        Args:
            number: The trial's.
            attempt: From 0.
            text: The piece; empty where only the place is told.
            place: Where the attempt runs, told once at its beginning.
            stage: The trial's.
        """

    @abstractmethod
    def outputs(self, number: int, stage: Stage = Stage.SEARCH, *, after: int = 0) -> list[Output]:
        """What a trial printed, in the order in which it came; only the pieces whose id is larger than `after`."""

    @abstractmethod
    def places(self, stage: Stage = Stage.SEARCH) -> dict[int, str]:
        """Where the last attempts of a stage's trials run or ran, by number."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the run. Calling it twice does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
