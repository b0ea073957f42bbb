"""What happened to a candidate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from archwright.spaces.architecture import Architecture
from archwright.trials.candidate import Candidate
from archwright.trials.context import Report
from archwright.trials.measurement import Measurement

__all__ = ["Trial", "TrialState"]


class TrialState(StrEnum):
    """Where a trial stands. A trial starts as running and moves once; pre-empted, it is running again."""

    RUNNING = "running"
    COMPLETED = "completed"
    PRUNED = "pruned"
    """Stopped by a pruner before its end; what it reached counts."""
    FAILED = "failed"
    INFEASIBLE = "infeasible"
    """Over a limit on a cheap objective, so it was never estimated."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate and its fate.

    Args:
        number: Position in the search, from 0, in the order of asking.
        candidate: What was proposed.
        state: Where it stands.
        measurement: What was measured: always there when completed; the cheap metrics when infeasible; what was
            reported so far when running.
        error: Why it failed, when it failed.
        started: Unix time in seconds at which it was proposed.
        finished: Unix time in seconds of its last transition, None while running.
        attempt: How often it was begun again, since the process that ran it was lost.
    """

    number: int
    candidate: Candidate
    state: TrialState = TrialState.RUNNING
    measurement: Measurement | None = None
    error: str | None = None
    started: float = 0.0
    finished: float | None = None
    attempt: int = 0

    @property
    def architecture(self) -> Architecture:
        """The candidate's architecture."""
        return self.candidate.architecture

    @property
    def is_measured(self) -> bool:
        """Whether it was estimated: to its end, or until a pruner stopped it."""
        return self.state in (TrialState.COMPLETED, TrialState.PRUNED)

    @property
    def may_lack_objectives(self) -> bool:
        """Whether it may have been measured without the objectives: stopped before, or scored by a proxy alone."""
        return self.state is TrialState.PRUNED or self.candidate.effort.proxy is not None

    @property
    def metrics(self) -> dict[str, float]:
        """The measured metrics, empty when nothing was measured."""
        return dict(self.measurement.metrics) if self.measurement else {}

    @property
    def seconds(self) -> float | None:
        """Wall seconds from proposal to the last transition, None while running; not negative, whatever clocks said."""
        return None if self.finished is None else max(0.0, self.finished - self.started)

    def with_curve(self, reports: Sequence[Report]) -> Trial:
        """The trial with the curve that it reported; a running one has measured what it reported last."""
        points = [report for report in reports if report.verdict is not None]
        curve = tuple(
            {"step": point.step, **{n: v for n, v in point.metrics.items() if math.isfinite(v)}}
            for point in points
        )
        if not points:
            return self
        if self.measurement is not None:
            return replace(self, measurement=replace(self.measurement, curve=curve))
        if self.state is not TrialState.RUNNING:
            return self
        last = {name: value for name, value in curve[-1].items() if name in points[-1].metrics}
        return replace(self, measurement=Measurement(last, curve))
