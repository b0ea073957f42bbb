"""Children that begin as their parents compute, beside the same architectures trained from scratch, on MNIST-1D.

Each pair: a random architecture of the space `conv1d` is trained for all epochs; it is made larger by some random
changes (`archwright.strategies.growth`); the child is trained for a third of the epochs from the parent's weights, and
from scratch for all of them. Printed is the mean difference of the validation accuracy (morphed less fresh, percentage
points) with its standard error; that of a fresh child with a third of the epochs is beside it. A line of JSON is
written for each finished pair; called again, the script goes on with what is missing.

Usage: OMP_NUM_THREADS=1 python benches/morphism.py [--pairs 20] [--epochs 30] [--changes 2] [--units fresh|copies]
           [--out morphism.jsonl]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from pathlib import Path
from random import Random
from typing import Any

from archwright.estimators import Recipe
from archwright.estimators.morphism import EXACT, Inheritance
from archwright.estimators.training import Training
from archwright.spaces.zoo import make_space
from archwright.strategies.growth import grown
from archwright.tasks import make_task
from archwright.trials import Candidate, Fidelity, LocalTrial

SHARE = 1 / 3


def pair(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One parent, its child morphed and fresh."""
    task = make_task("mnist1d")
    space = make_space("conv1d", task.input_shape, task.outputs)
    recipe = Recipe(epochs=options.epochs, seed=seed)
    inheritance = Inheritance(SHARE, options.units)
    training = Training(space, task, recipe, accelerator="cpu", threads=1, inheritance=inheritance)
    random = Random(seed)
    parent = space.sample(random)
    child = parent
    for _ in range(options.changes):
        child = grown(space, child, random) or space.mutate(child, random)
    trial = LocalTrial(0)
    before = training.estimate(Candidate(parent), trial)
    morphed = training.estimate(
        Candidate(child, parent=0, inherit="morph"), LocalTrial(1, parent=trial.checkpoint)
    )
    fresh = training.estimate(Candidate(child), LocalTrial(2))
    short = training.estimate(
        Candidate(child, Fidelity(epochs=inheritance.epochs(options.epochs))), LocalTrial(3)
    )
    return {
        "cell": [seed, options.epochs, options.changes, options.units],
        "parent": before.metrics["accuracy"],
        "morphed": morphed.metrics["accuracy"],
        "fresh": fresh.metrics["accuracy"],
        "short": short.metrics["accuracy"],
        "change": morphed.metrics["morph_change"],
        "inherited": morphed.metrics["inherited"],
        "seconds": [before.seconds, morphed.seconds, fresh.seconds],
    }


def told(name: str, differences: list[float]) -> str:
    """A mean with its standard error, in percentage points."""
    error = statistics.stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else math.nan
    return f"{name} {100 * statistics.mean(differences):+.2f} ± {100 * error:.2f}"


def main() -> None:
    """Train what is missing, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=30, help="of parents and of fresh children")
    parser.add_argument("--changes", type=int, default=2)
    parser.add_argument("--units", choices=["fresh", "copies"], default="fresh")
    parser.add_argument("--out", type=Path, default=Path("morphism.jsonl"))
    options = parser.parse_args()
    lines = (
        [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    )
    done = {tuple(line["cell"]): line for line in lines}
    found = []
    for seed in range(options.pairs):
        cell = (seed, options.epochs, options.changes, options.units)
        if cell not in done:
            done[cell] = pair(seed, options)
            with options.out.open("a") as file:
                file.write(json.dumps(done[cell]) + "\n")
            print(json.dumps(done[cell]), flush=True)
        found.append(done[cell])
    exact = sum(line["change"] <= EXACT for line in found)
    inherited = 100 * statistics.mean(line["inherited"] for line in found)
    print(f"{len(found)} pairs, {options.epochs} epochs for parents and fresh children")
    print(
        f"{exact} children began exactly as their parents; {inherited:.0f} % of the weights are in inherited layers"
    )
    print(
        told(
            "morphed after a third less fresh after all:", [line["morphed"] - line["fresh"] for line in found]
        ),
        told(
            "\nfresh after a third less fresh after all:", [line["short"] - line["fresh"] for line in found]
        ),
        told("\nmorphed less its parent:", [line["morphed"] - line["parent"] for line in found]),
    )


if __name__ == "__main__":
    main()
