"""Evolutions that have a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from archwright.errors import UsageError, did_you_mean
from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.strategies.evolution.evolution import Evolution
from archwright.strategies.evolution.operators import (
    Aging,
    Chain,
    Crossover,
    Either,
    Elitism,
    Mutation,
    ParetoTournament,
    PointMutations,
    Selection,
    Tournament,
)

__all__ = ["NSGA2", "MuPlusLambda", "RegularizedEvolution"]

_TOURNAMENT = 10
_WINNERS: dict[str, Callable[[int], Selection]] = {"crowded": Tournament, "pareto": ParetoTournament}


class RegularizedEvolution(Evolution):
    """Tournament selection, mutation, and the oldest dies (Real et al. 2019, arXiv:1802.01548).

    Since every member dies of age, an architecture lives on only by children that do well again, which keeps
    a lucky measurement from leading the search for long. A preset of `Evolution`. The paper has populations
    of 20 to 1,000 for thousands of trials; the defaults here suit some 50 to 500.

    Several objectives are compared by constraint domination, then by Pareto rank and crowding distance within
    the population, or as `winner` says. Of equals in a tournament a random one wins.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        population_size: How many members live, and how many random architectures come first; at least 1.
        initial: How many random architectures come first instead, at least 1; with 1 the others descend from what the
            search was given to begin with (`enqueue`), as Ericsson et al. 2024, arXiv:2405.20838, start from a known
            network.
        tournament_size: Members drawn, with replacement, to select a parent; from 1 to population_size. The
            larger, the greedier. None means 10, or all of a smaller population.
        winner: Who wins a tournament of several objectives: "crowded" as above; "pareto" a random one of those that no
            other in it dominates, as in EvoNorm (Liu et al. 2020, arXiv:2004.02967).
        crossover: Chance that a child is the cross of two parents instead of a mutant of one, in [0, 1]; the
            paper has none.
        inherit: Whether a child begins with its parent's weights, as far as they fit; see the estimator `morphism`.

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
        initial: int | None = None,
        tournament_size: int | None = None,
        winner: str = "crowded",
        crossover: float = 0.0,
        inherit: bool = False,
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
        _check_chance("evolution", crossover)
        if winner not in _WINNERS:
            raise UsageError(f"evolution: no winner {winner!r}.{did_you_mean(winner, _WINNERS)}")
        super().__init__(
            space,
            objectives,
            initial=population_size if initial is None else initial,
            selection=_WINNERS[winner](tournament_size),
            variation=Either(crossover, Crossover(), Mutation()),
            survival=Aging(population_size),
            seed=seed,
            inherit=inherit,
        )


class MuPlusLambda(Evolution):
    """The best μ of μ parents and λ children stay (Beyer and Schwefel 2002, doi:10.1023/A:1015059928466).

    Every member becomes a parent equally often, and nothing dies of age, so the best is never lost; neither is a lucky
    measurement. A preset of `Evolution`.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        parents: μ: how many stay, and how many random architectures come first; at least 1.
        children: λ: how many end before the best are chosen; at least 1.
        crossover: Chance that a child is the cross of two parents instead of a mutant of one, in [0, 1].

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """

    def __init__(
        self,
        space: SearchSpace[Any],
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        parents: int = 10,
        children: int = 10,
        crossover: float = 0.0,
    ) -> None:
        if parents < 1 or children < 1:
            raise UsageError(
                f"mu_plus_lambda: expected parents >= 1 and children >= 1, got {parents} and {children}"
            )
        _check_chance("mu_plus_lambda", crossover)
        super().__init__(
            space,
            objectives,
            initial=parents,
            offspring_size=children,
            selection=Tournament(1),
            variation=Either(crossover, Crossover(), Mutation()),
            survival=Elitism(parents),
            seed=seed,
        )


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


def _check_chance(strategy: str, crossover: float) -> None:
    if not 0.0 <= crossover <= 1.0:
        raise UsageError(f"{strategy}: expected crossover from 0 to 1, got {crossover}")
