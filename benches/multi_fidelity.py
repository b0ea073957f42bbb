"""Multi-fidelity strategies at a third of random search's epochs, on real training: by default MNIST-1D with `conv1d`.

Random search trains its networks for all epochs. Each strategy may spend a third of the epochs that all of these take,
continuations counted by what they add; what it finds best is trained on to all epochs, which counts too. Seeds are
paired: a seed's random search and strategies with the sampler `random` draw the same networks in the same order, and a
network has one training for all of them, of which rungs are pieces. Printed are, for each strategy, the mean over seeds
of the incumbent's validation and test accuracy, and the mean paired difference from random search in percentage points
with its standard error and lower 95 % bound. Target: the bound for validation is above -0.2 points.

A line of JSON is written for each network that has had all its epochs and for each finished search; called again, the
script goes on with what is missing.

Usage: OMP_NUM_THREADS=1 python benches/multi_fidelity.py [--seeds 10] [--trials 27] [--epochs 27] [--data 1]
           [--task mnist1d] [--space conv1d] [--share 0.3333] [--strategies asha hyperband ...]
           [--out multi_fidelity.jsonl]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from archwright.estimators.training import Training
from archwright.learning import Recipe
from archwright.objectives import Direction, Objective, best_trial
from archwright.spaces.zoo import make_space
from archwright.strategies import make_strategy
from archwright.strategies.multi_fidelity.levels import kept, rung_levels
from archwright.tasks import make_task
from archwright.trials import Candidate, Fidelity, FidelityRange, LocalTrial, Measurement, Trial, TrialState

OBJECTIVES = (Objective("accuracy", Direction.MAXIMIZE),)
STRATEGIES = (
    "asha",
    "asha:stopping",
    "successive_halving",
    "hyperband",
    "pasha",
    "bohb",
    "priorband",
    "progressive_hurdles",
    "asha:bayesian",
)
OPTIONS: dict[str, dict[str, Any]] = {
    "asha:stopping": {"form": "stopping"},
    "asha:bayesian": {"sampler": "bayesian"},
}


class Trainings:
    """One training a network, which goes on from where it was as more of it is asked for.

    Args:
        seed: Of weights and order.
        epochs: All of them.
        data: Share of the training data.
        task: Name of a task.
        space: Name of a space.
        rows: Of an earlier call: networks that are in them are not trained again.
        write: Called with the row of each network that has had all epochs.
    """

    def __init__(
        self,
        seed: int,
        epochs: int,
        data: float,
        task: str,
        space: str,
        rows: Sequence[Mapping[str, Any]],
        write: Callable[[dict[str, Any]], None],
    ) -> None:
        self.task = make_task(task)
        self.space = make_space(space, *self.task.signature())
        self.training = Training(self.space, self.task, Recipe(epochs=epochs, seed=seed), threads=1)
        self.epochs, self.data = epochs, data
        self.write = write
        self.known: dict[str, tuple[list[dict[str, float]], LocalTrial, dict[str, float]]] = {
            row["network"]: (row["curve"], LocalTrial(), {"test": row["test"]})
            for row in rows
            if "network" in row and row["seed"] == seed
        }

    def measure(self, architecture: Any, epochs: int) -> dict[str, float]:
        """What a network scores after so many epochs; at the last of all, on the test data too."""
        key = self.key(architecture)
        curve, trial, test = self.known.get(key, ([], LocalTrial(), {}))
        if len(curve) < epochs:
            fidelity = Fidelity(epochs, self.data, horizon=self.epochs)
            candidate = Candidate(architecture, fidelity, 0, "continue" if curve else "nothing")
            further = LocalTrial(parent=trial.checkpoint)
            network, measured = self.training.fit(candidate, further)
            curve = [*curve, *measured.curve]
            if epochs == self.epochs:
                test = {"test": self.training.test(network)["accuracy"]}
                self.write({"network": key, "curve": curve, **test})
            self.known[key] = (curve, further, test)
        return {**curve[epochs - 1], **(test if epochs == self.epochs else {})}

    def key(self, architecture: Any) -> str:
        """The same text for the same network."""
        return repr(self.space.canonical(architecture))

    def curve(self, architecture: Any, epochs: int) -> tuple[dict[str, float], ...]:
        """The scores after each epoch so far, up to so many."""
        return tuple(self.known[self.key(architecture)][0][:epochs])


def random_search(trainings: Trainings, seed: int, trials: int) -> dict[str, float]:
    """Its incumbent."""
    strategy = make_strategy("random", trainings.space, OBJECTIVES, seed)
    scores = [trainings.measure(strategy.ask().architecture, trainings.epochs) for _ in range(trials)]
    best = max(scores, key=lambda one: (one["accuracy"], -one["loss"]))
    return {"validation": best["accuracy"], "test": best["test"], "epochs": trials * trainings.epochs}


def affordable(most: int, budget: int) -> int:
    """How many configurations successive halving can begin with."""
    size = 0
    while True:
        counts, levels = kept(size + 1, 3, 20), [*map(int, rung_levels(Fraction(1), Fraction(most), 3))]
        steps = zip(counts, levels, [0, *levels], strict=False)
        if sum(count * (level - before) for count, level, before in steps) > budget:
            return size
        size += 1


def search(trainings: Trainings, name: str, seed: int, budget: int) -> dict[str, float]:
    """The incumbent of a strategy within a number of epochs."""
    most = trainings.epochs
    strategy = make_strategy(
        name.partition(":")[0],
        trainings.space,
        OBJECTIVES,
        seed,
        fidelity=FidelityRange(Fidelity(1), Fidelity(most)),
        configurations=affordable(most, budget),
        **OPTIONS.get(name, {}),
    )
    told: list[Trial] = []
    spent = 0
    while (candidate := strategy.ask()) is not None:
        epochs = candidate.effort.epochs or most
        before = (told[candidate.parent].candidate.effort.epochs or 0) if candidate.continues else 0
        reached = max([epochs, *(trial.candidate.effort.epochs or most for trial in told)])
        if spent + epochs - before + most - reached > budget:  # the best must still be trained to the end
            break
        spent += epochs - before
        scores = trainings.measure(candidate.architecture, epochs)
        trial = Trial(len(told), candidate, TrialState.COMPLETED, Measurement(scores))
        told.append(
            replace(
                trial,
                measurement=Measurement(
                    scores,
                    trainings.curve(candidate.architecture, epochs),
                ),
            )
        )
        strategy.tell(told[-1])
    best = best_trial(told, OBJECTIVES)
    assert best is not None
    spent += most - (best.candidate.effort.epochs or most)
    scores = trainings.measure(best.architecture, most)
    return {"validation": scores["accuracy"], "test": scores["test"], "epochs": spent}


def report(rows: list[dict[str, Any]], strategies: list[str]) -> None:
    """Print the table."""
    found = {(row["strategy"], row["seed"]): row for row in rows if "strategy" in row}
    seeds = sorted({seed for name, seed in found if name == "random"})
    print(
        f"{'strategy':<22}{'epochs':>8}{'validation':>12}{'test':>8}"
        f"{'difference in points (validation)':>40}{'test':>18}"
    )
    for name in ["random", *strategies]:
        own = [found[name, seed] for seed in seeds if (name, seed) in found]
        if not own:
            continue
        means = [statistics.fmean(row[key] for row in own) for key in ("epochs", "validation", "test")]
        line = f"{name:<22}{means[0]:>8.0f}{100 * means[1]:>12.2f}{100 * means[2]:>8.2f}"
        for key in ("validation", "test"):
            differences = [100 * (row[key] - found["random", row["seed"]][key]) for row in own]
            mean = statistics.fmean(differences)
            error = statistics.stdev(differences) / math.sqrt(len(own)) if len(own) > 1 else math.nan
            told = f"{mean:+.2f} ± {error:.2f}"
            line += (
                f"{told + f', bound {mean - 1.645 * error:+.2f}':>40}"
                if key == "validation"
                else f"{told:>18}"
            )
        print(line if name != "random" else line[:50])


def main() -> None:
    """Run what is missing, then print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=27)
    parser.add_argument("--epochs", type=int, default=27)
    parser.add_argument("--task", default="mnist1d")
    parser.add_argument("--space", default="conv1d")
    parser.add_argument("--data", type=float, default=1.0)
    parser.add_argument("--share", type=float, default=1 / 3)
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--out", type=Path, default=Path("multi_fidelity.jsonl"))
    given = parser.parse_args()
    setting = {
        "trials": given.trials,
        "all_epochs": given.epochs,
        "share": round(given.share, 4),
        "data": given.data,
        "task": given.task,
        "space": given.space,
    }
    rows: list[dict[str, Any]] = []
    if given.out.exists():
        lines = given.out.read_text().splitlines()
        rows = [row for row in map(json.loads, lines) if setting.items() <= row.items()]
    done = {(row["strategy"], row["seed"]) for row in rows if "strategy" in row}

    def write(where: dict[str, Any], found: dict[str, Any]) -> None:
        rows.append(where | found)
        with given.out.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")

    budget = int(given.trials * given.epochs * given.share)
    for seed in range(given.seeds):
        missing = [name for name in ["random", *given.strategies] if (name, seed) not in done]
        if not missing:
            continue
        where = {"seed": seed, **setting}
        trainings = Trainings(
            seed,
            given.epochs,
            given.data,
            given.task,
            given.space,
            rows,
            partial(write, where),
        )
        for name in missing:
            begin = time.perf_counter()
            if name == "random":
                found = random_search(trainings, seed, given.trials)
            else:
                found = search(trainings, name, seed, budget)
            write(where, {"strategy": name, **found, "seconds": time.perf_counter() - begin})
    report(rows, given.strategies)


if __name__ == "__main__":
    main()
