"""Regularized evolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.strategies.evolution.evolution import Evolution
from archwright.strategies.evolution.operators import Aging, Crossover, Either, Mutation, Tournament

__all__ = ["RegularizedEvolution"]

_TOURNAMENT = 10


class RegularizedEvolution(Evolution):
    """Tournament selection, mutation, and the oldest dies (Real et al. 2019, arXiv:1802.01548).

    Since every member dies of age, an architecture lives on only by children that do well again, which keeps
    a lucky measurement from leading the search for long. A preset of `Evolution`. The paper has populations
    of 20 to 1,000 for thousands of trials; the defaults here suit some 50 to 500.

    Several objectives are compared by constraint domination, then by Pareto rank and crowding distance within
    the population. Of equals in a tournament a random one wins.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        population_size: How many members live, and how many random architectures come first; at least 1.
        tournament_size: Members drawn, with replacement, to select a parent; from 1 to population_size. The
            larger, the greedier. None means 10, or all of a smaller population.
        crossover: Chance that a child is the cross of two parents instead of a mutant of one, in [0, 1]; the
            paper has none.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """

    def __init__(
        self,
        space: SearchSpace[Any],
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        population_size: int = 20,
        tournament_size: int | None = None,
        crossover: float = 0.0,
    ) -> None:
        if population_size < 1:
            raise UsageError(f"evolution: expected population_size >= 1, got {population_size}")
        if tournament_size is None:
            tournament_size = min(_TOURNAMENT, population_size)
        if not 1 <= tournament_size <= population_size:
            raise UsageError(
                f"evolution: expected tournament_size from 1 to population_size={population_size}, "
                f"got {tournament_size}"
            )
        if not 0.0 <= crossover <= 1.0:
            raise UsageError(f"evolution: expected crossover from 0 to 1, got {crossover}")
        super().__init__(
            space,
            objectives,
            initial=population_size,
            selection=Tournament(tournament_size),
            variation=Either(crossover, Crossover(), Mutation()),
            survival=Aging(population_size),
            seed=seed,
        )
