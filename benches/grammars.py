"""Networks that grammars derive: whether they all build and train, and what evolution finds among them.

`samples`: networks are drawn from each space; each is built, and takes one training step on a batch of random images.
Printed are how many have finite outputs and gradients at every parameter that is reached, and what failed, if anything.

`search`: at an equal number of trials on Fashion-MNIST (`make data`), averaged to 14 x 14, or on digits: random search,
regularized evolution from random networks, and regularized evolution from a residual network that is written in the
grammar, as Ericsson et al. 2024, arXiv:2405.20838, compare them; the residual network counts as a trial. Where it is
named, half of the children come from crossover by alignment. Printed are the best validation accuracies, and the test
accuracy of the network with it, mean and standard error over the seeds; and the residual network's own.

A line of JSON is written for each finished sample or trial; called again, the script goes on with what is missing.

Usage: OMP_NUM_THREADS=1 python benches/grammars.py [samples] [--count 1000]
       OMP_NUM_THREADS=1 python benches/grammars.py search [--data fashion] [--trials 40] [--seeds 3] [--epochs 3]
       [--images 2000] [--out grammars.jsonl]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch.nn import functional as F

from activations import data
from archwright.estimators import Recipe
from archwright.estimators.training import Training
from archwright.objectives import Objective
from archwright.spaces import Architecture, Space
from archwright.spaces.zoo import make_space
from archwright.strategies import RandomSearch, Strategy
from archwright.strategies.evolution import RegularizedEvolution
from archwright.tasks import Task
from archwright.trials import Candidate, Measurement, Trial, TrialState

SPACES: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "einspace": ("einspace", (1, 8, 8), {}),
    "einspace, colour": ("einspace", (3, 16, 16), {"widths": (16, 64)}),
    "hierarchical": ("hierarchical_nasbench201", (1, 8, 8), {"channels": 4}),
    "hierarchical, fixed macro": ("hierarchical_nasbench201", (3, 16, 16), {"macro": "fixed"}),
}
OUTPUTS, BATCH = 10, 8
ARMS = ("random", "evolution", "evolution from a resnet", "evolution from a resnet, crossover")


class Log:
    """What is finished, by key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self.rows = {json.dumps(row["key"]): row["found"] for row in map(json.loads, lines)}

    def get(self, key: list[Any], find: Callable[[], Any]) -> Any:
        """What is known of a key, which is found out where it is not."""
        if (known := json.dumps(key)) not in self.rows:
            self.rows[known] = find()
            with self.path.open("a") as file:
                file.write(json.dumps({"key": key, "found": self.rows[known]}) + "\n")
        return self.rows[known]


def step(space: Space, shape: tuple[int, ...], seed: int) -> dict[str, Any]:
    """One training step of a random network; what is wrong with it, if anything."""
    architecture = space.sample(Random(seed))
    torch.manual_seed(seed)
    images, labels = torch.randn(BATCH, *shape), torch.randint(OUTPUTS, (BATCH,))
    try:
        network = space.build(architecture, images)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
        loss = F.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        after = F.cross_entropy(network(images), labels)
    except Exception as error:
        return {"fault": f"{type(error).__name__}: {error}", "network": dict(architecture)}
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    finite = bool(
        torch.isfinite(loss) and torch.isfinite(after) and all(torch.isfinite(g).all() for g in gradients)
    )
    parameters = sum(p.numel() for p in network.parameters())
    return {"fault": None if finite else "not finite", "parameters": parameters, "loss": loss.item()}


def samples(log: Log, count: int) -> Iterator[str]:
    """A line for each space."""
    for name, (kind, shape, options) in SPACES.items():
        space = make_space(kind, shape, OUTPUTS, **options)
        begin = time.process_time()
        found = [log.get(["sample", name, seed], partial(step, space, shape, seed)) for seed in range(count)]
        seconds = time.process_time() - begin
        faults = [row["fault"] for row in found if row["fault"]]
        sizes = sorted(row["parameters"] for row in found if "parameters" in row)
        yield (
            f"{name:26} {count - len(faults):,} of {count:,} built and trained a step, {sizes[0]:,} to {sizes[-1]:,} "
            f"parameters, median {sizes[len(sizes) // 2]:,}; {seconds:.0f} processor seconds now"
        )
        for fault in dict.fromkeys(faults):
            yield f"  {faults.count(fault)} times {fault}"


def measured(space: Space, task: Task, architecture: Architecture, seed: int, epochs: int) -> list[float]:
    """Validation and test accuracy, and processor seconds."""
    begin = time.process_time()
    training = Training(
        space, task, Recipe(epochs=epochs, batch_size=64, seed=seed), accelerator="cpu", threads=1
    )
    network, found = training.fit(Candidate(architecture), seed=seed)
    accuracies = [float(found.metrics["accuracy"]), float(training.test(network)["accuracy"])]
    return [*accuracies, time.process_time() - begin]


def strategy_of(arm: str, space: Space, seed: int) -> Strategy:
    """What tries the networks of an arm."""
    objectives = [Objective("accuracy")]
    if arm == "random":
        return RandomSearch(space, objectives, seed=seed)
    from_known = "resnet" in arm
    return RegularizedEvolution(
        space,
        objectives,
        seed=seed,
        population_size=10,
        initial=1 if from_known else None,
        tournament_size=5,
        crossover=0.5 if "crossover" in arm else 0.0,
    )


def run(arm: str, seed: int, log: Log, options: argparse.Namespace) -> list[list[float]]:
    """The trials of one search."""
    task = data(options.data, options.images, seed)
    space = make_space("einspace", task.input_shape, task.outputs)
    strategy, trials = strategy_of(arm, space, seed), []
    for number in range(options.trials):
        is_known = number == 0 and "resnet" in arm
        candidate = Candidate(space.default) if is_known else strategy.ask(())
        assert candidate is not None
        key = ["trial", options.data, options.images, options.epochs, arm, seed, number]
        found = log.get(key, partial(measured, space, task, candidate.architecture, seed, options.epochs))
        trials.append(found)
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"accuracy": found[0]})))
    return trials


def search(log: Log, options: argparse.Namespace) -> Iterator[str]:
    """A line for each arm."""
    runs: dict[str, list[list[list[float]]]] = {arm: [] for arm in ARMS}
    for seed in range(options.seeds):
        for arm in ARMS:
            runs[arm].append(run(arm, seed, log, options))
            print(f"  {arm}, seed {seed}: {max(trial[0] for trial in runs[arm][-1]):.4f}", flush=True)
    known = [trials[0] for trials in runs[ARMS[2]]]
    yield f"{'the residual network':36} " + shown([one[0] for one in known], [one[1] for one in known])
    for arm, found in runs.items():
        best = [max(trials, key=lambda trial: trial[0]) for trials in found]
        yield f"{arm:36} " + shown([one[0] for one in best], [one[1] for one in best])


def shown(validation: list[float], test: list[float]) -> str:
    """Means and standard errors of percentages."""
    texts = []
    for name, values in (("validation", validation), ("test", test)):
        error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
        texts.append(f"{name} {100 * statistics.mean(values):.2f} ± {100 * error:.2f}")
    return ", ".join(texts)


def main() -> None:
    """Do what is missing, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["samples", "search"], nargs="?", default="samples")
    parser.add_argument("--count", type=int, default=1000, help="networks of each space")
    parser.add_argument("--data", choices=["fashion", "digits"], default="fashion")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=2000, help="of Fashion-MNIST, to train and validate")
    parser.add_argument("--out", type=Path, default=Path("grammars.jsonl"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    log = Log(options.out)
    for line in samples(log, options.count) if options.part == "samples" else search(log, options):
        print(line, flush=True)


if __name__ == "__main__":
    main()
