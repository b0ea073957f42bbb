"""A trial as a conversation: what an estimator tells while it measures, and what it is answered."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from archwright.errors import UsageError

__all__ = ["Checkpoint", "LocalTrial", "Report", "TrialContext", "Verdict"]


class Verdict(StrEnum):
    """What a report is answered."""

    GO_ON = "go on"
    STOP = "stop"
    """The trial is not worth going on with: return what was measured so far."""


@dataclass(frozen=True, slots=True)
class Report:
    """One step of a trial's curve, as it is recorded.

    Args:
        step: Position, growing within the trial: updates of the weights since they were drawn, say.
        metrics: Name to value at that step; "epoch" (from 1) where epochs are trained.
        verdict: What the report was answered; None where there was no report, only a checkpoint.
        attempt: The attempt that reported it.
        checkpoint: Key of the state that was reported with it, if any.
    """

    step: int
    metrics: Mapping[str, float]
    verdict: Verdict | None = Verdict.GO_ON
    attempt: int = 0
    checkpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved state.

    Args:
        key: Its name in the storage of its run.
        read: Reads it there.
    """

    key: str
    read: Callable[[str], dict[str, Any]]

    def load(self) -> dict[str, Any]:
        """Read the state; tensors come back on the CPU.

        Raises:
            RunError: When it is missing or corrupt.
        """
        return self.read(self.key)


class TrialContext(ABC):
    """The trial that an estimator measures, as seen by the estimator.

    A trial may take several attempts: when its process dies, the next attempt gets the last checkpoint as `own`
    and the newest committed report as `last`, and repeats what it likes. A step that was reported before is
    answered as it was then.

    Attributes:
        number: The trial's number.
        attempt: From 0.
        own: The newest checkpoint of this trial's earlier attempts, None where there is none.
        parent: The last checkpoint of the candidate's parent, where the candidate inherits it.
        last: Step and metrics of the newest committed report of this trial; may be later than `own`.
    """

    number: int = 0
    attempt: int = 0
    own: Checkpoint | None = None
    parent: Checkpoint | None = None
    last: tuple[int, Mapping[str, float]] | None = None

    @abstractmethod
    def report(
        self, step: int, metrics: Mapping[str, float], state: Mapping[str, Any] | None = None
    ) -> Verdict:
        """Record a point of the curve, and a checkpoint with it, and learn whether to go on.

        Both are committed before the answer comes: whatever happens then, they are not lost.

        Args:
            step: Later than the steps reported before; a step reported by an earlier attempt may be repeated.
            metrics: Numbers at that step.
            state: What the next attempt, or a continuation, begins from: tensors, numbers, text, and lists and
                dicts of them.

        Raises:
            UsageError: When a metric is no number, or step is no whole number from 0.
        """

    @abstractmethod
    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Keep a checkpoint between two reports."""


def checked_report(step: int, metrics: Mapping[str, float]) -> tuple[int, dict[str, float]]:
    """Step and metrics of a report as plain numbers; numbers of NumPy and tensors of one element are taken.

    Raises:
        UsageError: When a metric is no number, or step is no whole number from 0.
    """
    if not hasattr(step, "__index__") or (number := step.__index__()) < 0:
        raise UsageError(f"report: expected a whole number from 0 as step, got {step!r}")
    return number, plain_metrics(metrics)


def plain_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Metrics as Python's own numbers: what is not JSON's (a scalar of NumPy, a tensor) is converted.

    Raises:
        UsageError: When a name is no text, or a value no number.
    """
    made: dict[str, float] = {}
    for name, value in metrics.items():
        try:
            if not isinstance(name, str) or isinstance(value, str | bytes):
                raise TypeError
            is_plain = type(value) is float or (
                type(value) is int and abs(value) < 2**63
            )  # as JSON's and databases'
            made[name] = value if is_plain else float(value)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            raise UsageError(
                f"expected metrics to be numbers by name, got {name!r}: {value!r:.200}"
            ) from None
    return made


class LocalTrial(TrialContext):
    """A trial in memory, for using an estimator alone: keeps reports and checkpoints, and never stops.

    Args:
        number: The trial's number.
        parent: A checkpoint to inherit: `other.checkpoint` of another trial.
        judge: From step and metrics to a verdict; None lets everything go on.

    Attributes:
        reports: What was reported, by step.
    """

    def __init__(
        self,
        number: int = 0,
        *,
        parent: Checkpoint | None = None,
        judge: Callable[[int, Mapping[str, float]], Verdict] | None = None,
    ) -> None:
        self.number, self.parent, self.judge = number, parent, judge
        self.reports: dict[int, Report] = {}
        self.checkpoint: Checkpoint | None = None

    def report(
        self, step: int, metrics: Mapping[str, float], state: Mapping[str, Any] | None = None
    ) -> Verdict:
        """See `TrialContext.report`."""
        step, metrics = checked_report(step, metrics)
        if step in self.reports:
            return self.reports[step].verdict or Verdict.GO_ON
        if state is not None:
            self._keep(step, state)
        verdict = Verdict.GO_ON if self.judge is None else self.judge(step, metrics)
        key = self.checkpoint.key if state is not None and self.checkpoint is not None else None
        self.reports[step] = Report(step, metrics, verdict, self.attempt, key)
        self.last = (step, metrics)
        return verdict

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """See `TrialContext.save`."""
        self._keep(step, state)

    def _keep(self, step: int, state: Mapping[str, Any]) -> None:
        kept = copy.deepcopy(dict(state))
        self.checkpoint = Checkpoint(f"{self.number}-{self.attempt}-{step}", lambda key: copy.deepcopy(kept))

    def again(self) -> LocalTrial:
        """The next attempt of this trial, with what this one left."""
        made = LocalTrial(self.number, parent=self.parent, judge=self.judge)
        made.attempt, made.own, made.last = self.attempt + 1, self.checkpoint, self.last
        made.reports, made.checkpoint = dict(self.reports), self.checkpoint
        return made
