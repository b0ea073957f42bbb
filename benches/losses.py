"""A loss found by TaylorGLO beside cross-entropy on scikit-learn's digits, paired by seed.

The search: CMA-ES over the eight reals of the space `taylor_loss`, on a perceptron of one hidden layer that is trained
for a few epochs on 300 of the digits, judged by validation accuracy. The best loss and cross-entropy then train the
same network for longer, with seeds that the search has not seen, which draw the divisions and weights anew; judged is
the accuracy on test data. Both are trained with each learning rate of a list, and that with the best mean validation
accuracy over the seeds counts, since a loss's scale is one of the step, too.

A line of JSON is written for each finished training; called again, the script goes on with what is missing.

Usage: OMP_NUM_THREADS=1 python benches/losses.py [--trials 200] [--seeds 20] [--out losses.jsonl]
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from sklearn.datasets import load_digits

from archwright.estimators import Recipe
from archwright.estimators.training import Training
from archwright.objectives import Direction, Objective
from archwright.primitives import taylor_loss_space
from archwright.spaces import Space
from archwright.strategies import make_strategy
from archwright.tasks import Task, from_arrays
from archwright.trials import Candidate, Measurement, Trial, TrialState

EXAMPLES, SEARCH_EPOCHS, EPOCHS = 300, 10, 40
RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
FINAL_SEEDS = 1000
"""The first seed of the judgement: those of the search are below."""


@cache
def data(seed: int) -> Task:
    """Few digits to learn from and validate by, all others to test."""
    digits = load_digits()
    drawn = np.random.default_rng(seed).permutation(len(digits.target))
    known, test = drawn[:EXAMPLES], drawn[EXAMPLES:]
    inputs, labels = (digits.data / 16).astype(np.float32), digits.target
    return from_arrays(inputs[known], labels[known], test=(inputs[test], labels[test]), seed=seed)


def accuracies(theta: Sequence[float] | None, seed: int, epochs: int, rate: float) -> tuple[float, float]:
    """Validation and test accuracy after one training, with cross-entropy where there is no theta."""
    task = data(seed)
    space = taylor_loss_space(task.input_shape, 10, family="perceptron", channels=64)
    if theta is None:
        space = Space(space.network.args[0])  # the network alone, which the task's loss trains
    architecture = space.architecture({} if theta is None else named(theta))
    recipe = Recipe(epochs=epochs, batch_size=32, learning_rate=rate, seed=seed)
    training = Training(space, task, recipe, accelerator="cpu", threads=1)
    trained, measured = training.fit(Candidate(architecture), seed=seed)
    return float(measured.metrics["accuracy"]), float(training.test(trained)["accuracy"])


def named(theta: Sequence[float]) -> dict[str, float]:
    """The decisions of eight reals."""
    return {f"loss.theta_{i}": value for i, value in enumerate(theta)}


class Log:
    """The finished trainings."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self.rows = {json.dumps(row["key"]): row["accuracies"] for row in map(json.loads, lines)}

    def read(self, theta: Sequence[float] | None, seed: int, epochs: int, rate: float) -> list[float]:
        """Accuracies of a training, which is run where it is not there yet."""
        key: Any = [None if theta is None else list(theta), seed, epochs, rate]
        if (known := json.dumps(key)) not in self.rows:
            self.rows[known] = list(accuracies(theta, seed, epochs, rate))
            with self.path.open("a") as file:
                file.write(json.dumps({"key": key, "accuracies": self.rows[known]}) + "\n")
        return self.rows[known]


def discovered(log: Log, trials: int) -> tuple[float, ...]:
    """The loss with the best validation accuracy in the search; of equal ones the first."""
    space = taylor_loss_space((64,), 10, family="perceptron", channels=64)
    objective = Objective("accuracy", Direction.MAXIMIZE)
    strategy = make_strategy("cma_es", space, [objective], sigma=0.2, population=20)
    best: tuple[float, tuple[float, ...]] = (-1.0, ())
    for number in range(trials):
        candidate = strategy.ask()
        theta = tuple(candidate.architecture[f"loss.theta_{i}"] for i in range(8))
        accuracy = statistics.mean(log.read(theta, seed, SEARCH_EPOCHS, 0.01)[0] for seed in (0, 1, 2))
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"accuracy": accuracy})))
        best = max(best, (accuracy, theta), key=lambda one: one[0])
    return best[1]


def table(log: Log, theta: Sequence[float], seeds: int) -> Iterator[str]:
    """Lines with means, the paired difference and its p value."""
    judged = {}
    for label, given in (("TaylorGLO", theta), ("cross-entropy", None)):
        found = {
            rate: np.array([log.read(given, FINAL_SEEDS + seed, EPOCHS, rate) for seed in range(seeds)]) * 100
            for rate in RATES
        }
        rate = max(RATES, key=lambda one: found[one][:, 0].mean())
        judged[label] = found[rate][:, 1]
        error = judged[label].std(ddof=1) / seeds**0.5
        yield f"{label}: test accuracy {judged[label].mean():.2f} ± {error:.2f}, learning rate {rate:g}"
    paired = judged["TaylorGLO"] - judged["cross-entropy"]
    p = stats.ttest_rel(judged["TaylorGLO"], judged["cross-entropy"]).pvalue
    yield f"paired {paired.mean():+.2f} ± {paired.std(ddof=1) / seeds**0.5:.2f} points, p {p:.3f}, {seeds} seeds"


def main() -> None:
    """Train what is missing, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=200, help="of the search, three trainings each")
    parser.add_argument("--seeds", type=int, default=20, help="of the judgement")
    parser.add_argument("--out", type=Path, default=Path("losses.jsonl"))
    options = parser.parse_args()
    log = Log(options.out)
    theta = discovered(log, options.trials)
    print("theta:", ", ".join(f"{value:.3f}" for value in theta), flush=True)
    for line in table(log, theta, options.seeds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
