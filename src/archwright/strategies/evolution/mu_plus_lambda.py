"""The (μ+λ) evolution strategy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.strategies.evolution.evolution import Evolution
from archwright.strategies.evolution.operators import Crossover, Either, Elitism, Mutation, Tournament

__all__ = ["MuPlusLambda"]


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
        if not 0.0 <= crossover <= 1.0:
            raise UsageError(f"mu_plus_lambda: expected crossover from 0 to 1, got {crossover}")
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
