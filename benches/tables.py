"""Evaluations a second of the light strategies on NAS-Bench-Graph, through ask and tell, in one thread.

Each run is a search of 300 evaluations from a new seed, as the comparison harness makes it, without its records; the
rate is the median over the runs, of processor time, so that what else runs on the machine hardly counts. Beside it,
what a look-up alone costs.

Usage: python benches/tables.py [--runs 30] [--trials 300] [--dataset cora]
"""

from __future__ import annotations

import argparse
import statistics
import time

from archwright.benchmarks import Table, nasbench_graph
from archwright.strategies import STRATEGIES, make_strategy
from archwright.trials import Candidate, LocalTrial, Trial, TrialState

TARGET = 10_000
NAMES = ("random", "evolution", "local")


def search(table: Table, name: str, trials: int, seed: int) -> float:
    """Processor seconds of one search."""
    estimator = table.estimator(seed)
    strategy = make_strategy(name, table.space, table.objectives[:1], seed)
    begin = time.process_time()
    for number in range(trials):
        candidate = strategy.ask()
        strategy.tell(
            Trial(number, candidate, TrialState.COMPLETED, estimator.estimate(candidate, LocalTrial()))
        )
    return time.process_time() - begin


def main() -> None:
    """Measure each strategy, then the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--dataset", default="cora")
    wanted = parser.parse_args()
    begin = time.process_time()
    table = nasbench_graph(wanted.dataset)
    print(f"reading the table: {time.process_time() - begin:.2f} s")
    for name in NAMES:
        if name not in STRATEGIES:
            print(f"{name:<14} not there yet")
            continue
        search(table, name, wanted.trials, seed=-1)
        rates = [wanted.trials / search(table, name, wanted.trials, seed) for seed in range(wanted.runs)]
        print(f"{name:<14} {statistics.median(rates):>9,.0f} evaluations/s   target {TARGET:,}")
    candidates = [Candidate(table.space.sample(seed)) for seed in range(2_000)]
    estimator = table.estimator()
    for told in ("first", "again"):
        begin = time.process_time()
        for candidate in candidates:
            estimator.estimate(candidate, LocalTrial())
        spent = time.process_time() - begin
        print(f"looked up {told:<5} {1e6 * spent / len(candidates):>8.2f} µs")


if __name__ == "__main__":
    main()
