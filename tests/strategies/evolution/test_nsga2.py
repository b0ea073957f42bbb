from __future__ import annotations

from functools import partial
from typing import Any

import moocore
import numpy as np
import pytest

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective, hypervolume
from archwright.spaces import Space
from archwright.strategies import NSGA2, RandomSearch, Strategy
from archwright.testing import StrategyContract, ToyEstimator
from archwright.testing.toy_spaces import conditional, flat
from archwright.trials import LocalTrial, Measurement, Trial, TrialState

TWO = ToyEstimator.objectives
SCORE, COST = TWO


class TestNSGA2(StrategyContract):
    make = partial(NSGA2, population_size=6)
    objectives = TWO


@pytest.mark.sampled(3)
class TestOneObjective(StrategyContract):
    make = NSGA2


@pytest.mark.sampled(3)
class TestLimit(StrategyContract):
    make = partial(NSGA2, population_size=5)
    objectives = (SCORE, Objective("cost", Direction.MINIMIZE, limit=0.3))


def search(strategy: Strategy, space: Space, trials: int) -> list[Trial]:
    estimator, done = ToyEstimator(space, epochs=40), []
    for number in range(trials):
        candidate = strategy.ask()
        done.append(
            Trial(number, candidate, TrialState.COMPLETED, estimator.estimate(candidate, LocalTrial()))
        )
        strategy.tell(done[-1])
    return done


def losses(trial: Trial) -> tuple[float, float]:
    return -trial.metrics["score"], trial.metrics["cost"]


def test_survivors_are_the_first_fronts_and_of_the_last_the_loneliest() -> None:
    """Against Deb's procedure, written down with another sort."""
    space, size = flat(10, 4), 12
    strategy = NSGA2(space, TWO, population_size=size)
    population = search(strategy, space, size)
    for generation in range(1, 6):
        done = list(population)
        for number in range(generation * size, (generation + 1) * size):
            candidate = strategy.ask()
            assert [m.number for m in strategy.population] == sorted(t.number for t in population)
            measured = ToyEstimator(space, epochs=40).estimate(candidate, LocalTrial())
            done.append(Trial(number, candidate, TrialState.COMPLETED, measured))
            strategy.tell(done[-1])
        ranks = moocore.pareto_rank(np.array([losses(t) for t in done]))
        last = int(np.sort(ranks)[size - 1])
        sure = {t.number for t, rank in zip(done, ranks, strict=True) if rank < last}
        front = [t for t, rank in zip(done, ranks, strict=True) if rank == last]
        kept = {member.number for member in strategy.population}
        assert len(kept) == size
        assert sure <= kept
        assert kept - sure <= {t.number for t in front}
        lonely = {t.number: crowding(t, front) for t in front}
        taken = [lonely[n] for n in kept - sure]
        left = [lonely[t.number] for t in front if t.number not in kept]
        assert not left or min(taken) >= max(left) - 1e-9
        population = [t for t in done if t.number in kept]


def crowding(trial: Trial, front: list[Trial]) -> float:
    """The sides of the box that the neighbours span; infinite at the ends."""
    total = 0.0
    for axis in range(2):
        column = sorted(losses(t)[axis] for t in front)
        own = losses(trial)[axis]
        below = [value for value in column if value < own]
        above = [value for value in column if value > own]
        if not below or not above:
            return float("inf")
        total += (above[0] - below[-1]) / (column[-1] - column[0])
    return total


def test_covers_more_of_the_front_than_random_search() -> None:
    space = flat(12, 4)

    def volume(strategy: Strategy) -> float:
        done = search(strategy, space, 400)
        return hypervolume([(t.metrics["score"], t.metrics["cost"]) for t in done], TWO, (0.0, 1.0))

    found = [volume(NSGA2(space, TWO, seed=seed, population_size=20)) for seed in range(8)]
    drawn = [volume(RandomSearch(space, TWO, seed=seed)) for seed in range(8)]
    assert sum(mine > other for mine, other in zip(found, drawn, strict=True)) >= 7


def test_a_limit_is_a_constraint() -> None:
    """Once enough keep the limit, nothing that does not is left, however good its score."""
    space = flat(12, 4)
    objectives = [SCORE, COST, Objective("cost", Direction.MINIMIZE, limit=0.2, optimize=False)]
    strategy = NSGA2(space, objectives, population_size=10)
    done = {trial.number: trial for trial in search(strategy, space, 200)}
    costs = [done[member.number].metrics["cost"] for member in strategy.population]
    assert max(costs) <= 0.2


def test_a_generation_ends_when_its_brood_has_ended_in_any_order() -> None:
    space = conditional()
    strategy = NSGA2(space, TWO, population_size=4)
    search(strategy, space, 4)
    before = strategy.population
    asked = [strategy.ask() for _ in range(4)]
    estimator = ToyEstimator(space)
    for number, candidate in reversed(list(enumerate(asked, 4))):
        assert strategy.population == before
        strategy.tell(
            Trial(number, candidate, TrialState.COMPLETED, estimator.estimate(candidate, LocalTrial()))
        )
    assert len(strategy.population) == 4
    assert strategy.state_dict()["brood"] == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"population_size": 0}, "population_size >= 1, got 0"),
        ({"crossover": -0.1}, "crossover from 0 to 1 and mutations >= 0, got -0.1"),
        ({"mutations": -1.0}, "mutations >= 0, got 0.9 and -1.0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        NSGA2(flat(), TWO, **options)


def test_a_failure_is_the_worst() -> None:
    space = flat(12, 4)
    strategy = NSGA2(space, TWO, population_size=4)
    for number in range(4):
        strategy.tell(Trial(number, strategy.ask(), TrialState.FAILED, error="out of memory"))
    for number in range(4, 8):
        candidate = strategy.ask()
        assert candidate.parent is None
        measured = Measurement({"score": 0.1 * number, "cost": 0.1 * number})
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, measured))
    assert [member.number for member in strategy.population] == [4, 5, 6, 7]
