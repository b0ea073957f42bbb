"""Evolution: a population, and operators that make the next one."""

from archwright.strategies.evolution.evolution import Evolution
from archwright.strategies.evolution.operators import (
    Aging,
    Member,
    Offspring,
    Selection,
    Survival,
    Tournament,
    Variation,
)
from archwright.strategies.evolution.regularized import RegularizedEvolution

__all__ = [
    # Operators
    "Aging",
    # The loop, and what it is put together from
    "Evolution",
    "Member",
    "Offspring",
    # Ready to use
    "RegularizedEvolution",
    "Selection",
    "Survival",
    "Tournament",
    "Variation",
]
