"""Hypervolume of searches with two objectives on NAS-Bench-Graph: EHVI by BoTorch beside ParEGO, NSGA-II and chance.

The table's first objective and parameters; all search the same tables from the same seeds. Printed are, for each table,
the mean and standard error of the hypervolume, in percent of that of the table's true front, the median seconds of a
run, and by how much the first is ahead, seed by seed.

Usage: OMP_NUM_THREADS=1 python benches/hypervolume.py [--trials 150] [--seeds 5] [--datasets photo citeseer proteins]
           [--strategies ehvi bayesian nsga2 random] [--surrogate botorch]
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np

from archwright.benchmarks import Truth, nasbench_graph, search_table


def main() -> None:
    """Search and print, table by table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--datasets", nargs="+", default=["photo", "citeseer", "proteins"])
    parser.add_argument("--strategies", nargs="+", default=["ehvi", "bayesian", "nsga2", "random"])
    parser.add_argument("--surrogate", default="botorch", help="of ehvi")
    options = parser.parse_args()
    for dataset in options.datasets:
        table = nasbench_graph(dataset)
        truth = Truth(table, [table.objectives[0], table.objective("params")])
        shares: dict[str, np.ndarray] = {}
        seconds = {}
        for name in options.strategies:
            given = {"surrogate": options.surrogate} if name == "ehvi" else {}
            search_table(truth, name, 0, 12, given)  # imports and caches
            runs = [search_table(truth, name, seed, options.trials, given) for seed in range(options.seeds)]
            found = [run.rank_keys([options.trials])[0] for run in runs]
            shares[name] = np.array([100.0 * (standing.hypervolume or 0.0) for standing in found if standing])
            seconds[name] = statistics.median(run.seconds for run in runs)
        first = shares[options.strategies[0]]
        for name, share in shares.items():
            ahead = first - share
            error = _error(ahead)
            lead = f"   first ahead by {ahead.mean():6.2f} ± {error:.2f}" if share is not first else ""
            print(
                f"{dataset:<10}{name:<12}{share.mean():7.2f} ± {_error(share):.2f} %{seconds[name]:9.2f} s{lead}",
                flush=True,
            )


def _error(values: np.ndarray) -> float:
    """Standard error of the mean."""
    return float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0


if __name__ == "__main__":
    main()
