"""What scikit-learn's standard models reached on a table's rows, beside the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.durations import duration
from archwright.objectives import METERS, Direction, direction_of
from archwright.reports.table import Row, Table
from archwright.reports.wording import metric_name, metric_text

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["CLASSICAL_LABELS", "CLASSICAL_NAMES", "classical_sentence", "classical_table"]

CLASSICAL_NAMES = {
    "logistic_regression": "logistic regression",
    "linear_regression": "linear regression",
    "hist_gradient_boosting": "HistGradientBoosting",
}
"""What the models are called in a sentence."""

CLASSICAL_LABELS = {
    "logistic_regression": "logistic",
    "linear_regression": "linear",
    "hist_gradient_boosting": "HistGB",
}
"""What they are called over a narrow column."""


def classical_sentence(run: Run) -> str:
    """Which of the models are better than the network on the test rows; "" where none was trained or tested."""
    name = _metric(run)
    if name is None or run.test is None or name not in run.test:
        return ""
    own, direction = run.test[name], direction_of(name)
    tested = {
        model: found["test"][name] for model, found in (run.classical or {}).items() if name in found["test"]
    }
    if not tested:
        return ""
    is_smaller = direction is Direction.MINIMIZE
    better = {model: value for model, value in tested.items() if (value < own if is_smaller else value > own)}
    told = " and ".join(
        f"{CLASSICAL_NAMES.get(model, model)} ({metric_text(name, value)})"
        for model, value in (better or tested).items()
    )
    where, reached = f"By test {metric_name(name)}", metric_text(name, own)
    if better:
        are = "is" if len(better) == 1 else "are"
        return (
            f"{where}, {told} of scikit-learn, with its defaults on the same rows, {are} better than the network "
            f"({reached})."
        )
    return (
        f"{where}, the network ({reached}) is at least as good as {told} of scikit-learn, with its defaults on the "
        "same rows."
    )


def classical_table(run: Run) -> Table | None:
    """The models beside each other, with validation and test scores; None where there are none."""
    if not run.classical:
        return None
    first = _metric(run)
    test = [name for name in (run.test or next(iter(run.classical.values()))["test"]) if name not in METERS]
    columns = ["model", *([f"validation {metric_name(first)}"] if first else [])]
    columns += [*(f"test {metric_name(name)}" for name in test), "time"]
    rows = []
    for model, found in run.classical.items():
        cells = [CLASSICAL_NAMES.get(model, model)]
        cells += [metric_text(first, found["validation"].get(first))] if first else []
        cells += [metric_text(name, found["test"].get(name)) for name in test]
        rows.append(Row((*cells, duration(found["seconds"]))))
    return Table(tuple(columns), tuple(rows))


def _metric(run: Run) -> str | None:
    """What the models are compared by: the first objective that they have, else the task's metric."""
    known = next(iter((run.classical or {}).values()), {}).get("validation", {})
    wanted = [objective.name for objective in run.config.objectives if objective.optimize]
    return next((name for name in [*wanted, run.config.task.metric] if name in known), None)
