"""EvoNorm's rejection tests: the share of random graphs that they reject, and the share that they reject wrongly.

Random graphs of the space `normalisation` that pass what is looked at before training are tested for 100 steps each on
scikit-learn's digits, and trained whether they are rejected or not. One that is rejected though its validation accuracy
after training is within two points of that of batch normalisation with ReLU, or better, is rejected wrongly, and so,
more mildly, is one that ends above the median of those that are kept. Printed are also the share of all random graphs
that is rejected before training, and what EvoNorm-S0, EvoNorm-B0 and batch normalisation with ReLU reach. A line of
JSON is written for each finished graph; called again, the script goes on.

Usage: OMP_NUM_THREADS=1 python benches/normalisations.py [--graphs 40] [--epochs 6] [--nodes 6]
           [--out normalisations.jsonl]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from random import Random
from typing import Any

from archwright.estimators import Recipe
from archwright.estimators.training import Training
from archwright.primitives import EVONORMS, NormActivation, RejectionTests, normalisation_space
from archwright.spaces import Architecture, Space
from archwright.tasks import Task, make_task
from archwright.trials import Candidate

WITHIN = 0.02
LOOKED_AT = 1_000


def row(
    space: Space, task: Task, tests: RejectionTests, architecture: Architecture, epochs: int
) -> dict[str, Any]:
    """What becomes of one graph."""
    training = Training(space, task, Recipe(epochs=epochs, batch_size=64), accelerator="cpu", threads=1)
    reason = tests.reason(architecture)
    try:
        accuracy = training.fit(Candidate(architecture))[1].metrics["accuracy"]
    except Exception as error:  # a graph that cannot be trained is what is counted
        return {"reason": reason, "accuracy": 0.0, "error": type(error).__name__}
    return {"reason": reason, "accuracy": accuracy}


def main() -> None:
    """Test and train what is missing, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--graphs", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--nodes", type=int, default=6)
    parser.add_argument("--out", type=Path, default=Path("normalisations.jsonl"))
    options = parser.parse_args()
    task = make_task("digits")
    space = normalisation_space(task.input_shape, task.outputs, channels=8, nodes=options.nodes)
    searched, random = NormActivation(options.nodes), Random(0)
    tests = RejectionTests(space, task)
    wanted = {name: searched.architecture(graph) for name, graph in EVONORMS.items()}
    wanted |= {str(i): space.sample(random) for i in range(options.graphs)}
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    known = {tuple(one["key"]): one for one in map(json.loads, lines)}
    for name, architecture in wanted.items():
        key = (name, options.epochs, options.nodes)
        if key not in known:
            known[key] = {"key": key, **row(space, task, tests, architecture, options.epochs)}
            with options.out.open("a") as file:
                file.write(json.dumps(known[key]) + "\n")
    rows = {name: known[name, options.epochs, options.nodes] for name in wanted}
    profiles = [searched.profile(searched.space.sample(random)) for _ in range(LOOKED_AT)]
    refused = sum(not (one.finite and one.varies) for one in profiles)
    print(f"rejected before training: {refused / LOOKED_AT:.1%} of {LOOKED_AT:,} random graphs")
    for name in EVONORMS:
        print(f"{name}: accuracy {rows[name]['accuracy']:.3f}, rejected: {rows[name]['reason']}")
    drawn = [one for name, one in rows.items() if name not in EVONORMS]
    rejected = [one for one in drawn if one["reason"] is not None]
    least = rows["batch_norm_relu"]["accuracy"] - WITHIN
    wrongly = [one for one in rejected if one["accuracy"] >= least]
    reasons = {
        why: sum(one["reason"] == why for one in rejected) for why in ("build", "quality", "stability")
    }
    print(f"rejected after 100 steps: {len(rejected)} of {len(drawn)} ({reasons})")
    print(f"wrongly, accuracy at least {least:.3f}: {len(wrongly)} of {len(rejected)} rejected")
    good = [one for one in drawn if one["accuracy"] >= least]
    print(f"of {len(good)} graphs that good {len(good) - len(wrongly)} are kept")
    kept = sorted(one["accuracy"] for one in drawn if one["reason"] is None)
    median = kept[len(kept) // 2] if kept else float("nan")
    above = [one for one in rejected if one["accuracy"] > median]
    print(f"kept: median accuracy {median:.3f}; of the rejected {len(above)} of {len(rejected)} end above it")


if __name__ == "__main__":
    main()
