"""A discovered activation beside ReLU and Swish, on two data sets and in two families of networks, paired by seed.

The search: random functions of the space `activation` (25 unary and 10 binary functions, one unit) are trained for few
epochs in a residual network on pictures of Fashion-MNIST (`make data`), averaged to 14 x 14; the best few are trained
again with other seeds and for longer, and the mean validation accuracy picks one. It is then judged on test data that
the search has not read, on Fashion-MNIST and on scikit-learn's digits, in residual networks and in perceptrons, with
seeds of its own.

Printed are, for each cell, the mean test accuracies, the paired differences from ReLU and Swish in percentage points
with their standard errors, and the p values of Student's paired test, two-sided; and over all cells that of Wilcoxon's
signed ranks. A line of JSON is written for each finished training; called again, the script goes on with what is
missing.

Usage: OMP_NUM_THREADS=1 python benches/activations.py [--functions 32] [--finalists 4] [--images 2500] [--seeds 5]
           [--epochs 6] [--screening] [--out activations.jsonl]
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from scipy import stats

from archwright.estimators import Recipe
from archwright.estimators.training import Training
from archwright.estimators.zero_cost import ProxyColumns, ZeroCost
from archwright.estimators.zero_cost.proxies import FEATURES
from archwright.primitives import PointwiseFunction, activation_space, formula_of
from archwright.spaces import Architecture
from archwright.surrogates import kendall, make_surrogate
from archwright.tasks import Task, from_arrays, make_task
from archwright.tasks.datasets.idx import read_idx
from archwright.trials import Candidate
from main_job_data import FOLDER

FAMILIES = {"residual": {"channels": 8, "blocks": 1}, "perceptron": {"channels": 64, "blocks": 2}}
DATA = ("fashion", "digits")
FINAL_SEEDS = 1000
"""The first seed of the judgement: those of the search are below."""


def unit(binary: str, first: str, second: str) -> Architecture:
    """A function of one unit."""
    return Architecture(
        {"activation.binary": binary, "activation.unary_1": first, "activation.unary_2": second}
    )


KNOWN = {"relu": unit("maximum", "relu", "relu"), "swish": unit("multiply", "identity", "sigmoid")}


@cache
def data(name: str, images: int, seed: int) -> Task:
    """The task, whose division into training and validation data is drawn anew for each seed."""
    if name == "digits":
        return make_task("digits", seed=seed)
    folder = next((FOLDER / "dataset-fashion-mnist").rglob("t10k-images-idx3-ubyte*")).parent

    def read(part: str) -> tuple[Any, Any]:
        files = (next(folder.glob(f"{part}-{what}*")) for what in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        pictures, labels = map(read_idx, files)
        halved = pictures.reshape(-1, 14, 2, 14, 2).mean((2, 4)).astype(np.float32)
        return halved[:, None], labels.astype(np.int64)

    inputs, labels = read("train")
    drawn = np.random.default_rng(seed).permutation(len(inputs))[:images]
    return from_arrays(inputs[drawn], labels[drawn], test=read("t10k"), seed=seed, name="fashion")


def score(
    name: str,
    family: str,
    function: Architecture,
    seed: int,
    epochs: int,
    part: str,
    options: argparse.Namespace,
) -> float:
    """Accuracy after one training."""
    task = data(name, options.images, seed)
    space = activation_space(task.input_shape, task.outputs, family=family, **FAMILIES[family])
    recipe = Recipe(epochs=epochs, batch_size=64, seed=seed)
    training = Training(space, task, recipe, accelerator="cpu", threads=1)
    network, measured = training.fit(Candidate(space.architecture(function)), seed=seed)
    found = training.test(network) if part == "test" else measured.metrics
    return float(found["accuracy"])


class Log:
    """The finished trainings."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self.rows = {json.dumps(row["key"]): row["accuracy"] for row in map(json.loads, lines)}

    def score(
        self,
        stage: str,
        name: str,
        family: str,
        function: Architecture,
        seed: int,
        epochs: int,
        options: argparse.Namespace,
    ) -> float:
        """The accuracy of a training, which is run where it is not there yet."""
        key = [stage, name, family, list(function.values()), seed, epochs, options.images]
        if (known := json.dumps(key)) not in self.rows:
            part = "test" if stage == "judge" else "validation"
            self.rows[known] = score(name, family, function, seed, epochs, part, options)
            with self.path.open("a") as file:
                file.write(json.dumps({"key": key, "accuracy": self.rows[known]}) + "\n")
        return self.rows[known]


def discovered(log: Log, options: argparse.Namespace) -> Architecture:
    """The function with the best mean validation accuracy among the finalists of the search."""
    space, random, found = activation_space((1, 14, 14), 10), Random(0), {}
    while len(found) < options.functions:
        function = space.sample(random)
        found.setdefault(space.canonical(function), function)
    functions = list(found.values())
    first = [log.score("search", "fashion", "residual", one, 0, 2, options) for one in functions]
    best = sorted(range(len(functions)), key=lambda i: -first[i])[: options.finalists]

    def again(i: int) -> float:
        return statistics.mean(
            log.score("finalist", "fashion", "residual", functions[i], seed, options.epochs, options)
            for seed in (1, 2, 3)
        )

    return functions[max(best, key=again)]


def table(log: Log, function: Architecture, options: argparse.Namespace) -> Iterator[str]:
    """Lines with means, paired differences and p values."""
    differences: dict[str, list[float]] = {name: [] for name in KNOWN}
    for name in DATA:
        for family in FAMILIES:
            contestants = {"discovered": function, **KNOWN}
            scores = {
                label: np.array(
                    [
                        100
                        * log.score("judge", name, family, one, FINAL_SEEDS + seed, options.epochs, options)
                        for seed in range(options.seeds)
                    ]
                )
                for label, one in contestants.items()
            }
            line = [f"{label} {values.mean():.2f}" for label, values in scores.items()]
            for known in KNOWN:
                paired = scores["discovered"] - scores[known]
                differences[known] += paired.tolist()
                error = paired.std(ddof=1) / np.sqrt(len(paired))
                p = stats.ttest_rel(scores["discovered"], scores[known]).pvalue
                line.append(f"less {known} {paired.mean():+.2f} ± {error:.2f} (p {p:.3f})")
            yield f"{name:8} {family:11} {', '.join(line)}"
    for known, all_of_them in differences.items():
        p = stats.wilcoxon(all_of_them, zero_method="zsplit").pvalue
        yield f"over all cells less {known}: {statistics.mean(all_of_them):+.2f}, Wilcoxon p {p:.4f}"


def screening(options: argparse.Namespace) -> Iterator[str]:
    """How well surrogates rank untrained functions, from decisions and by AQuaSurF's sets of features.

    Half of the functions of the search that stand in the log are learned from and the others ranked, five times.
    """
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    rows = [row for row in map(json.loads, lines) if row["key"][0] == "search"]
    functions = [unit(*row["key"][3]) for row in rows]
    accuracies = np.array([row["accuracy"] for row in rows])
    task = data("fashion", options.images, 0)
    space = activation_space(task.input_shape, task.outputs, **FAMILIES["residual"])
    sets: dict[str, dict[str, Any]] = {"decisions": {}} | {
        name: {"columns": ProxyColumns(ZeroCost(space, task, [name], accelerator="cpu"))} for name in FEATURES
    }
    for name, (told, more) in itertools.product(("neighbors", "forest", "gp"), sets.items()):
        found = []
        for seed in range(5):
            order = np.random.default_rng(seed).permutation(len(functions))
            learned, ranked = order[: len(order) // 2], order[len(order) // 2 :]
            surrogate = make_surrogate(name, space, seed, **more)
            surrogate.fit([functions[i] for i in learned], accuracies[learned])
            predicted, _ = surrogate.predict([functions[i] for i in ranked])
            found.append(kendall(predicted, accuracies[ranked]))
        error = statistics.stdev(found) / len(found) ** 0.5
        both = "decisions and " if more and name != "neighbors" else ""
        ranked_by = f"{name} on {both}{told}, {len(functions)} functions"
        yield f"{ranked_by}: Kendall's tau {statistics.mean(found):.3f} ± {error:.3f}"


def main() -> None:
    """Train what is missing, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--functions", type=int, default=32, help="that the search tries")
    parser.add_argument("--finalists", type=int, default=4)
    parser.add_argument(
        "--images", type=int, default=2500, help="of Fashion-MNIST, for training and validation"
    )
    parser.add_argument("--seeds", type=int, default=5, help="of the judgement")
    parser.add_argument("--epochs", type=int, default=6, help="of finalists and of the judgement")
    parser.add_argument(
        "--screening", action="store_true", help="rank the functions of the log by surrogates"
    )
    parser.add_argument("--out", type=Path, default=Path("activations.jsonl"))
    options = parser.parse_args()
    if options.screening:
        for line in screening(options):
            print(line, flush=True)
        return
    log = Log(options.out)
    function = discovered(log, options)
    print(f"discovered: f(x) = {formula_of(PointwiseFunction().build(function))}")
    for line in table(log, function, options):
        print(line, flush=True)


if __name__ == "__main__":
    main()
