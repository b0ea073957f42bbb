"""Seconds of a training step with the channels last in memory, and in the usual order; one thread of a CPU.

Networks of built-in spaces for pictures are timed in both orders in turn, by processor time. Printed is by how much
faster the other order is, per space: the geometric mean of the ratios with its standard error. A line of JSON is
written for each network; called again, the script goes on with what is missing.

Usage: OMP_NUM_THREADS=1 python benches/layout.py [--spaces NAME...] [--seeds 3] [--side 32] [--out layout.jsonl]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from archwright.estimators import Recipe
from archwright.estimators.training import Training
from archwright.experiments.references import resolve_space
from archwright.learning.layout import plain_layout
from archwright.spaces import Space
from archwright.tasks import Task, from_arrays
from archwright.trials import Candidate

SPACES = ("chain", "nasbench201", "cell", "nasnet", "enas", "mobilenet_v3", "efficientnet", "randomly_wired")
STEPS, TURNS = 4, 3


def pictures(side: int) -> Task:
    """Random pictures of three channels in ten classes."""
    inputs = np.random.default_rng(0).random((400, 3, side, side), dtype=np.float32)
    return from_arrays(inputs, np.arange(400) % 10, seed=0)


def step_seconds(space: Space, task: Task, seed: int) -> tuple[float, float]:
    """Median seconds of a step in the usual order, and with the channels last."""
    training = Training(space, task, Recipe(epochs=100), accelerator="cpu", threads=1)
    taken: dict[bool, list[float]] = {True: [], False: []}
    with training.prepared(Candidate(space.sample(seed))) as (trainer, _, _):
        events = (event for event in trainer.run() if event.kind == "step")
        for turn in range(2 * TURNS):
            is_last = turn % 2 == 0
            plain_layout(trainer.network)
            if is_last:
                trainer.network.to(memory_format=torch.channels_last)
            next(events)  # the first step in an order makes its buffers
            for _ in range(STEPS):
                before = time.process_time()
                next(events)
                taken[is_last].append(time.process_time() - before)
    return statistics.median(taken[False]), statistics.median(taken[True])


def main() -> None:
    """Time the networks that are missing and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spaces", nargs="+", default=SPACES, metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--out", type=Path, default=Path("layout.jsonl"))
    options = parser.parse_args()
    lines = (
        [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    )
    done = {tuple(line["cell"]): line for line in lines}
    task = pictures(options.side)
    for name in options.spaces:
        space = resolve_space(name, task)
        for seed in range(options.seeds):
            cell = (name, seed, options.side)
            if cell not in done:
                usual, last = step_seconds(space, task, seed)
                done[cell] = {"cell": cell, "usual": usual, "channels_last": last}
                with options.out.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(done[cell]) + "\n")
        logs = [
            math.log(
                done[name, seed, options.side]["usual"] / done[name, seed, options.side]["channels_last"]
            )
            for seed in range(options.seeds)
        ]
        error = statistics.stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else math.nan
        mean = math.exp(statistics.mean(logs))
        print(f"{name:16} {mean:.2f} times as fast ± {mean * error:.2f}  (n={len(logs)})", flush=True)


if __name__ == "__main__":
    main()
