"""One once-for-all supernet on Fashion-MNIST: its networks for five limits beside the same networks trained alone.

For each seed a supernet is trained (`--method`), then `aw.specialise` takes five networks from it, at bounds of even
ratios between the smallest and the largest by multiply-accumulates, and each of these is trained from scratch by the
recipe that the supernet has: SGD on a cosine, the same batches and learning rate, for as many epochs as the supernet
trains its largest network: by once_for_all the first phase (180 of 590, as in the paper), by the sandwich rule all.
Printed are, for each limit, the mean over seeds of both test accuracies, their paired difference in percentage points
with its standard error, and the processor time that specialising took, export and test included.

A line of JSON is written for each finished cell; called again, the script goes on with what is missing.

Usage: OMP_NUM_THREADS=1 python benches/once_for_all.py [--seeds 3] [--images 60000] [--epochs 120]
           [--method once_for_all|sandwich] [--out once_for_all.jsonl]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from pathlib import Path
from typing import Any

from torch import nn

import archwright as aw
from archwright.estimators.training import Training
from archwright.session import specialise
from archwright.spaces.zoo.blocks import ConvNorm, MobileBlock, Resize
from archwright.trials import Candidate
from puzzle_subjects import fashion

LIMITS = 5
RATE = 0.05
LARGEST = {"once_for_all": 180 / 590, "sandwich": 1.0}
"""The share of a supernet's epochs in which its largest network is trained."""


def space(shape: tuple[int, ...] = (1, 28, 28), outputs: int = 10) -> aw.Space:
    """Two units of one to three mobile blocks, at a quarter and an eighth of the image's side."""

    def block(i: int, before: int, after: int) -> Any:
        inputs = after if i else before
        kernel = aw.choice(3, 5, 7, name="kernel_size")
        expansion = aw.choice(2, 3, 4, name="expansion")
        return aw.layer(MobileBlock, inputs, after, kernel, expansion * inputs, 1 if i else 2)

    def unit(number: int, before: int, after: int) -> Any:
        times = aw.integer(1, 3, name="depth")
        return aw.layer(
            nn.Sequential, aw.repeat(lambda i: block(i, before, after), times=times, name=f"units.{number}")
        )

    resize = aw.layer(Resize, aw.choice(20, 24, 28, name="resolution"))
    body = [resize, aw.layer(ConvNorm, shape[0], 16, 3, 2), unit(0, 16, 24), unit(1, 24, 48)]
    head = [aw.layer(ConvNorm, 48, 96, 1), aw.layer(nn.AdaptiveAvgPool2d, 1), aw.layer(nn.Flatten)]
    return aw.Space(aw.layer(nn.Sequential, *body, *head, aw.layer(nn.Linear, 96, outputs)), name="elastic")


class Cells:
    """One seed: what is done, and what is missing."""

    def __init__(self, seed: int, options: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
        self.seed, self.options, self.rows = seed, options, rows
        self.task, self.space = fashion(options.images, seed), space()
        self.folder = options.out.with_suffix("") / f"{options.method}-{seed}"

    def row(self, kind: str, limit: int) -> dict[str, Any] | None:
        """A finished cell."""
        key = {"seed": self.seed, "method": self.options.method, "kind": kind, "limit": limit}
        return next((row for row in self.rows if key.items() <= row.items()), None)

    def write(self, kind: str, limit: int, **found: Any) -> None:
        """Keep a finished cell."""
        row = {"seed": self.seed, "method": self.options.method, "kind": kind, "limit": limit, **found}
        self.rows.append(row)
        with self.options.out.open("a") as file:
            print(json.dumps(row), file=file)
        print({name: value for name, value in row.items() if name != "architecture"}, flush=True)

    def run(self) -> None:
        """All cells of the seed."""
        if self.row("supernet", 0) is None:
            begin = time.process_time()
            method = {"epochs": self.options.epochs, "learning_rate": RATE, "batch_size": 64}
            if (self.folder / "experiment.json").exists():
                result = aw.resume(self.folder, space=self.space, task=self.task, progress=False)
            else:
                result = aw.search(
                    self.space,
                    self.task,
                    strategy=self.options.method,
                    strategy_options=method,
                    budget=aw.Budget(trials=self.options.trials),
                    retrain=0,
                    seed=self.seed,
                    accelerator="cpu",
                    onnx=False,
                    progress=False,
                    out=self.folder,
                )
            best = result.best.metrics["accuracy"]
            self.write("supernet", 0, seconds=time.process_time() - begin, best_validation=best)
        if self.row("specialised", LIMITS - 1) is None:
            begin = time.process_time()
            found = specialise(
                self.folder, front="macs", points=LIMITS, space=self.space, task=self.task, formats=()
            )
            processor = (time.process_time() - begin) / LIMITS
            for limit, one in enumerate(found):
                told = {
                    "validation": one.metrics["accuracy"],
                    "test": one.test["accuracy"],
                    "seconds": one.seconds,
                    "processor": processor,
                }
                self.write(
                    "specialised",
                    limit,
                    macs=one.costs["macs"],
                    **told,
                    architecture=one.architecture.to_json(),
                )
        for limit in range(LIMITS):
            if self.row("alone", limit) is None:
                self.train_alone(limit)

    def train_alone(self, limit: int) -> None:
        """The network of a limit, from scratch."""
        taken = self.row("specialised", limit)
        assert taken is not None
        architecture = self.space.architecture(taken["architecture"])
        recipe = aw.Recipe(
            epochs=round(self.options.epochs * LARGEST[self.options.method]),
            batch_size=64,
            optimizer="sgd",
            learning_rate=RATE,
            momentum=0.9,
            weight_decay=3e-5,
            schedule="cosine",
            gradient_clip=5.0,
            seed=self.seed,
        )
        training = Training(self.space, self.task, recipe, accelerator="cpu", threads=1)
        begin = time.process_time()
        network, measured = training.fit(Candidate(architecture))
        test = training.test(network)["accuracy"]
        spent = time.process_time() - begin
        self.write("alone", limit, validation=measured.metrics["accuracy"], test=test, seconds=spent)


def summary(rows: list[dict[str, Any]], method: str) -> None:
    """Both accuracies for each limit, and their difference over the seeds that have both."""
    print(f"{method}: limit, macs, specialised, alone, difference in points, processor time of one")
    for limit in range(LIMITS):
        mine = {(r["kind"], r["seed"]): r for r in rows if r["limit"] == limit and r["method"] == method}
        seeds = sorted({seed for kind, seed in mine if kind == "alone"})
        if not seeds:
            continue
        taken, alone = ([mine[kind, seed] for seed in seeds] for kind in ("specialised", "alone"))
        differences = [100 * (a["test"] - b["test"]) for a, b in zip(taken, alone, strict=True)]
        error = statistics.stdev(differences) / math.sqrt(len(seeds)) if len(seeds) > 1 else math.nan
        macs, both = statistics.fmean(row["macs"] for row in taken), (taken, alone)
        scores = "  ".join(f"{statistics.fmean(row['test'] for row in rows):.4f}" for rows in both)
        longest = max(row["processor"] for row in taken)
        difference = f"{statistics.fmean(differences):+.2f} ± {error:.2f}"
        print(f"{limit}  {macs:9,.0f}  {scores}  {difference}  {longest:.1f} s", flush=True)


def main() -> None:
    """Run what is missing, then print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--method", default="once_for_all", choices=("once_for_all", "sandwich"))
    parser.add_argument("--out", type=Path, default=Path("once_for_all.jsonl"))
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    for seed in range(options.seeds):
        Cells(seed, options, rows).run()
        summary(rows, options.method)


if __name__ == "__main__":
    main()
