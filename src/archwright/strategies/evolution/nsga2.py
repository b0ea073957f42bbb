"""NSGA-II."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.strategies.evolution.evolution import Evolution
from archwright.strategies.evolution.operators import Chain, Crossover, Elitism, PointMutations, Tournament

__all__ = ["NSGA2"]


class NSGA2(Evolution):
    """Non-dominated sorting and crowding (Deb et al. 2002, doi:10.1109/4235.996017), for several objectives.

    Parents are the winners of tournaments of two; a child is the cross of two of them, in which each decision mutates
    with a chance of one over their number. When as many children as the population holds have ended, the best of
    both together stay: by constraint domination, then Pareto rank, then crowding distance, so that the population
    spreads along the front. As in NSGA-Net (Lu et al. 2019, arXiv:1810.03522), whose population of 40 is the default.
    A preset of `Evolution`.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits: constraints, not penalties.
        seed: Seed of all random numbers.
        population_size: How many members live, how many random architectures come first, and how many children make
            a generation; at least 1.
        crossover: Chance that a child has two parents, in [0, 1].
        mutations: How many decisions of a child mutate on average, at least 0.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """

    def __init__(
        self,
        space: SearchSpace[Any],
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        population_size: int = 40,
        crossover: float = 0.9,
        mutations: float = 1.0,
    ) -> None:
        if population_size < 1:
            raise UsageError(f"nsga2: expected population_size >= 1, got {population_size}")
        if not 0.0 <= crossover <= 1.0 or not mutations >= 0.0:
            raise UsageError(
                f"nsga2: expected crossover from 0 to 1 and mutations >= 0, got {crossover} and {mutations}"
            )
        super().__init__(
            space,
            objectives,
            initial=population_size,
            offspring_size=population_size,
            selection=Tournament(2),
            variation=Chain((Crossover(crossover), PointMutations(mutations))),
            survival=Elitism(population_size),
            seed=seed,
        )
