"""Evolution: a population, and operators that make the next one."""

from archwright.strategies.evolution.evolution import Evolution
from archwright.strategies.evolution.operators import (
    Aging,
    Chain,
    Crossover,
    Either,
    Elitism,
    Member,
    Mutation,
    ParetoTournament,
    PointMutations,
    Selection,
    Survival,
    Tournament,
    Variation,
)
from archwright.strategies.evolution.presets import NSGA2, MuPlusLambda, RegularizedEvolution

__all__ = [
    # The loop, and what it is put together from
    "Evolution",
    "Member",
    "Selection",
    "Survival",
    "Variation",
    # Selections
    "ParetoTournament",
    "Tournament",
    # Variations
    "Chain",
    "Crossover",
    "Either",
    "Mutation",
    "PointMutations",
    # Survivals
    "Aging",
    "Elitism",
    # Ready to use
    "MuPlusLambda",
    "NSGA2",
    "RegularizedEvolution",
]
