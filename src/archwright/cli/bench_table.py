"""What the benchmarks have in common: the options that say which table they are on, and how results are printed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from archwright.cli.streams import emit

if TYPE_CHECKING:
    from archwright.benchmarks import Table

__all__ = ["GivenTable", "folder_of", "print_results", "strategy_options", "words"]


@dataclass(frozen=True)
class GivenTable:
    """Which table a benchmark is on.

    Args:
        table (TABLE): nas-bench-graph:DATASET; nas-bench-101, nas-bench-201:DATASET or hw-nas-bench:DATASET with
            --file; or a CSV, JSON or Parquet file of decisions and metrics.
        file (FILE): The official file of the benchmark.
        decision (COLUMN): Of a file: a decision; by default all columns that are no metric.
        metric (NAME=COLUMN,COLUMN): Of a file: the columns that are the runs of a metric.
        test (NAME): Of a file: the metric of the report.
        seconds (COLUMN,COLUMN): Of a file: what each run took to train.
        canonical (FILE.py:FUNCTION): Of a file: what is equal for two spellings of one network.
        epoch (COLUMN): Of a file whose rows are epochs: what counts them, from 1.
    """

    table: str | None = None
    file: list[str] | None = None
    decision: list[str] | None = None
    metric: list[str] | None = None
    test: str | None = None
    seconds: str | None = None
    canonical: str | None = None
    epoch: str | None = None

    def load(self, command: str, objectives: list[str], runs: Literal["mean", "drawn"] = "mean") -> Table:
        """Read it.

        Args:
            command: Which asks, for the message where no table is given.
            objectives: What is optimised or predicted, as the user wrote it.
            runs: What is taken of a network that was trained several times.

        Raises:
            UsageError: When no table is given, or what is given does not fit.
        """
        from archwright.benchmarks import load_table
        from archwright.errors import UsageError

        if self.table is None:
            raise UsageError(f"{command}: expected a table, such as --table nas-bench-graph:cora")
        return load_table(
            self.table,
            files=self.file or [],
            decisions=self.decision or [],
            metrics=_metric_columns(self.metric or []),
            objectives=objectives,
            test=self.test,
            seconds=words(self.seconds or ""),
            canonical=self.canonical,
            epoch=self.epoch,
            runs=runs,
        )


def folder_of(table: Table) -> str:
    """Where results on a table go by default."""
    return f"bench/{table.name.replace(':', '-').replace('/', '-')}"


def words(text: str) -> list[str]:
    """The words between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def strategy_options(given: list[str]) -> dict[str, dict[str, Any]]:
    """From `["evolution.population_size=50"]` to the options of each strategy."""
    from archwright.cli.values import keyed
    from archwright.errors import UsageError

    found: dict[str, dict[str, Any]] = {}
    for name, value in keyed(given).items():
        where, colon, named = name.rpartition(":")  # a file's name has a dot
        strategy, dot, own = named.partition(".")
        strategy = f"{where}{colon}{strategy}"
        if not dot or not own:
            raise UsageError(
                f"--option {name!r}: expected STRATEGY.NAME=VALUE, such as evolution.population_size=50"
            )
        found.setdefault(strategy, {})[own] = value
    return found


def _metric_columns(given: list[str]) -> dict[str, list[str]]:
    """From `["accuracy=run_1,run_2"]` to the columns of each metric."""
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
