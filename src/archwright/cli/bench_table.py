"""The options that say which table a benchmark is on, and the table they mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from archwright.benchmarks import Table

__all__ = [
    "Canonical",
    "DecisionColumns",
    "MetricColumns",
    "OfficialFiles",
    "SecondsColumns",
    "TableName",
    "TestColumn",
    "folder_of",
    "loaded_table",
    "words",
]

TableName = Annotated[
    str | None,
    typer.Option(
        "--table",
        metavar="TABLE",
        help="nas-bench-graph:DATASET; nas-bench-101, nas-bench-201:DATASET or hw-nas-bench:DATASET with --file; "
        "or a CSV, JSON or Parquet file of decisions and metrics.",
    ),
]
OfficialFiles = Annotated[
    list[str] | None,
    typer.Option("--file", metavar="FILE", help="The official file of the benchmark."),
]
DecisionColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--decision",
        metavar="COLUMN",
        help="Of a file: a decision; by default all columns that are no metric.",
    ),
]
MetricColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--metric", metavar="NAME=COLUMN,COLUMN", help="Of a file: the columns that are the runs of a metric."
    ),
]
TestColumn = Annotated[
    str | None, typer.Option("--test", metavar="NAME", help="Of a file: the metric of the report.")
]
SecondsColumns = Annotated[
    str | None,
    typer.Option("--seconds", metavar="COLUMN,COLUMN", help="Of a file: what each run took to train."),
]
Canonical = Annotated[
    str | None,
    typer.Option(
        "--canonical",
        metavar="FILE.py:FUNCTION",
        help="Of a file: what is equal for two spellings of one network.",
    ),
]


def loaded_table(
    table: str | None,
    *,
    command: str,
    file: list[str] | None,
    decision: list[str] | None,
    metric: list[str] | None,
    objectives: Sequence[str],
    test: str | None,
    seconds: str | None,
    canonical: str | None,
    runs: Literal["mean", "drawn"] = "mean",
) -> Table:
    """The table that the options mean.

    Args:
        table: As the option has it, and so the others.
        command: What to call the command in an error.
        file: Official files.
        decision: Columns.
        metric: `NAME=COLUMN,COLUMN`.
        objectives: Of a file of columns: `max:NAME` and `min:NAME`.
        test: Of a file of columns.
        seconds: Columns.
        canonical: `FILE.py:FUNCTION`.
        runs: "mean" of repeated runs, or one "drawn".

    Raises:
        UsageError: When there is none, or an option does not fit.
    """
    from archwright.benchmarks import load_table
    from archwright.errors import UsageError

    if table is None:
        raise UsageError(f"{command}: expected a table, such as --table nas-bench-graph:cora")
    return load_table(
        table,
        files=file or [],
        decisions=decision or [],
        metrics=_columns(metric or []),
        objectives=objectives,
        test=test,
        seconds=words(seconds or ""),
        canonical=canonical,
        runs=runs,
    )


def folder_of(table: Table) -> str:
    """Where results on a table go by default."""
    return f"bench/{table.name.replace(':', '-').replace('/', '-')}"


def words(text: str) -> list[str]:
    """The words between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def _columns(given: list[str]) -> dict[str, list[str]]:
    from archwright.errors import UsageError

    found = {}
    for word in given:
        name, sign, columns = word.partition("=")
        if not sign or not name.strip() or not words(columns):
            raise UsageError(f"--metric {word!r}: expected NAME=COLUMN,COLUMN, such as accuracy=run_1,run_2")
        found[name.strip()] = words(columns)
    return found
