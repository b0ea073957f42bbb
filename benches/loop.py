"""The loops: of trials, beside Optuna 5 with SQLite, and of training, beside another checkout.

Both sides decide 20 categorical parameters with 5 options and write every transition of every trial into a SQLite
file; the estimate is nothing. Prints the median milliseconds a trial takes, and the ratio of the rates.

With `--beside` the loop of training runs too: a small perceptron on the digits, batches of 32, one thread, here and in
the other checkout, in processes that take turns. Prints the best milliseconds a step takes, and the ratio.

Usage: python benches/loop.py [--trials 2000] [--optuna-trials 200] [--beside CHECKOUT]
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import optuna

from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    Budget,
    Evaluation,
    Executor,
    Experiment,
    InlineExecutor,
    Job,
    JobResult,
    Listener,
    ProcessesExecutor,
    SQLStore,
    Stage,
    TrialRunner,
)
from archwright.objectives import Objective
from archwright.spaces import Space, choice, layer
from archwright.strategies import make_strategy
from archwright.trials import Candidate, Measurement, Trial, TrialContext


class Nothing(Estimator):
    """Measures nothing."""

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """A constant."""
        return Measurement({"accuracy": 0.5})


class Clock(Listener):
    """Notes when trials end."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def trial_finished(self, stage: Stage, trial: Trial, best: Trial | None) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


def archwright_trial(executor: Executor[Job, JobResult], trials: int, strategy: str) -> float:
    """Median milliseconds a trial, over blocks of 50."""
    space = Space(layer(dict, **{f"d{i}": choice(*range(5), name=f"d{i}") for i in range(20)}))
    objectives = (Objective("accuracy"),)
    clock = Clock()
    with (
        tempfile.TemporaryDirectory() as folder,
        SQLStore(f"sqlite:///{Path(folder) / 'trials.sqlite'}", "bench", create=True) as store,
    ):
        store.lock()
        experiment = Experiment(store=store, executor=executor, objectives=objectives, listener=clock)
        work = TrialRunner({Stage.SEARCH: Evaluation(space, Nothing(), objectives, None)}, objectives)
        executor.open(work, experiment.answer)
        experiment.search(make_strategy(strategy, space, objectives, seed=0), Budget(trials=trials))
        executor.close()
    blocks = clock.times[::50]
    return 1000 * statistics.median(b - a for a, b in itertools.pairwise(blocks)) / 50


def optuna_trial(trials: int) -> float:
    """Median milliseconds a trial of Optuna's random sampler, over blocks of 10."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    times: list[float] = []

    def objective(trial: optuna.Trial) -> float:
        for i in range(20):
            trial.suggest_categorical(f"d{i}", list(range(5)))
        times.append(time.perf_counter())
        return 0.5

    with tempfile.TemporaryDirectory() as folder:
        study = optuna.create_study(
            storage=f"sqlite:///{Path(folder) / 'optuna.sqlite'}",
            sampler=optuna.samplers.RandomSampler(seed=0),
        )
        study.optimize(objective, n_trials=trials)
    blocks = times[::10]
    return 1000 * statistics.median(b - a for a, b in itertools.pairwise(blocks)) / 10


TRAINING = """
import sys, time
sys.path.insert(0, sys.argv[1])
time.perf_counter = time.process_time
import torch, archwright as aw
from torch import nn
assert aw.__file__.startswith(sys.argv[1]), aw.__file__
torch.set_num_threads(1)
layers = aw.layer(nn.Flatten), aw.layer(nn.Linear, 64, 32), aw.layer(nn.ReLU), aw.layer(nn.Linear, 32, 10)
space, task = aw.Space(aw.layer(nn.Sequential, *layers)), aw.tasks.digits()
best = float("inf")
for _ in range(6):
    _, measured = aw.Training(space, task, aw.Recipe(epochs=10), accelerator="cpu").fit(aw.Candidate(space.sample(0)))
    times = [entry["seconds"] for entry in measured.curve]
    best = min(best, *(b - a for a, b in zip(times[:-1], times[1:])))
print(1000 * best / 34)
"""
"""Milliseconds of the CPU for a step, validation included: an epoch has 34 steps. Runs in checkouts of any age."""


def training_step(checkout: Path) -> float:
    """Milliseconds of a training step in a checkout, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", TRAINING, str(checkout.resolve() / "src")],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def compare_training(other: Path) -> None:
    """Both checkouts in turn, the best of five each."""
    here = Path(__file__).parents[1]
    found = [(training_step(here), training_step(other)) for _ in range(5)]
    mine, theirs = (min(side) for side in zip(*found, strict=True))
    print(f"a training step: {mine:.3f} ms here, {theirs:.3f} ms in {other}; ratio {mine / theirs:.3f}")


def main() -> None:
    """Run all sides in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--optuna-trials", type=int, default=200)
    parser.add_argument("--beside", type=Path, help="another checkout, whose loop of training runs too")
    arguments = parser.parse_args()
    if arguments.beside is not None:
        compare_training(arguments.beside)
    for strategy in ("random", "evolution"):
        inline = archwright_trial(InlineExecutor(), arguments.trials, strategy)
        print(f"archwright, {strategy}, inline:      {inline:8.2f} ms a trial")
        if strategy == "random":
            first = inline
    processes = archwright_trial(ProcessesExecutor(2), arguments.trials, "random")
    print(f"archwright, random, 2 processes: {processes:8.2f} ms a trial")
    peer = optuna_trial(arguments.optuna_trials)
    print(f"optuna {optuna.__version__}, random, SQLite:  {peer:8.2f} ms a trial")
    print(f"ratio of the rates: inline {peer / first:.0f}, 2 processes {peer / processes:.1f}")


if __name__ == "__main__":
    main()
