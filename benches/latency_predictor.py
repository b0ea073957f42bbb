"""How well latency is predicted: by a lookup table, by a predictor, and by one carried over to another runtime.

A cell is a space, a kind of file and a seed. The file is measured as `archwright profile` does; then networks that
were drawn with another seed are measured whole, in rounds with a reference call, and predicted. A network whose round
drifted by more than 10 % four times in a row is discarded, and counted. Prints for each cell the share of networks
within 10 % of what was measured, the median error and the rank correlation; `before` is that of the file of torch's
eager runtime, used for onnxruntime as it is. At the end stands the mean over the seeds with its standard error. A line
for each finished cell goes into a JSONL file, and what is in there already is not run again.

Usage: python benches/latency_predictor.py [--seeds 3] [--networks 40] [--out FILE] [--cells table:proxyless
predictor:chain ...]
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
CELLS = ("table:proxyless", "predictor:proxyless", "predictor:chain", "transfer:chain")
EAGER, ONNX = Setting(device="cpu"), Setting(device="cpu", runtime="onnxruntime")


def judged(model: LatencyModel, space: Space, example: Any, networks: int, seed: int) -> dict[str, Any]:
    """How well a model predicts networks that it has not seen."""
    random = Random(10_000 + seed)
    drawn = {str(i): space.build(space.sample(random), example) for i in range(networks)}
    timed = time_modules({name: (one, example) for name, one in drawn.items()}, model.provenance.setting)
    kept = [name for name, one in timed.items() if one.drift <= DRIFT]
    predicted = [model.predict(drawn[name], example) for name in kept]
    measured = [timed[name].median for name in kept]
    # The file and these networks are measured at two times: the reference call says how busy the machine was at each.
    busier = next(iter(timed.values())).reference / model.provenance.reference
    predicted = [busier * one for one in predicted]
    factor = statistics.median(m / p for p, m in zip(predicted, measured, strict=True))
    return {
        **asdict(Agreement.of(predicted, measured)),
        "within_shares": Agreement.of([factor * one for one in predicted], measured).within,
        "busier": busier,
        "factor": factor,
        "discarded": networks - len(kept),
        "spread": max(measured) / min(measured),
    }


def cell(kind: str, name: str, seed: int, networks: int) -> dict[str, Any]:
    """One file, and how well it predicts."""
    space = SPACES.make(name, SHAPE, 10)
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
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("latency_predictor.jsonl"))
    parser.add_argument("--cells", nargs="+", default=CELLS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    done = {(row["cell"], row["seed"]): row for row in map(json.loads, lines)}
    for seed in range(options.seeds):
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
        for column in ("within", "within_shares", "error", "correlation"):
            values = [row[column] for row in rows]
            error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
            told.append(f"{column} {statistics.mean(values):.3f} ± {error:.3f}")
        print(f"{one:<22} {', '.join(told)}; {sum(row['discarded'] for row in rows)} networks discarded")


if __name__ == "__main__":
    main()
