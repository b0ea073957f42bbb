"""How well latency is predicted: by a lookup table, by a predictor, and by one carried over to another runtime.

A cell is a space, a kind of file and a seed. The file is measured as `archwright profile` does; then networks that
were drawn with another seed are measured whole, twice, and predicted. What counts is the shortest run, which other
processes disturb least, in rounds with a reference call. A network whose round was over 10 % slower than the quietest
three times in a row is discarded, and counted. Prints for each cell the share of networks within 10 % of what was first
measured, the median error and the rank correlation, and beside each, as `again_`, that of the second measurement: no
file can agree better with the first than that does. `spread` is by how many times the slowest network is slower than
the fastest, `within_shares` the share within 10 % after one factor for all. At the end stands the mean over the seeds
with its standard error. A line for each finished cell goes into a JSONL file, and what is in there already is not run
again.

Usage: python benches/latency_predictor.py [--seeds 3] [--first-seed 0] [--networks 40] [--out FILE]
[--cells table:nasbench201 predictor:chain ...]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import torch

from archwright.hardware import Agreement, LatencyModel, Setting, measure_predictor, measure_table, transfer
from archwright.hardware.timing import DRIFT, time_modules
from archwright.spaces import Space
from archwright.spaces.zoo.registry import SPACES

SHAPE = (1, 28, 28)
CELLS = (
    "table:nasbench201", "predictor:nasbench201", "predictor:chain", "transfer:chain",
    "table:proxyless", "predictor:proxyless",
)  # fmt: skip
OPTIONS = {"nasbench201": {"cells": 2}}
"""Of the spaces: one with fewer cells is measured sooner, and spans as wide a range."""
COLUMNS = (
    "within", "again_within", "within_shares", "error", "again_error", "correlation", "again_correlation", "spread",
)  # fmt: skip
EAGER, ONNX = Setting(device="cpu"), Setting(device="cpu", runtime="onnxruntime")


def judged(model: LatencyModel, space: Space, example: Any, networks: int, seed: int) -> dict[str, Any]:
    """How well a model predicts networks that it has not seen."""
    random = Random(20_000 + seed)
    drawn = {str(i): (space.build(space.sample(random), example), example) for i in range(networks)}
    first, second = (time_modules(drawn, model.provenance.setting, seconds=1.0) for _ in range(2))
    kept = [name for name in drawn if max(first[name].drift, second[name].drift) <= DRIFT]
    measured, again = ([one[name].least for name in kept] for one in (first, second))
    # They are measured at three times: the reference call says how fast the machine was at each.
    now, later = (next(iter(one.values())).reference_least for one in (first, second))
    assert model.provenance.reference is not None
    busier = now / model.provenance.reference
    predicted = [busier * model.predict(*drawn[name]) for name in kept]
    factor = statistics.median(m / p for p, m in zip(predicted, measured, strict=True))
    repeated = asdict(Agreement.of([now / later * one for one in again], measured))
    return {
        **asdict(Agreement.of(predicted, measured)),
        **{f"again_{name}": value for name, value in repeated.items()},
        "within_shares": Agreement.of([factor * one for one in predicted], measured).within,
        "busier": busier,
        "factor": factor,
        "median_over_least": statistics.median(first[name].median / first[name].least for name in kept),
        "discarded": networks - len(kept),
        "spread": max(measured) / min(measured),
    }


def cell(kind: str, name: str, seed: int, networks: int) -> dict[str, Any]:
    """One file, and how well it predicts."""
    space = SPACES.make(name, SHAPE, 10, **OPTIONS.get(name, {}))
    example = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(seed))
    begun = time.perf_counter()
    measure = measure_table if kind == "table" else measure_predictor
    model: LatencyModel = measure(space, example, EAGER, name=name, seed=seed)
    found: dict[str, Any] = {}
    if kind == "transfer":
        lines: list[str] = []
        model = transfer(model, space, example, ONNX, seed=seed, log=lines.append)
        found["log"] = lines
    seconds = time.perf_counter() - begun
    return {**found, **judged(model, space, example, networks, seed), "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("latency_predictor.jsonl"))
    parser.add_argument("--cells", nargs="+", default=CELLS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    done = {(row["cell"], row["seed"]): row for row in map(json.loads, lines)}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for one in options.cells:
            if (one, seed) in done:
                continue
            row = {"cell": one, "seed": seed, **cell(*one.split(":"), seed, options.networks)}
            done[one, seed] = row
            with options.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    for one in options.cells:
        rows = [row for (name, _), row in done.items() if name == one]
        told = []
        for column in COLUMNS:
            values = [row[column] for row in rows]
            error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
            told.append(f"{column} {statistics.mean(values):.3f} ± {error:.3f}")
        print(f"{one:<22} {', '.join(told)}; {sum(row['discarded'] for row in rows)} networks discarded")


if __name__ == "__main__":
    main()
