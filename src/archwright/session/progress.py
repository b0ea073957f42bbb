"""Live progress in a terminal or a notebook, by rich."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Column

from archwright.durations import clock, count_of
from archwright.experiments.listener import Listener
from archwright.experiments.store import Stage
from archwright.experiments.work import Judging
from archwright.trials import Report, Trial, TrialState

__all__ = ["Progress"]

_TITLES = {
    Stage.SUPERNET: "training the supernet",
    Stage.SEARCH: "searching",
    Stage.RETRAIN: "retraining",
    Stage.BASELINE: "hand-made network",
    Stage.JUDGE: "judging",
}

_WATCHED = ("train_loss", "derived_accuracy", "derived_loss", "skips", "eigenvalue")


class Progress(Listener):
    """Shows for each stage: trials done, best so far, time left, failures.

    In a terminal the line moves; elsewhere (a file, a pipe) one line is printed for each new best trial and
    each failure, so that a log stays short.

    Args:
        names: The metrics to show of the best trial; all where empty.
        console: Where to show it; None means standard error, so that standard output stays free for results.
    """

    def __init__(self, names: Sequence[str] = (), console: Console | None = None) -> None:
        self.names = tuple(names)
        self.console = console or Console(stderr=True)
        self._bar: Bar | None = None
        self._row: Any = None
        self._failed = self._infeasible = self._pruned = self._done = 0
        self._total: int | None = None
        self._minutes: float | None = None
        self._began = 0.0
        self._at_first = 0
        self._best: Trial | None = None

    def stage_started(self, stage: Stage, total: int | None, done: int, minutes: float | None = None) -> None:
        """Begin a line."""
        self._failed = self._infeasible = self._pruned = 0
        self._done = self._at_first = done
        self._total, self._minutes, self._began, self._best = total, minutes, time.monotonic(), None
        if not self.console.is_terminal:
            again = f", {done} of them done before" if done else ""
            noun = "epoch" if stage is Stage.SUPERNET else "trial"
            counted = "no limit on trials" if total is None else count_of(total, noun)
            self._print(f"{_TITLES[stage]}: {counted}{again}")
            return
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=10),
            MofNCompleteColumn(),
            TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
            TextColumn("{task.fields[left]}"),
            TextColumn(
                "{task.fields[told]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
            ),
            expand=True,
            console=self.console,
            transient=False,
        )
        self._bar.start()
        self._row = self._bar.add_task(_TITLES[stage], total=total, completed=done, left="", told="")

    def step_done(self, stage: Stage, step: int, steps: int) -> None:
        """Move the line a little."""
        if self._bar is not None:
            self._bar.update(self._row, completed=self._done + step / steps)

    def epoch_finished(self, entry: Mapping[str, Any], epochs: int) -> None:
        """Move the line, or print one."""
        self._done = entry["epoch"]
        shown = {name: entry["metrics"][name] for name in _WATCHED if name in entry["metrics"]}
        told = ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in shown.items())
        if self._bar is not None:
            self._bar.update(self._row, completed=self._done, left=self._left(), told=escape(told))
        else:
            self._print(f"epoch {self._done} of {epochs}, {told}, {self._left()}".rstrip(", "))

    def trial_reported(self, stage: Stage, number: int, report: Report) -> None:
        """Show the last point of a running trial's curve in the line."""
        if self._bar is not None:
            epoch = f" epoch {report.metrics['epoch']:g}" if "epoch" in report.metrics else ""
            number = number % Judging.STRIDE if stage is Stage.JUDGE else number
            now = f"trial {number}{epoch} {self._brief(report.metrics, always=False)}".rstrip()
            self._bar.update(self._row, told=escape(", ".join(filter(None, [now, self._told(self._best)]))))

    def trial_finished(self, stage: Stage, trial: Trial, best: Trial | None) -> None:
        """Move the line, or print one where there is news."""
        self._failed += trial.state is TrialState.FAILED
        self._infeasible += trial.state is TrialState.INFEASIBLE
        self._pruned += trial.state is TrialState.PRUNED
        self._done += trial.state is not TrialState.INFEASIBLE and trial.candidate.is_new
        if self._bar is not None:
            self._bar.update(
                self._row, completed=self._done, left=self._left(), told=escape(self._told(best))
            )
        elif trial.state is TrialState.FAILED:
            number = trial.number % Judging.STRIDE if stage is Stage.JUDGE else trial.number
            self._print(f"trial {number} failed: {trial.error}")
        elif best is not None and best is not self._best:
            self._print(f"{self._done} done, {self._told(best)}")
        self._best = best

    def log(self, text: str) -> None:
        """Print it."""
        self._print(text, style="dim")

    def stage_finished(self, stage: Stage) -> None:
        """End the line."""
        if self._bar is not None:
            self._bar.update(self._row, left="")
            self._bar.stop()
            self._bar = None

    def _print(self, text: str, style: str = "") -> None:
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def _told(self, best: Trial | None) -> str:
        parts = [f"best: trial {best.number} {self._brief(best.metrics)}"] if best is not None else []
        parts += [f"{self._pruned} pruned"] if self._pruned else []
        parts += [f"{self._failed} failed"] if self._failed else []
        parts += [f"{self._infeasible} over a limit"] if self._infeasible else []
        return ", ".join(parts)

    def _brief(self, metrics: Mapping[str, float], *, always: bool = True) -> str:
        """A few metrics in one line: `accuracy 0.9861, params 41,234`; always some, or only those to be shown."""
        names = [name for name in self.names if name in metrics] or (list(metrics) if always else [])
        return ", ".join(f"{name} {_number(metrics[name])}" for name in names)

    def _left(self) -> str:
        """Time left by the pace of this session, or by the clock, whichever ends first."""
        passed, ends = time.monotonic() - self._began, []
        if self._total is not None and self._done > self._at_first:
            ends.append(passed / (self._done - self._at_first) * (self._total - self._done))
        if self._minutes is not None:
            ends.append(self._minutes * 60 - passed)
        return f"{clock(min(ends))} left" if ends else ""


def _number(value: float) -> str:
    if float(value).is_integer() and abs(value) >= 1000:
        return f"{int(value):,}"
    return f"{value:.4g}"
