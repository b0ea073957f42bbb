"""The spaces for tables beside each other: random search with the default recipe for so many processor seconds.

Each cell, a table, a space and a seed, samples architectures until the seconds are spent, and tests the best by
validation. A line of JSON is written for each finished cell; called again, the script goes on with what is missing.
Printed are the mean test score and its standard error, and how many networks were trained.

Usage: OMP_NUM_THREADS=1 python benches/table_spaces.py concrete.csv:compressive_strength segment.csv:category
           [--seconds 20] [--seeds 5] [--spaces mlp tabm ...] [--out table_spaces.jsonl]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from pathlib import Path
from random import Random
from typing import Any

from archwright.estimators import Recipe
from archwright.estimators.training import Training
from archwright.experiments import resolve_space
from archwright.tasks import Task, from_csv
from archwright.trials import Candidate

SPACES = ("mlp", "tabular_resnet", "ft_transformer", "tabm")


def cell(task: Task, name: str, seed: int, seconds: float) -> dict[str, Any]:
    """What one space reaches on one division of a table."""
    space, random, begun = resolve_space(name, task), Random(seed), time.process_time()
    training = Training(space, task, Recipe(seed=seed), accelerator="cpu", threads=1)
    best: tuple[float, Any] = (-math.inf, None)
    count = 0
    while not count or time.process_time() - begun < seconds:
        network, measured = training.fit(Candidate(space.sample(random)))
        count += 1
        if measured.metrics[task.metric] > best[0]:
            best = (measured.metrics[task.metric], network)
    return {"networks": count, "validation": best[0], "test": training.test(best[1])[task.metric]}


def main() -> None:
    """Run the cells that are missing and print all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", metavar="FILE:TARGET")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--spaces", nargs="+", default=SPACES)
    parser.add_argument("--out", type=Path, default=Path("table_spaces.jsonl"))
    options = parser.parse_args()
    done: dict[tuple[Any, ...], dict[str, Any]] = {}
    if options.out.exists():
        lines = map(json.loads, options.out.read_text().splitlines())
        done = {tuple(line["cell"]): line for line in lines}
    cells = [
        (table, name, seed, options.seconds)
        for seed in range(options.seeds)
        for table in options.tables
        for name in options.spaces
    ]
    for key in cells:
        if key not in done:
            table, name, seed, seconds = key
            file, _, target = table.rpartition(":")
            found = cell(from_csv(file, target, seed=seed), name, seed, seconds)
            done[key] = {"cell": list(key), **found}
            with options.out.open("a") as out:
                out.write(json.dumps(done[key]) + "\n")
    for table in options.tables:
        for name in options.spaces:
            lines = [done[key] for key in cells if key[:2] == (table, name)]
            scores = [line["test"] for line in lines]
            error = statistics.stdev(scores) / math.sqrt(len(scores)) if len(scores) > 1 else math.nan
            networks = statistics.mean(line["networks"] for line in lines)
            print(
                f"{table:40} {name:16} {statistics.mean(scores):.4f} ± {error:.4f}  {networks:.1f} networks"
            )


if __name__ == "__main__":
    main()
