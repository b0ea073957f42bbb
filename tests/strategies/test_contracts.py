"""Every strategy under the contract of strategies, on every toy space."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from archwright.objectives import Direction, Objective
from archwright.spaces import Space
from archwright.strategies import GridSearch, RandomSearch, RegularizedEvolution, Strategy
from archwright.testing import StrategyContract


class TestRandomSearch(StrategyContract):
    make = RandomSearch


class TestGridSearch(StrategyContract):
    def make(space: Space, objectives: Sequence[Objective], *, seed: int) -> Strategy:  # noqa: N805
        return GridSearch(space, objectives)


class TestRegularizedEvolution(StrategyContract):
    make = RegularizedEvolution


class TestSmallPopulation(StrategyContract):
    make = partial(RegularizedEvolution, population_size=4, tournament_size=2)


class TestCrossover(StrategyContract):
    make = partial(RegularizedEvolution, population_size=4, tournament_size=2, crossover=0.7)


class TestSeveralObjectivesAndALimit(StrategyContract):
    make = partial(RegularizedEvolution, population_size=5, tournament_size=3)
    objectives = (
        Objective("score", Direction.MAXIMIZE),
        Objective("cost", Direction.MINIMIZE, limit=0.3),
    )
