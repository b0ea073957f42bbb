"""Generations a second of NSGA-II beside pymoo's, population 100, on one encoded problem: 20 decisions with 5 options.

Both cross with a chance of 0.9, mutate one decision in 20, leave out duplicates and evaluate the same two sums: ours
through ask and tell one by one, pymoo's a whole generation at once. The rates are of processor time, the best of some
turns that alternate. The hypervolume beside them is that of all that was evaluated, the mean over the turns.

Usage: python benches/nsga.py [--generations 50] [--turns 5]
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem
from pymoo.operators.crossover.ux import UX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize

from archwright.objectives import Direction, Objective, hypervolume
from archwright.strategies import make_strategy
from archwright.testing.toy_spaces import flat
from archwright.trials import Measurement, Trial, TrialState

DECISIONS, OPTIONS, POPULATION = 20, 5, 100
OBJECTIVES = [Objective("cost", Direction.MINIMIZE), Objective("error", Direction.MINIMIZE)]
REFERENCE = (10.0, 10.0)
_random = np.random.default_rng(0)
COSTS, ERRORS = _random.random((2, DECISIONS, OPTIONS))
ROWS = np.arange(DECISIONS)
Points = NDArray[np.floating]


def evaluate(codes: NDArray[np.integer]) -> Points:
    """Two sums over the decisions: from (n, DECISIONS) to (n, 2)."""
    return np.stack([COSTS[ROWS, codes].sum(1), ERRORS[ROWS, codes].sum(1)], 1)


class Sums(Problem):
    """The problem as pymoo takes it; keeps what was evaluated."""

    def __init__(self) -> None:
        super().__init__(n_var=DECISIONS, n_obj=2, xl=0, xu=OPTIONS - 1, vtype=int)
        self.points: list[Points] = []

    def _evaluate(
        self, x: NDArray[np.integer], out: dict[str, Points], *args: object, **kwargs: object
    ) -> None:
        out["F"] = evaluate(x)
        self.points.append(out["F"])


def ours(generations: int, seed: int) -> tuple[float, Points]:
    """Processor seconds and all points of a run with Archwright."""
    costs, errors = COSTS.tolist(), ERRORS.tolist()
    points = []
    begin = time.process_time()
    strategy = make_strategy("nsga2", flat(DECISIONS, OPTIONS), OBJECTIVES, seed, population_size=POPULATION)
    for number in range(generations * POPULATION):
        candidate = strategy.ask()
        values = candidate.architecture.values()
        cost = sum(row[value] for row, value in zip(costs, values, strict=True))
        error = sum(row[value] for row, value in zip(errors, values, strict=True))
        points.append((cost, error))
        measured = Measurement({"cost": cost, "error": error})
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, measured))
    return time.process_time() - begin, np.array(points)


def pymoos(generations: int, seed: int) -> tuple[float, Points]:
    """The same with pymoo."""
    problem = Sums()
    begin = time.process_time()
    algorithm = NSGA2(
        pop_size=POPULATION,
        sampling=IntegerRandomSampling(),
        crossover=UX(prob=0.9),
        mutation=PM(prob_var=1 / DECISIONS, eta=3.0, vtype=float, repair=RoundingRepair()),
        eliminate_duplicates=True,
    )
    minimize(problem, algorithm, ("n_gen", generations), seed=seed, verbose=False)
    return time.process_time() - begin, np.concatenate(problem.points)


def main() -> None:
    """Run both in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generations", type=int, default=50)
    parser.add_argument("--turns", type=int, default=5)
    wanted = parser.parse_args()
    rates: dict[str, list[float]] = {"archwright": [], "pymoo": []}
    volumes: dict[str, list[float]] = {"archwright": [], "pymoo": []}
    for turn in range(wanted.turns):
        for name, run in (("archwright", ours), ("pymoo", pymoos)):
            seconds, points = run(wanted.generations, turn)
            rates[name].append(wanted.generations / seconds)
            volumes[name].append(hypervolume(points, OBJECTIVES, REFERENCE))
    for name in rates:
        print(
            f"{name:<12}{max(rates[name]):8.1f} generations/s   hypervolume {statistics.mean(volumes[name]):8.1f}"
        )
    print(f"ratio {max(rates['archwright']) / max(rates['pymoo']):.2f}   target 1.0")


if __name__ == "__main__":
    main()
