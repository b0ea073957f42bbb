"""A table of one's own: a CSV, JSON or Parquet file whose columns are decisions and metrics."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.benchmarks.table import Table
from archwright.errors import ArchwrightError, MissingExtraError, UsageError, did_you_mean
from archwright.estimators.tabular import Row, Runs
from archwright.estimators.tabular_curves import CurveRow
from archwright.objectives import Objective, parse_objective
from archwright.references import load_object
from archwright.spaces import Architecture, Decision, Space, categorical, integer, layer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SUFFIXES", "read_columns"]

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
"""Of the files that can be read."""


def read_columns(
    file: str | Path,
    *,
    objectives: Sequence[str | Objective],
    decisions: Sequence[str] = (),
    metrics: Mapping[str, Sequence[str]] | None = None,
    test: str | None = None,
    seconds: Sequence[str] = (),
    canonical: str | Callable[[Mapping[str, Any]], Hashable] | None = None,
    epoch: str | None = None,
    runs: Runs = "mean",
) -> Table:
    """The table in a file of columns, a row a network, or an epoch of one.

    A column of evenly spaced whole numbers becomes an integer decision, any other a categorical one. Rows with the
    same canonical form are repeated runs of one network, and so are several columns of one metric; an empty cell is a
    run that was not made. Only networks of the file are in the space.

    Args:
        file: `.csv`, `.tsv`, `.json` (a list of objects), `.jsonl` (one a line) or `.parquet`.
        objectives: The metrics to optimise, the first first, with their direction: `max:accuracy`, `min:latency`.
        decisions: The columns that are decisions; empty takes all that are no metric.
        metrics: Metric to the columns that are its runs; a metric that is not here is a column itself.
        test: The metric to report of what the first objective has found.
        seconds: The columns that say what each run took to train.
        canonical: From an architecture to anything hashable that is equal for two spellings of one network:
            `file.py:function`, or the function.
        epoch: The column that counts epochs from 1, where a row is an epoch of a network: the table is then one of
            learning curves, with one run of each network, and seconds are those of each epoch.
        runs: Measure the "mean" of the runs, or one "drawn".

    Raises:
        MissingExtraError: When a Parquet file is read without pyarrow.
        UsageError: When the file cannot be read, a column is missing, or a cell is no decision or number.
    """
    path = Path(file)
    frame = _read(path)
    goals = tuple(parse_objective(goal) if isinstance(goal, str) else goal for goal in objectives)
    if not goals:
        raise UsageError(
            f"{path}: say what to optimise, and which way is better: max:accuracy, min:latency; the columns are "
            f"{', '.join(frame.columns)}"
        )
    wanted = [goal.name for goal in goals] + ([test] if test is not None else [])
    columns = {**{name: [name] for name in wanted}, **{n: list(c) for n, c in (metrics or {}).items()}}
    if epoch is not None:
        columns[epoch] = [epoch]
    chosen = _chosen(path, frame, decisions, [*seconds, *(c for names in columns.values() for c in names)])
    made = {column: _decision(path, frame[column], column) for column in chosen}
    form = _canonical(canonical)
    if epoch is not None:
        frame = frame.sort_values(epoch, kind="stable")
    rows = _rows(path, frame, chosen, columns, list(seconds), form)
    space = Space(layer(dict, made), constraints=[_Listed(rows, form)], canonicalize=form, name=path.stem)
    if epoch is not None:
        return Table.of_curves(str(path), space, _curves(path, rows, epoch), goals, test)
    return Table(str(path), space, rows, goals, test=test, runs=runs)


def _chosen(path: Path, frame: pd.DataFrame, given: Sequence[str], measured: Sequence[str]) -> list[str]:
    """The columns that are decisions: those given, else all that are not measured.

    Raises:
        UsageError: When there are none, a column is missing, or one is given that is measured.
    """
    chosen = list(given) or [column for column in frame.columns if column not in measured]
    for column in [*measured, *chosen]:
        if column not in frame.columns:
            raise UsageError(f"{path} has no column {column!r}.{did_you_mean(column, frame.columns)}")
    if both := next((column for column in chosen if column in measured), None):
        raise UsageError(f"{path}: the column {both!r} cannot be both a decision and a metric")
    if not chosen:
        raise UsageError(f"{path}: expected columns that are decisions, but all are metrics")
    return chosen


class _Listed:
    """Whether the table has a network."""

    def __init__(
        self, rows: Mapping[Hashable, Row], canonical: Callable[[Architecture], Hashable] | None
    ) -> None:
        self._rows, self._canonical = rows, canonical

    def __call__(self, architecture: Architecture) -> bool:
        return (architecture if self._canonical is None else self._canonical(architecture)) in self._rows


def _read(path: Path) -> pd.DataFrame:
    """The rows of a file.

    Raises:
        UsageError: When it is missing, of an unknown form, damaged or empty.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: expected a file that ends in {', '.join(SUFFIXES)}")
    try:
        frame = _frame(path)
    except ImportError as error:
        raise MissingExtraError("pyarrow", "bench", f"reading {path}") from error
    except Exception as error:
        raise UsageError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
    if frame.empty:
        raise UsageError(f"{path}: expected at least one network, got no rows")
    return frame.rename(columns=str)


def _frame(path: Path) -> pd.DataFrame:
    import pandas as pd

    match path.suffix.lower():
        case ".csv" | ".tsv" as suffix:
            separator = "\t" if suffix == ".tsv" else ","
            return pd.read_csv(path, sep=separator, keep_default_na=False, na_values=[""])
        case ".json":
            return pd.DataFrame(json.loads(path.read_text("utf-8")))
        case ".jsonl":
            return pd.DataFrame([json.loads(line) for line in path.read_text("utf-8").splitlines() if line])
        case _:
            return pd.read_parquet(path)


def _decision(path: Path, column: pd.Series[Any], name: str) -> Decision:
    """The decision of a column."""
    if empty := int(column.isna().sum()):
        raise UsageError(
            f"{path}: the decision {name!r} has {empty} empty cells; write a value such as 'none' there"
        )
    values = sorted({_plain(path, value, name) for value in column.tolist()}, key=lambda v: (str(type(v)), v))
    if all(type(value) is int for value in values) and len(values) > 2:
        step = values[1] - values[0]
        if values == list(range(values[0], values[-1] + 1, step)):
            return integer(values[0], values[-1], step=step, name=name)
    return categorical(values, name=name)


def _plain(path: Path, value: Any, name: str) -> Any:
    if isinstance(value, str | bool | int | float):
        return value
    raise UsageError(
        f"{path}: expected text, a number, true or false for the decision {name!r}, got {value!r}; write lists as text"
    )


def _canonical(
    given: str | Callable[[Mapping[str, Any]], Hashable] | None,
) -> Callable[[Architecture], Hashable] | None:
    if given is None or callable(given):
        return given
    found = load_object(given)
    if not callable(found):
        raise UsageError(f"{given}: expected a function of an architecture, got {type(found).__name__}")
    function: Callable[[Architecture], Hashable] = found
    return function


def _rows(
    path: Path,
    frame: pd.DataFrame,
    decisions: list[str],
    metrics: Mapping[str, list[str]],
    seconds: list[str],
    canonical: Callable[[Architecture], Hashable] | None,
) -> dict[Hashable, Row]:
    """Canonical form to the runs of all its rows."""
    numbers = {
        column: _numbers(path, frame[column]) for names in (*metrics.values(), seconds) for column in names
    }
    count = {len(names) for names in metrics.values()} | ({len(seconds)} if seconds else set())
    if len(count - {1}) > 1:
        raise UsageError(
            f"{path}: expected as many runs of every metric, or one, got "
            f"{', '.join(f'{len(names)} of {name}' for name, names in metrics.items())}"
        )
    found: dict[Hashable, tuple[dict[str, list[float]], list[float]]] = {}
    values = [frame[column].tolist() for column in decisions]
    for i, row in enumerate(zip(*values, strict=True)):
        architecture = Architecture(dict(zip(decisions, row, strict=True)))
        try:
            key = architecture if canonical is None else canonical(architecture)
            kept, spent = found.setdefault(key, ({name: [] for name in metrics}, []))
        except ArchwrightError:
            raise
        except Exception as error:
            raise UsageError(
                f"{path}: the canonical form failed on row {i}: {type(error).__name__}: {error}"
            ) from error
        for run in range(max(count)):
            ran = {n: numbers[c[run if len(c) > 1 else 0]][i] for n, c in metrics.items()}
            took = [numbers[seconds[run if len(seconds) > 1 else 0]][i]] if seconds else []
            if all(map(math.isfinite, [*ran.values(), *took])):
                for name, value in ran.items():
                    kept[name].append(value)
                spent += took
    if lacking := next((key for key, (kept, _) in found.items() if not all(kept.values())), None):
        raise UsageError(
            f"{path}: {lacking!r} has no run with a number in every metric; fill it in, or remove its row"
        )
    return {
        key: Row({name: tuple(values) for name, values in kept.items()}, tuple(spent))
        for key, (kept, spent) in found.items()
    }


def _curves(path: Path, rows: Mapping[Hashable, Row], epoch: str) -> dict[Hashable, CurveRow]:
    """What were runs, in the order of their epochs, as curves."""
    made = {}
    for key, row in rows.items():
        epochs = row.metrics[epoch]
        if epochs != tuple(range(1, len(epochs) + 1)):
            raise UsageError(
                f"{path}: expected the epochs 1, 2, ... of {key!r} once each, with a number in every metric, got "
                f"{', '.join(f'{number:g}' for number in epochs)}"
            )
        metrics = {name: values for name, values in row.metrics.items() if name != epoch}
        made[key] = CurveRow(metrics, row.seconds)
    return made


def _numbers(path: Path, column: pd.Series[Any]) -> list[float]:
    try:
        return [float(value) for value in column.tolist()]
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}: expected numbers in the column {column.name!r}: {error}") from error
