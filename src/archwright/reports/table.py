"""Tables of networks: the top of the search, and what was retrained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archwright.durations import duration
from archwright.experiments.finalists import HAND_MADE, ORIGINAL, Finalist
from archwright.objectives import METERS
from archwright.reports.ranking import first_objective, in_order, is_cost, value_of
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
    """The finalists beside each other, by their first training; None where there are none.

    Of the chosen one it is the training that is delivered, of the network as it was given the one that took as long.

    The test split was read for the chosen network and those that were made by hand only, so the others have no number
    there.
    """
    if not run.finalists:
        return None
    trials = [_shown(run, finalist) for finalist in run.finalists]
    metrics = _metrics(run, trials)
    test = [name for name in (run.test or run.baseline_test or {}) if name not in METERS]
    validation = [m if is_cost(run, m) else f"validation {metric_name(m)}" for m in metrics]
    columns = ["network", *map(metric_name, validation), *(f"test {metric_name(m)}" for m in test), "time"]
    first = first_objective(run).name
    repeated = any(len(finalist.measured) > 1 for finalist in run.finalists)
    columns += ["trainings", f"mean {metric_name(first)}"] if repeated else []
    rows = []
    for finalist, trial in zip(run.finalists, trials, strict=True):
        chosen = run.choice.name if run.choice else run.won_by
        is_winner = run.winner is not None and chosen == finalist.name
        known = _tested(run, finalist, is_winner and not run.ensemble_won)
        cells = ["hand-made" if finalist.name == HAND_MADE else finalist.name]
        cells += [metric_text(name, value_of(trial, name)) for name in metrics]
        cells += [metric_text(name, (known or {}).get(name)) for name in test]
        cells.append(duration(trial.seconds))
        if repeated:
            scores = [one.metrics[first] for one in finalist.measured.values() if first in one.metrics]
            cells += [str(len(scores)), metric_text(first, sum(scores) / len(scores) if scores else None)]
        mark = ("chosen",) if is_winner else ()
        if trial.error:
            mark = (*mark, f"failed: {trial.error.splitlines()[0][:160]}")
        rows.append(Row(tuple(cells), marks=mark))
    if run.ensemble_won and run.winner is not None:
        cells = [str(run.won_by), *(metric_text(name, value_of(run.winner, name)) for name in metrics)]
        cells += [metric_text(name, (run.test or {}).get(name)) for name in test]
        cells += [duration(run.winner.seconds), *([MISSING, MISSING] if repeated else [])]
        rows.append(Row(tuple(cells), marks=("delivered",)))
    return Table(tuple(columns), tuple(rows))


def _shown(run: Run, finalist: Finalist) -> Trial:
    """The training of a finalist that its row is about."""
    if run.winner is not None and not run.ensemble_won and run.won_by == finalist.name:
        return run.winner
    given = run.given if finalist.name == ORIGINAL else None
    return given or finalist.trials[min(finalist.trials)]


def _tested(run: Run, finalist: Finalist, is_winner: bool) -> dict[str, float] | None:
    if is_winner:
        return run.test
    return run.baseline_test if finalist.name == HAND_MADE else run.compared_test.get(finalist.name)


def _metrics(run: Run, trials: list[Trial]) -> list[str]:
    """The objectives, then what a network costs; only what some trial has."""
    objectives = [*run.objectives, *run.config.objectives]
    names = dict.fromkeys([o.name for o in objectives if o.optimize])
    names |= dict.fromkeys([o.name for o in objectives if not o.optimize] + list(METERS))
    return [name for name in names if any(value_of(trial, name) is not None for trial in trials)]


def _marks(run: Run, trial: Trial) -> tuple[str, ...]:
    marks = []
    if trial.number == run.winning_number:
        marks.append("chosen")
    if len([o for o in run.objectives if o.optimize]) > 1 and trial.number in run.pareto:
        marks.append("Pareto front")
    return tuple(marks)


def _row(trial: Trial, cells: list[str], marks: tuple[str, ...]) -> Row:
    architecture = trial.candidate.architecture
    decisions = tuple((address, value_text(value)) for address, value in architecture.items())
    return Row(tuple(cells), architecture_brief(architecture, 100), decisions, marks)
