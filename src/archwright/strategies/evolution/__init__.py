"""Evolution: a population, and operators that make the next one."""

from archwright.strategies.evolution.evolution import Evolution
from archwright.strategies.evolution.mu_plus_lambda import MuPlusLambda
from archwright.strategies.evolution.nsga2 import NSGA2
from archwright.strategies.evolution.operators import (
    Aging,
    Chain,
    Crossover,
    Either,
    Elitism,
    Member,
    Mutation,
    PointMutations,
    Selection,
    Survival,
    Tournament,
    Variation,
)
from archwright.strategies.evolution.regularized import RegularizedEvolution

__all__ = [
    # The loop, and what it is put together from
    "Evolution",
    "Member",
    "Selection",
    "Survival",
    "Variation",
    # Selections
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
