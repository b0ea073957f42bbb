from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture
from archwright.strategies import Strategy
from archwright.strategies.bayesian import bananas, forest_search, neighbors_search, surrogate_search
from archwright.surrogates import GaussianProcess, RandomForest
from archwright.testing import StrategyContract, ToyEstimator
from archwright.testing.toy_spaces import flat
from archwright.trials import LocalTrial, Trial, TrialState

SCORE = ToyEstimator.objectives[:1]


@pytest.mark.sampled(5)
class TestSurrogateSearchWithALimit(StrategyContract):
    make = partial(
        surrogate_search,
        surrogate=lambda space, seed: RandomForest(space, seed=seed, trees=3),
        acquisition="thompson",
        initial=3,
        every=10,
        mutants=10,
        samples=10,
    )
    objectives = (Objective("score", Direction.MAXIMIZE), Objective("cost", Direction.MINIMIZE, limit=0.3))


@pytest.mark.sampled(5)
class TestForestSearch(StrategyContract):
    make = partial(forest_search, initial=4, every=10, trees=4)


def best_of(strategy: Strategy, trials: int) -> float:
    estimator = ToyEstimator(flat(8, 3))
    best = 0.0
    for number in range(trials):
        candidate = strategy.ask()
        trial = Trial(number, candidate, TrialState.COMPLETED, estimator.estimate(candidate, LocalTrial()))
        best = max(best, trial.metrics["score"])
        strategy.tell(trial)
    return best


@pytest.mark.parametrize("make", [forest_search, partial(bananas, epochs=30)])
def test_comes_near_the_best_of_6561(make: partial[Strategy]) -> None:
    space = flat(8, 3)
    best = max(map(ToyEstimator(space).score, space))
    assert best_of(make(space, SCORE), 60) > 0.9 * best


def test_the_nearest_networks_lead_to_the_best_where_the_columns_tell_which_are_alike() -> None:
    space = flat(8, 3)
    estimator = ToyEstimator(space)

    class Scores:
        groups = (("scores", 1),)

        def __call__(self, architectures: Sequence[Architecture]) -> np.ndarray:
            return np.array([[estimator.score(one)] for one in architectures])

    best = max(map(estimator.score, space))
    assert best_of(neighbors_search(space, SCORE, columns=Scores()), 60) > 0.9 * best


def test_bananas_goes_on_from_its_state() -> None:
    space = flat(5, 3)
    first, second = (bananas(space, SCORE, initial=4, every=3, epochs=5) for _ in range(2))
    best_of(first, 12)
    second.load_state_dict(first.state_dict())
    assert [first.ask() for _ in range(3)] == [second.ask() for _ in range(3)]


def test_any_surrogate_will_do() -> None:
    space = flat(8, 3)
    strategy = surrogate_search(space, SCORE, surrogate=lambda space, seed: GaussianProcess(space, seed=seed))
    assert best_of(strategy, 40) > 0.7


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"initial": 1}, "initial >= 2, got 1"),
        ({"every": 0}, "every >= 1, got 0"),
        ({"mutants": 0, "samples": 0}, "not both 0, got 0 and 0"),
        ({"mutants": -1}, "mutants and samples >= 0"),
    ],
)
def test_options_are_checked(options: dict[str, int], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        surrogate_search(
            flat(), SCORE, surrogate=lambda space, seed: RandomForest(space, seed=seed), **options
        )


def test_limits_alone_are_refused() -> None:
    with pytest.raises(UsageError, match="expected an objective to optimise"):
        forest_search(flat(), [Objective("params", limit=1.0, optimize=False)])
