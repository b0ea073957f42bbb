"""Tables of networks: the top of the search, and what was retrained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archwright.durations import duration
from archwright.objectives import METERS
from archwright.reports.ranking import in_order, is_cost, value_of
from archwright.reports.supernet import searched_metric
from archwright.reports.wording import (
    MISSING,
    architecture_brief,
    metric_name,
    metric_text,
    value_text,
)
from archwright.trials import Trial

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["Row", "Table", "retrained_table", "top_table"]


@dataclass(frozen=True, slots=True)
class Row:
    """One network.

    Args:
        cells: Text a column.
        brief: Its decisions in one line.
        decisions: All of them, as (address, value).
        marks: What is special about it: "chosen", "Pareto front", "hand-made".
    """

    cells: tuple[str, ...]
    brief: str = ""
    decisions: tuple[tuple[str, str], ...] = ()
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table of networks.

    Args:
        columns: Headings of the cells.
        rows: The networks.
        left_out: How many more there are.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...] = field(default=())
    left_out: int = 0


def top_table(run: Run, most: int = 20) -> Table:
    """The best networks of the search by validation, with their costs and decisions.

    Args:
        run: The run.
        most: How many of them.
    """
    ranked = in_order(run)
    top = ranked[:most]
    metrics = _metrics(run, top)
    again = {trial.number: trial for trial in run.retrained}
    first = next(objective.name for objective in run.config.objectives if objective.optimize)
    several = len({trial.candidate.effort for trial in run.trials}) > 1
    columns = ["trial", *(searched_metric(run, name) for name in metrics), "time"]
    columns += ["fidelity"] if several else []
    columns += [f"retrained: {metric_name(first)}"] if again else []
    rows = []
    for trial in top:
        cells = [str(trial.number), *(metric_text(name, value_of(trial, name)) for name in metrics)]
        cells.append(duration(trial.seconds))
        cells += [str(trial.candidate.effort)] if several else []
        if again:
            found = again.get(trial.number)
            cells.append(metric_text(first, value_of(found, first)) if found else MISSING)
        rows.append(_row(trial, cells, _marks(run, trial)))
    return Table(tuple(columns), tuple(rows), len(ranked) - len(rows))


def retrained_table(run: Run) -> Table | None:
    """The retrained networks and the hand-made one beside each other; None where there are none of them.

    The test split was read for the chosen and the hand-made network only, so the others have no number there.
    """
    if not run.retrained and run.baseline is None:
        return None
    baseline = [run.baseline] if run.baseline else []
    metrics = _metrics(run, [*run.retrained, *baseline])
    test = [name for name in (run.test or run.baseline_test or {}) if name not in METERS]
    validation = [m if is_cost(run, m) else f"validation {metric_name(m)}" for m in metrics]
    columns = ["network", *map(metric_name, validation), *(f"test {metric_name(m)}" for m in test), "time"]
    rows = []
    winner = run.winner.number if run.winner else None
    for trial in [*run.retrained, *baseline]:
        is_baseline = trial is run.baseline
        is_winner = not is_baseline and trial.number == winner
        known = run.baseline_test if is_baseline else run.test if is_winner else None
        cells = ["hand-made" if is_baseline else f"trial {trial.number}"]
        cells += [metric_text(name, value_of(trial, name)) for name in metrics]
        cells += [metric_text(name, (known or {}).get(name)) for name in test]
        cells.append(duration(trial.seconds))
        mark = ("chosen",) if is_winner else ()
        if trial.error:
            mark = (*mark, f"failed: {trial.error.splitlines()[0][:160]}")
        rows.append(Row(tuple(cells), marks=mark))
    return Table(tuple(columns), tuple(rows))


def _metrics(run: Run, trials: list[Trial]) -> list[str]:
    """The objectives, then what a network costs; only what some trial has."""
    objectives = [*run.objectives, *run.config.objectives]
    names = dict.fromkeys([o.name for o in objectives if o.optimize])
    names |= dict.fromkeys([o.name for o in objectives if not o.optimize] + list(METERS))
    return [name for name in names if any(value_of(trial, name) is not None for trial in trials)]


def _marks(run: Run, trial: Trial) -> tuple[str, ...]:
    marks = []
    if run.winner is not None and trial.number == run.winner.number:
        marks.append("chosen")
    if len([o for o in run.objectives if o.optimize]) > 1 and trial.number in run.pareto:
        marks.append("Pareto front")
    return tuple(marks)


def _row(trial: Trial, cells: list[str], marks: tuple[str, ...]) -> Row:
    architecture = trial.candidate.architecture
    decisions = tuple((address, value_text(value)) for address, value in architecture.items())
    return Row(tuple(cells), architecture_brief(architecture, 100), decisions, marks)
