"""Bayesian optimisation beside Optuna's tree-structured Parzen estimator on NAS-Bench-Graph, in one thread.

Both search the same table for the same seeds; Optuna through its own `ask` and `tell`, with nothing of this package but
the look-up. Processor time, so that what else runs on the machine hardly counts; what the look-up costs is in both.
Printed are the seconds of a run, the mean of an ask, and the validation regret in percentage points.

Usage: OMP_NUM_THREADS=1 python benches/bayesian.py [--seeds 5] [--trials 300] [--dataset cora]
"""

from __future__ import annotations

import argparse
import statistics
import time

import optuna

from archwright.benchmarks import Table, nasbench_graph
from archwright.errors import SpaceError
from archwright.strategies import make_strategy
from archwright.trials import Candidate, LocalTrial, Trial, TrialState

TARGET = 5.0
ASK_TARGET = 0.05


def ours(table: Table, name: str, trials: int, seed: int) -> tuple[float, float, float]:
    """Seconds of one search, seconds of all its asks, and the best value."""
    estimator, metric = table.estimator(seed), table.objectives[0].name
    begin = time.process_time()
    strategy = make_strategy(name, table.space, table.objectives[:1], seed)
    asking, best = 0.0, float("-inf")
    for number in range(trials):
        before = time.process_time()
        candidate = strategy.ask()
        asking += time.process_time() - before
        measurement = estimator.estimate(candidate, LocalTrial())
        best = max(best, measurement.metrics[metric])
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, measurement))
    return time.process_time() - begin, asking, best


def parzen(table: Table, trials: int, seed: int) -> tuple[float, float, float]:
    """The same by Optuna. What is known, or is no network, is not charged, and it is told so."""
    estimator, metric = table.estimator(seed), table.objectives[0].name
    begin = time.process_time()
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    asking, best = 0.0, float("-inf")
    known: dict[object, float] = {}
    labels = {address: list(decision.values()) for address, decision in table.space.decisions.items()}
    while len(known) < trials:
        before = time.process_time()
        trial = study.ask()
        values = {address: trial.suggest_categorical(address, some) for address, some in labels.items()}
        asking += time.process_time() - before
        try:
            architecture = table.space.architecture(values)
        except SpaceError:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        canonical = table.space.canonical(architecture)
        if canonical not in known:
            known[canonical] = estimator.estimate(Candidate(architecture), LocalTrial()).metrics[metric]
            best = max(best, known[canonical])
        study.tell(trial, known[canonical])
    return time.process_time() - begin, asking, best


def main() -> None:
    """Measure, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--dataset", default="cora")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    table = nasbench_graph(options.dataset)
    top = float(table.values([table.objectives[0].name]).max())
    ours(table, "bayesian", 15, 0)  # imports and caches
    seconds = {}
    for name in ("bayesian", "forest", "tpe"):
        runs = [
            parzen(table, options.trials, seed) if name == "tpe" else ours(table, name, options.trials, seed)
            for seed in range(options.seeds)
        ]
        seconds[name] = statistics.median(run[0] for run in runs)
        ask = statistics.mean(run[1] for run in runs) / options.trials
        regret = 100 * statistics.mean(top - run[2] for run in runs)
        target = "" if name == "tpe" else f" (target under {1000 * ASK_TARGET:.0f} ms)"
        print(
            f"{name:9} {seconds[name]:6.2f} s a run, {1000 * ask:5.1f} ms an ask{target}, regret {regret:.3f}"
        )
    print(f"bayesian is {seconds['tpe'] / seconds['bayesian']:.1f} times as fast as TPE (target {TARGET:g})")


if __name__ == "__main__":
    main()
