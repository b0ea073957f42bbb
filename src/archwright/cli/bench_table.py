"""What the benchmarks have in common: the options that say which table they are on, and how results are printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archwright.cli.streams import emit

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
    "given_table",
    "metric_columns",
    "print_results",
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


def given_table(table: str | None, command: str) -> str:
    """What `--table` says, which has no default.

    Raises:
        UsageError: When it is not given.
    """
    from archwright.errors import UsageError

    if table is None:
        raise UsageError(f"{command}: expected a table, such as --table nas-bench-graph:cora")
    return table


def folder_of(table: Table) -> str:
    """Where results on a table go by default."""
    return f"bench/{table.name.replace(':', '-').replace('/', '-')}"


def words(text: str) -> list[str]:
    """The words between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def metric_columns(given: list[str]) -> dict[str, list[str]]:
    """From `["accuracy=run_1,run_2"]` to the columns of each metric.

    Raises:
        UsageError: When one has no `=`, or no name or columns beside it.
    """
    from archwright.errors import UsageError

    found = {}
    for word in given:
        name, sign, columns = word.partition("=")
        if not sign or not name.strip() or not words(columns):
            raise UsageError(f"--metric {word!r}: expected NAME=COLUMN,COLUMN, such as accuracy=run_1,run_2")
        found[name.strip()] = words(columns)
    return found


def print_results(summary: dict[str, Any], paths: dict[str, Path], as_json: bool) -> None:
    """Print what came out, and where it is.

    Args:
        summary: The numbers.
        paths: The files that were written.
        as_json: Whether as one JSON object, else as the file of Markdown says it.
    """
    if as_json:
        told = summary | {"files": {name: str(path) for name, path in paths.items()}}
        emit(json.dumps(told, indent=2, allow_nan=False))
    else:
        print(next(p for p in paths.values() if p.suffix == ".md").read_text(encoding="utf-8"))
        print("\n".join(map(str, paths.values())))
