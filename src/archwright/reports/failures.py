"""Failed trials, grouped by what went wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from archwright.trials import Trial, TrialState

__all__ = ["FailureGroup", "failure_groups"]

_NUMBER = re.compile(r"0x[0-9a-fA-F]+|\d[\d_.,]*(?:e[+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed trials whose reasons differ in numbers only.

    Args:
        reason: The first line of the first one's error.
        trials: The failed trials, in the order of asking.
        seconds: Wall seconds they took together.
    """

    reason: str
    trials: tuple[Trial, ...]
    seconds: float

    @property
    def example(self) -> str:
        """The first one's whole error."""
        return self.trials[0].error or self.reason


def failure_groups(trials: Iterable[Trial]) -> list[FailureGroup]:
    """The failed among some trials by reason, the most frequent first.

    Two reasons are the same when their first lines are, numbers aside: "tried to allocate 20 MiB" and "tried to
    allocate 24 MiB".
    """
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.state is TrialState.FAILED:
            groups.setdefault(_NUMBER.sub("#", _first_line(trial)), []).append(trial)
    found = [
        FailureGroup(_first_line(g[0]), tuple(g), sum(t.seconds or 0.0 for t in g)) for g in groups.values()
    ]
    return sorted(found, key=lambda group: (-len(group.trials), group.trials[0].number))


def _first_line(trial: Trial) -> str:
    lines = (trial.error or "").strip().splitlines()
    return lines[0].strip() if lines else "no reason was recorded"
