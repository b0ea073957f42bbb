"""From what a user writes to a table: `nas-bench-graph:cora`, the path of a file."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.benchmarks.columns import SUFFIXES, read_columns
from archwright.benchmarks.table import Table
from archwright.errors import UsageError, did_you_mean
from archwright.estimators.estimator import Estimator
from archwright.estimators.tabular import Runs, TabularEstimator
from archwright.estimators.tabular_curves import TabularCurves
from archwright.registry import Entry, Registry
from archwright.spaces import Space

if TYPE_CHECKING:
    from archwright.tasks import Task

__all__ = ["COLUMNS", "TABLES", "load_table", "spelled", "tabular"]

_HERE = "archwright.benchmarks"

TABLES = Registry[Table, Entry](
    "table",
    "archwright.tables",
    {
        "nas-bench-graph": Entry(
            f"{_HERE}.nasbench_graph:nasbench_graph",
            "26,206 graph networks on each of 8 data sets, 2,021 on proteins; extra 'bench'",
        ),
        "nas-bench-101": Entry(
            f"{_HERE}.nasbench101:nasbench101",
            "423,624 cells on CIFAR-10; --file nasbench_only108.tfrecord or nasbench_full.tfrecord",
        ),
        "nas-bench-201": Entry(
            f"{_HERE}.nasbench201:nasbench201",
            "15,625 cells on cifar10, cifar100, ImageNet16-120; extra 'bench', or --file NAS-Bench-201-v1_1-096897.pth",
        ),
        "hw-nas-bench": Entry(
            f"{_HERE}.hw_nasbench:hw_nasbench",
            "latency and energy of those on devices; --file HW-NAS-Bench-v1_0.pickle",
        ),
        "mnist1d-curves": Entry(
            f"{_HERE}.mnist1d_curves:mnist1d_curves",
            "the learning curves of 200 small networks on MNIST-1D, 50 epochs each; ships with Archwright",
        ),
    },
    supplied=("dataset", "file", "accuracies", "runs"),
)
"""The tables known by name: called with the data set, official files and runs that they take."""

COLUMNS = {"FILE": "a CSV, JSON or Parquet file whose columns are decisions and metrics"}
"""How a table of one's own is referred to, and what it is."""


def load_table(
    reference: str,
    *,
    files: Sequence[str | Path] = (),
    objectives: Sequence[str] = (),
    runs: Runs = "mean",
    **columns: Any,
) -> Table:
    """The table that a reference means.

    Args:
        reference: A file, or a name of `TABLES`, with a data set behind a colon: `nas-bench-201:cifar100`.
        files: The official file of a benchmark that is not a package; for `hw-nas-bench` a second one may be that of
            NAS-Bench-201, whose accuracies are joined.
        objectives: Of a file of columns: `max:NAME` and `min:NAME`, the first first.
        runs: "mean" of repeated runs, or one "drawn".
        columns: What the columns of a file mean: `decisions`, `metrics`, `test`, `seconds`, `canonical` and
            `epoch` of `read_columns`.

    Raises:
        UsageError: When nothing is meant by the reference, a file is missing, or an argument does not fit it.
    """
    if runs not in ("mean", "drawn"):
        raise UsageError(f"expected runs to be 'mean' or 'drawn', got {runs!r}")
    if Path(reference).suffix.lower() in SUFFIXES:
        if files:
            raise UsageError(f"{reference} is the file itself; leave out --file")
        return read_columns(reference, objectives=objectives, runs=runs, **columns)
    if any(columns.values()):
        raise UsageError(f"{reference}: {', '.join(columns)} go with a file of columns only")
    return _named_table(reference, files, runs)


def _named_table(reference: str, files: Sequence[str | Path], runs: Runs) -> Table:
    name, _, dataset = reference.partition(":")
    if name not in TABLES:
        raise UsageError(f"unknown table {reference!r}.{did_you_mean(name, [*TABLES, 'FILE'])}")
    known = inspect.signature(TABLES[name].load()).parameters
    given: dict[str, Any] = dict(zip((n for n in ("file", "accuracies") if n in known), files, strict=False))
    if len(files) > len(given):
        raise UsageError(f"{reference}: expected {len(given) or 'no'} files at most, got {len(files)}")
    if dataset and "dataset" not in known:
        raise UsageError(f"{reference}: the table {name} has no data sets; leave out {dataset!r}")
    if dataset:
        given["dataset"] = dataset
    return TABLES.make(name, **{"file": None, "runs": runs, **given})


def tabular(
    space: Space,
    task: Task | None,
    *,
    table: str,
    file: str | None = None,
    runs: Runs = "mean",
    seed: int = 0,
) -> Estimator:
    """An estimator that looks a space's networks up in a table known by name.

    Args:
        space: The space that is searched; its decisions must be those of the table's own.
        task: Not used: the table's networks were trained on its data set.
        table: A name of `TABLES`, with a data set behind a colon.
        file: The benchmark's official file, where it is not a package.
        runs: "mean" of repeated runs, or one "drawn".
        seed: Of the draws.

    Raises:
        UsageError: When there is no such table or file, or it is of another space.
    """
    loaded = load_table(table, files=[] if file is None else [file], runs=runs)
    if set(space.decisions) != set(loaded.space.decisions):
        raise UsageError(
            f"the table {table!r} is of another space than {space.name!r}; search {loaded.space.name!r}"
        )
    if loaded.curves:
        return TabularCurves(space, loaded.curves)
    return TabularEstimator(space, loaded.rows, epochs=loaded.epochs, runs=runs, seed=seed)


def spelled(name: str) -> str:
    """How a user refers to a table: its name, with a data set where it has several."""
    try:
        has_several = "dataset" in inspect.signature(TABLES[name].load()).parameters
    except UsageError:  # of another package, and broken: its summary says how
        return name
    return f"{name}:DATASET" if has_several else name
