"""Live progress: a line that moves in a terminal or a notebook, lines of text in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Column

from archwright.durations import byte_count, clock, count_of, range_of
from archwright.experiments.listener import Listener
from archwright.experiments.memory import MemoryWatch
from archwright.experiments.remaining import remaining
from archwright.experiments.store import Stage
from archwright.experiments.work import Judging
from archwright.session.notebook import NotebookBar, NotebookOutput, notebook_shell
from archwright.trials import Measurement, Report, Trial, TrialState, forecast

__all__ = ["Progress"]

_TITLES = {
    Stage.SUPERNET: "training the supernet",
    Stage.SEARCH: "searching",
    Stage.RETRAIN: "retraining",
    Stage.BASELINE: "networks to compare with",
    Stage.REFIT: "training on validation data, too",
    Stage.ENSEMBLE: "ensemble",
    Stage.JUDGE: "judging",
}

_SILENT = 60.0
"""Seconds after which a log that is no terminal says how far the search is, whether or not there is a better trial."""
_WATCHED = ("train_loss", "derived_accuracy", "derived_loss", "skips", "eigenvalue")


class Progress(Listener):
    """Shows for each stage: trials done, time left and, of a time, trials to come; best so far, failures, memory.

    In a terminal the line moves; in a notebook one output below the cell has a line for each stage, and what is logged;
    elsewhere (a file, a pipe) one line is printed for each new best trial and each failure, so that a log stays short.

    Args:
        names: The metrics to show of the best trial; all where empty.
        console: Where to show it; None means the notebook's output, or standard error, so that standard output stays
            free for results.
    """

    def __init__(self, names: Sequence[str] = (), console: Console | None = None) -> None:
        self.names = tuple(names)
        shell = notebook_shell() if console is None else None
        self._notebook = None if shell is None else NotebookOutput(shell)
        self.console = console or Console(
            file=sys.stderr
        )  # this one, whatever stands in for it while a trial runs
        self._bar: Bar | NotebookBar | None = None
        self._row: Any = None
        self._failed = self._infeasible = self._pruned = self._done = 0
        self._total: int | None = None
        self._minutes: float | None = None
        self._began = 0.0
        self._trials: dict[int, Trial] = {}
        self._epochs: list[float] = []
        self._workers = 1
        self._told_left, self._told_at = "", 0.0
        self._printed_at = 0.0
        self._memory = MemoryWatch()
        self._best: Trial | None = None

    def objectives_known(self, names: Sequence[str]) -> None:
        """Show these, unless others were asked for."""
        self.names = self.names or tuple(names)

    def preparing(self, text: str) -> None:
        """Print it."""
        self._print(text, style="dim")

    def stage_started(self, stage: Stage, total: int | None, done: int, minutes: float | None = None) -> None:
        """Begin a line."""
        self._failed = self._infeasible = self._pruned = 0
        self._done, self._trials, self._epochs, self._workers = done, {}, [], 1
        self._told_left, self._told_at = "", 0.0
        self._total, self._minutes, self._began, self._best = total, minutes, time.monotonic(), None
        if self._notebook is None and not self.console.is_terminal:
            again = f", {done} of them done before" if done else ""
            noun = "epoch" if stage is Stage.SUPERNET else "trial"
            counted = "no limit on trials" if total is None else count_of(total, noun)
            self._print(f"{_TITLES[stage]}: {counted}{again}")
            return
        self._bar = _moving_line(self.console) if self._notebook is None else NotebookBar(self._notebook)
        self._bar.start()
        self._row = self._bar.add_task(_TITLES[stage], total=total, completed=done, left="", told="")

    def step_done(self, stage: Stage, step: int, steps: int) -> None:
        """Move the line a little."""
        if self._bar is not None:
            self._bar.update(self._row, completed=self._done + step / steps)

    def epoch_finished(self, entry: Mapping[str, Any], epochs: int) -> None:
        """Move the line, or print one."""
        self._done = entry["epoch"]
        self._epochs.append(entry["seconds"])
        shown = {name: entry["metrics"][name] for name in _WATCHED if name in entry["metrics"]}
        told = ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in shown.items())
        if self._bar is not None:
            self._bar.update(self._row, completed=self._done, left=self._left(), told=told)
        else:
            self._print(f"epoch {self._done} of {epochs}, {told}, {self._left()}".rstrip(", "))

    def trial_started(self, stage: Stage, trial: Trial) -> None:
        """Note when it began."""
        self._trials[trial.number] = trial
        running = sum(one.state is TrialState.RUNNING for one in self._trials.values())
        self._workers = max(self._workers, running)

    def trial_reported(self, stage: Stage, number: int, report: Report) -> None:
        """Show the last point of a running trial's curve in the line."""
        if number in self._trials:
            point = Measurement({}, (dict(report.metrics),))
            self._trials[number] = replace(self._trials[number], measurement=point)
        if self._bar is not None:
            epoch = f" epoch {report.metrics['epoch']:g}" if "epoch" in report.metrics else ""
            number = number % Judging.STRIDE if stage is Stage.JUDGE else number
            now = f"trial {number}{epoch} {self._brief(report.metrics, always=False)}".rstrip()
            told = ", ".join(filter(None, [now, self._told(self._best)]))
            self._bar.update(self._row, left=self._left(), told=told)

    def trial_finished(self, stage: Stage, trial: Trial, best: Trial | None) -> None:
        """Move the line, or print one where there is news."""
        self._failed += trial.state is TrialState.FAILED
        self._infeasible += trial.state is TrialState.INFEASIBLE
        self._pruned += trial.state is TrialState.PRUNED
        self._done += trial.state is not TrialState.INFEASIBLE and trial.candidate.is_new
        self._trials[trial.number] = trial
        self._memory.look()
        if self._bar is not None:
            self._bar.update(self._row, completed=self._done, left=self._left(), told=self._told(best))
        elif trial.state is TrialState.FAILED:
            number = trial.number % Judging.STRIDE if stage is Stage.JUDGE else trial.number
            self._print(f"trial {number} failed: {trial.error}")
        elif (best is not None and best is not self._best) or time.monotonic() - self._printed_at >= _SILENT:
            self._print(", ".join(filter(None, [f"{self._done} done", self._left(), self._told(best)])))
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
        self._printed_at = time.monotonic()
        if self._notebook is not None:
            self._notebook.say(text)
            return
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def _told(self, best: Trial | None) -> str:
        parts = [f"best: trial {best.number} {self._brief(best.metrics)}"] if best is not None else []
        parts += [f"{self._pruned} stopped early"] if self._pruned else []
        parts += [f"{self._failed} failed"] if self._failed else []
        parts += [f"{self._infeasible} over a limit"] if self._infeasible else []
        if self._memory.seen is not None and self._bar is not None:
            parts.append(byte_count(self._memory.seen["largest"]))
        return ", ".join(parts)

    def _brief(self, metrics: Mapping[str, float], *, always: bool = True) -> str:
        """A few metrics in one line: `accuracy 0.9861, params 41,234`; always some, or only those to be shown."""
        names = [name for name in self.names if name in metrics] or (list(metrics) if always else [])
        return ", ".join(f"{name} {_number(metrics[name])}" for name in names)

    def _left(self) -> str:
        """Time left, and trials to come where only the time is bounded; made anew when it is a second old."""
        now = time.monotonic()
        if now - self._told_at >= 1:
            self._told_left, self._told_at = self._outlook(now - self._began), now
        return self._told_left

    def _outlook(self, passed: float) -> str:
        seconds = None if self._minutes is None else max(0.0, self._minutes * 60 - passed)
        left = None if self._total is None else max(0, self._total - self._done)
        if self._epochs:
            is_bounded = left is not None or seconds is not None
            told = forecast(self._epochs, trials=left, seconds=seconds, draws=100) if is_bounded else None
        else:
            trials = self._trials.values()
            begun = sum(t.state is TrialState.RUNNING and t.candidate.is_new for t in trials)
            left = None if left is None else max(0, left - begun)
            told = remaining(
                [*trials], now=time.time(), workers=self._workers, left=left, seconds=seconds, draws=100
            )
        if told is None:
            return "" if seconds is None else f"{clock(seconds)} left"
        span = f"{range_of(_time(told.seconds.low), _time(told.seconds.high), '–')} left"
        if seconds is None:
            return span
        few, many = round(told.trials.low), round(told.trials.high)
        noun = "epoch" if self._epochs else "trial"
        if not many:
            return f"{span}, no further {noun}"
        return (
            f"{span}, {count_of(many, f'more {noun}') if few == many else f'{few:,}–{many:,} more {noun}s'}"
        )


def _moving_line(console: Console) -> Bar:
    """A progress bar whose fields `left` and `told` are shown behind it."""
    return Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        MofNCompleteColumn(),
        TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
        TextColumn("{task.fields[left]}", markup=False),
        TextColumn(
            "{task.fields[told]}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
        ),
        expand=True,
        console=console,
        transient=False,
    )


def _time(seconds: float) -> str:
    """As a clock shows it; from an hour on, hours and minutes."""
    return clock(seconds) if seconds < 3600 else f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f}"


def _number(value: float) -> str:
    if float(value).is_integer() and abs(value) >= 1000:
        return f"{int(value):,}"
    return f"{value:.4g}"
