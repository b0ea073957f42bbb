"""Recorded learning curves for the benches: where they are read from, and how. `make data` fetches those of packages.

Each set is a list of `Curve`s of one length, with the decisions of its networks: `mnist1d-curves` (200 networks x 50
epochs, ships with Archwright), `scan-vlm` (134 CLIP models x 10 epochs, top-1 on ImageNet, package scan-bench) and
`lcdb` (1,000 curves of 20 learners on 200 data sets, 10 sizes of the training data, package lcdb).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from archwright.benchmarks.mnist1d_curves import mnist1d_curves
from archwright.surrogates.curves import Curve

DATA = Path(__file__).resolve().parents[1] / ".data"
SETS = ("mnist1d-curves", "scan-vlm", "lcdb")
HALVES = ("choose", "judge", "all")


def mnist1d() -> list[Curve]:
    """By the validation accuracy."""
    table = mnist1d_curves()
    return [
        Curve(np.arange(1.0, row.epochs + 1.0), np.array(row.metrics["accuracy"]), dict(key))
        for key, row in table.curves.items()
    ]


def scan_vlm(folder: Path) -> list[Curve]:
    """The runs planned for 10 epochs that did not diverge."""
    frame = pd.read_csv(folder / "scan-bench" / "scan_bench" / "vlm" / "data.csv")
    decisions = [
        "global_batch_size",
        "beta1",
        "beta2",
        "lr",
        "text_width",
        "vision_width",
        "warmup_fraction",
        "wd",
    ]
    made = []
    for _, run in frame[frame.total_epochs == 10].groupby("config_id"):
        run = run.sort_values("epoch")
        if len(run) == 10 and not run.epoch_diverged.any() and run.imagenet1k_acc1.notna().all():
            values = {name: float(run[name].iloc[0]) for name in decisions}
            logarithms = {name: float(np.log10(values[name])) for name in ("lr", "wd", "global_batch_size")}
            made.append(Curve(np.arange(1.0, 11.0), run.imagenet1k_acc1.to_numpy(), {**values, **logarithms}))
    return made


def lcdb(folder: Path) -> list[Curve]:
    """Mean validation accuracy of a learner on a data set by the size of its training data, 16 to 362 examples."""
    frame = pd.read_csv(
        folder / "lcdb" / "lcdb" / "database-accuracy.csv",
        usecols=["openmlid", "learner", "size_train", "score_valid"],
    )
    means = frame.groupby(["openmlid", "learner", "size_train"]).score_valid.mean().unstack()
    sizes = [round(16 * 2 ** (i / 2)) for i in range(10)]
    whole = means[sizes].dropna()
    chosen = whole.sample(min(1000, len(whole)), random_state=0)
    x = np.array(sizes, dtype=np.float64) / sizes[0]
    return [
        Curve(x, row.to_numpy(), {"learner": learner, "data": str(data)})
        for (data, learner), row in chosen.iterrows()
    ]


def curve_set(name: str, folder: Path = DATA) -> list[Curve] | None:
    """The curves of a set; None, and a line that says so, where its package was not fetched."""
    try:
        if name == "mnist1d-curves":
            return mnist1d()
        return {"scan-vlm": scan_vlm, "lcdb": lcdb}[name](folder)
    except FileNotFoundError as error:
        print(f"{name}: no {error.filename}; `make data` fetches it", file=sys.stderr)
        return None


def curve_half(name: str, half: str) -> list[Curve] | None:
    """A random half of a set, always the same: "choose" for what is chosen by looking, "judge" for what judges it."""
    curves = curve_set(name)
    if curves is None or half == "all":
        return curves
    order = np.random.default_rng(12345).permutation(len(curves))
    middle = len(curves) // 2
    return [curves[i] for i in (order[:middle] if half == "choose" else order[middle:])]
