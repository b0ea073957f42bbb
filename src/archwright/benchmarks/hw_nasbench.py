"""HW-NAS-Bench (Li et al. 2021, arXiv:2103.10584): what NAS-Bench-201's networks cost on devices."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

from archwright.benchmarks.nasbench201 import DATASETS, nasbench201
from archwright.benchmarks.official import official_file, parsing
from archwright.benchmarks.table import Table
from archwright.errors import UsageError, did_you_mean
from archwright.estimators.tabular import Row, Runs
from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture

__all__ = ["WHERE", "hw_nasbench"]

WHERE = "https://github.com/GATECH-EIC/HW-NAS-Bench"
"""Where the file is published."""

_NO_COSTS = ("config", "average_hw_metric")


def hw_nasbench(
    file: str | Path | None,
    dataset: str = "cifar10",
    *,
    accuracies: str | Path | None = None,
    runs: Runs = "mean",
) -> Table:
    """The costs of the 15,625 cells of NAS-Bench-201 on devices, and their accuracies where that file is given too.

    The metrics have the file's names and units: "edgegpu_latency" (ms), "edgegpu_energy" (mJ), "raspi4_latency",
    "edgetpu_latency", "pixel3_latency", "eyeriss_latency", "eyeriss_energy", "fpga_latency", "fpga_energy" and so on;
    all are to be minimised. `eyeriss_arithmetic_intensity`, in operations a byte, is to be maximised.

    Args:
        file: `HW-NAS-Bench-v1_0.pickle`, read by an unpickler that knows plain data and numbers alone.
        dataset: "cifar10", "cifar100" or "ImageNet16-120".
        accuracies: The file of NAS-Bench-201: its "accuracy" becomes the first objective.
        runs: Of the accuracies: the "mean" of the runs, or one "drawn".

    Raises:
        TaskError: When the file names anything but numbers and arrays.
        UsageError: When the data set is unknown, or there is no such file, or it is another.
    """
    from archwright.spaces.zoo import nasbench201_space

    if dataset not in DATASETS:
        raise UsageError(f"HW-NAS-Bench has no data set {dataset!r}.{did_you_mean(dataset, DATASETS)}")
    path = official_file(file, "HW-NAS-Bench", "HW-NAS-Bench-v1_0.pickle", WHERE)
    rows, names = _costs(path, dataset)
    objectives = [
        Objective(name, Direction.MAXIMIZE if name.endswith("intensity") else Direction.MINIMIZE)
        for name in names
    ]
    test = None
    if accuracies is not None:
        trained = nasbench201(accuracies, dataset)
        rows = {
            key: Row({**row.metrics, **trained.rows[key].metrics}, trained.rows[key].seconds)
            for key, row in rows.items()
            if key in trained.rows
        }
        objectives = [*trained.objectives, *objectives]
        test = trained.test
    return Table(
        f"hw-nas-bench:{dataset}",
        nasbench201_space(*DATASETS[dataset]),
        rows,
        tuple(objectives),
        test=test,
        runs=runs,
    )


def _costs(path: Path, dataset: str) -> tuple[dict[Hashable, Row], list[str]]:
    """The costs of each cell, and their names."""
    from archwright.spaces.zoo.nasbench201 import from_string
    from archwright.tasks.datasets.restricted_pickle import ARRAYS, NUMBERS, load_plain  # loads torch

    with path.open("rb") as opened:
        content = load_plain(opened, str(path), {**ARRAYS, **NUMBERS})
    rows: dict[Hashable, Row] = {}
    with parsing(path, "the official file of HW-NAS-Bench"):
        found: dict[str, Any] = content["nasbench201"][dataset]
        names = [name for name in found if name not in _NO_COSTS]
        configs = found["config"]
        for number, config in configs.items() if isinstance(configs, dict) else enumerate(configs):
            costs = {name: (float(found[name][number]),) for name in names}
            rows[Architecture(from_string(config["arch_str"]))] = Row(costs)
    return rows, names
