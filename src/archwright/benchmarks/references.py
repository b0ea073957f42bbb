"""From what a user writes to a table: `nas-bench-graph:cora`, the path of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from archwright.benchmarks.table import Table
from archwright.errors import UsageError, did_you_mean
from archwright.estimators.tabular import Runs

__all__ = ["TABLES", "load_table"]

TABLES: dict[str, str] = {
    "nas-bench-graph:DATASET": "26,206 graph networks on each of 8 data sets, 2,021 on proteins; extra 'bench'",
    "nas-bench-101": "423,624 cells on CIFAR-10; --file nasbench_only108.tfrecord or nasbench_full.tfrecord",
    "nas-bench-201:DATASET": "15,625 cells on cifar10, cifar100, ImageNet16-120; --file NAS-Bench-201-v1_1-096897.pth",
    "hw-nas-bench:DATASET": "latency and energy of those on devices; --file HW-NAS-Bench-v1_0.pickle",
    "FILE": "a CSV, JSON or Parquet file whose columns are decisions and metrics",
}
"""What can be loaded, with a line on each."""

_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")


def load_table(
    reference: str,
    *,
    files: Sequence[str | Path] = (),
    decisions: Sequence[str] = (),
    metrics: Mapping[str, Sequence[str]] | None = None,
    objectives: Sequence[str] = (),
    test: str | None = None,
    seconds: Sequence[str] = (),
    canonical: str | None = None,
    runs: Runs = "mean",
) -> Table:
    """The table that a reference means.

    Args:
        reference: See `TABLES`.
        files: The official file of a benchmark that is not a package; for `hw-nas-bench` a second one may be that of
            NAS-Bench-201, whose accuracies are joined.
        decisions: Of a file of columns: those that are decisions; empty takes all that are no metric.
        metrics: Of a file of columns: metric to the columns that are its runs.
        objectives: Of a file of columns: `max:NAME` and `min:NAME`, the first first.
        test: Of a file of columns: the metric to report.
        seconds: Of a file of columns: what each run took.
        canonical: Of a file of columns: `file.py:function`, from an architecture to its canonical form.
        runs: "mean" of repeated runs, or one "drawn".

    Raises:
        UsageError: When nothing is meant by the reference, a file is missing, or an argument does not fit it.
    """
    name, _, dataset = reference.partition(":")
    if runs not in ("mean", "drawn"):
        raise UsageError(f"expected runs to be 'mean' or 'drawn', got {runs!r}")
    if Path(reference).suffix.lower() in _SUFFIXES:
        from archwright.benchmarks.columns import read_columns

        if files:
            raise UsageError(f"{reference} is the file itself; leave out --file")
        return read_columns(
            reference,
            objectives=objectives,
            decisions=decisions,
            metrics=metrics,
            test=test,
            seconds=seconds,
            canonical=canonical,
            runs=runs,
        )
    if decisions or metrics or test or seconds or canonical:
        raise UsageError(
            f"{reference}: decisions, metrics, test, seconds and canonical go with a file of columns only"
        )
    if name == "nas-bench-graph":
        from archwright.benchmarks.nasbench_graph import nasbench_graph

        return nasbench_graph(dataset, file=_only(reference, files))
    if name == "nas-bench-101":
        from archwright.benchmarks.nasbench101 import nasbench101

        return nasbench101(_only(reference, files), runs=runs)
    if name == "nas-bench-201":
        from archwright.benchmarks.nasbench201 import nasbench201

        return nasbench201(_only(reference, files), dataset or "cifar10", runs=runs)
    if name == "hw-nas-bench":
        from archwright.benchmarks.hw_nasbench import hw_nasbench

        if len(files) > 2:
            raise UsageError(
                f"{reference}: expected its file and that of NAS-Bench-201 at most, got {len(files)}"
            )
        accuracies = files[1] if len(files) == 2 else None
        return hw_nasbench(
            files[0] if files else None, dataset or "cifar10", accuracies=accuracies, runs=runs
        )
    raise UsageError(f"unknown table {reference!r}.{did_you_mean(reference, TABLES)}")


def _only(reference: str, files: Sequence[str | Path]) -> str | Path | None:
    if len(files) > 1:
        raise UsageError(f"{reference}: expected one file, got {len(files)}")
    return files[0] if files else None
