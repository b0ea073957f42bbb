from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective, hypervolume
from archwright.spaces import Space
from archwright.strategies import RandomSearch, RegularizedEvolution, Strategy
from archwright.strategies.evolution.operators import Tournament
from archwright.testing import StrategyContract, ToyEstimator
from archwright.testing.toy_spaces import flat, spellings
from archwright.trials import Candidate, LocalTrial, Measurement, Trial, TrialState

SCORE = ToyEstimator.objectives[:1]
TWO = ToyEstimator.objectives


class TestRegularizedEvolution(StrategyContract):
    make = RegularizedEvolution


@pytest.mark.sampled(2)
class TestSmallPopulation(StrategyContract):
    make = partial(RegularizedEvolution, population_size=4, tournament_size=2)


@pytest.mark.sampled(3)
class TestCrossoverOnTwoObjectivesWithALimit(StrategyContract):
    make = partial(RegularizedEvolution, population_size=4, tournament_size=2, crossover=0.5)
    objectives = (
        Objective("score", Direction.MAXIMIZE),
        Objective("cost", Direction.MINIMIZE, limit=0.3),
    )


def search(strategy: Strategy, space: Space, trials: int) -> list[Trial]:
    """Tell each candidate's toy metrics at once."""
    estimator, done = ToyEstimator(space, epochs=40), []
    for number in range(trials):
        candidate = strategy.ask()
        done.append(
            Trial(number, candidate, TrialState.COMPLETED, estimator.estimate(candidate, LocalTrial()))
        )
        strategy.tell(done[-1])
    return done


def test_begins_at_random_then_children_differ_from_their_parent_in_one_decision() -> None:
    space = flat(12, 4)
    done = search(RegularizedEvolution(space, SCORE, population_size=10, tournament_size=3), space, 60)
    assert all(trial.candidate.parent is None for trial in done[:10])
    children = done[10:]
    assert all(trial.candidate.parent is not None for trial in children)
    for trial in children:
        parent = done[trial.candidate.parent or 0].candidate.architecture
        child = trial.candidate.architecture
        assert sum(child[a] != parent[a] for a in child) == 1
        assert trial.number - 10 <= (trial.candidate.parent or 0) < trial.number


def test_the_oldest_die_however_good_they_were() -> None:
    space = flat(12, 4)
    strategy = RegularizedEvolution(space, SCORE, population_size=10, tournament_size=3)
    done = search(strategy, space, 40)
    assert [member.number for member in strategy.population] == list(range(30, 40))
    assert [member.architecture for member in strategy.population] == [
        t.candidate.architecture for t in done[30:]
    ]


def test_beats_random_search() -> None:
    """On 4^12 architectures with 150 trials: on average by far, and with nearly every seed."""
    space = flat(12, 4)

    def best(make: Callable[..., Strategy], seed: int) -> float:
        return max(t.metrics["score"] for t in search(make(space, SCORE, seed=seed), space, 150))

    evolved = np.array([best(RegularizedEvolution, seed) for seed in range(20)])
    drawn = np.array([best(RandomSearch, seed) for seed in range(20)])
    assert (evolved > drawn).sum() >= 18  # by chance 18 of 20 come with probability 2e-4
    assert evolved.mean() - drawn.mean() > 2 * (drawn.std() + evolved.std())


def test_beats_random_search_on_two_objectives() -> None:
    """By the hypervolume of all trials."""
    space = flat(12, 4)

    def volume(make: Callable[..., Strategy], seed: int) -> float:
        done = search(make(space, TWO, seed=seed), space, 150)
        points = [(t.metrics["score"], t.metrics["cost"]) for t in done]
        return hypervolume(points, TWO, (0.0, 1.0))

    evolved = [volume(RegularizedEvolution, seed) for seed in range(20)]
    drawn = [volume(RandomSearch, seed) for seed in range(20)]
    assert sum(e > d for e, d in zip(evolved, drawn, strict=True)) >= 18


def test_finds_the_feasible_part_of_a_space() -> None:
    """Under a limit that nearly no random architecture keeps, by way of those that miss it least."""
    space = flat(12, 4)
    cheap = Objective("cost", Direction.MINIMIZE, limit=0.13, optimize=False)
    estimator = ToyEstimator(space)

    def feasible(make: Callable[..., Strategy], seed: int) -> int:
        strategy, found = make(space, [*SCORE, cheap], seed=seed), 0
        for number in range(150):
            candidate = strategy.ask()
            cost = estimator.cost(candidate.architecture)
            keeps = cost <= 0.13
            found += keeps
            state = TrialState.COMPLETED if keeps else TrialState.INFEASIBLE
            metrics = estimator.estimate(candidate, LocalTrial()).metrics if keeps else {"cost": cost}
            strategy.tell(Trial(number, candidate, state, Measurement(metrics)))
        return found

    evolved = [feasible(RegularizedEvolution, seed) for seed in range(5)]
    drawn = [feasible(RandomSearch, seed) for seed in range(5)]
    assert sum(drawn) <= 5 * 150 * 0.03
    assert min(evolved) >= 30


def test_a_failed_winner_has_no_children() -> None:
    space = flat(12, 4)
    strategy = RegularizedEvolution(space, SCORE, population_size=5, tournament_size=2)
    for number in range(12):
        candidate = strategy.ask()
        assert candidate.parent is None
        strategy.tell(Trial(number, candidate, TrialState.FAILED, error="out of memory"))


def test_draws_at_random_until_the_first_is_told() -> None:
    strategy = RegularizedEvolution(flat(12, 4), SCORE, population_size=2, tournament_size=1)
    asked = [strategy.ask() for _ in range(8)]
    assert all(candidate.parent is None for candidate in asked)
    strategy.tell(Trial(0, asked[0], TrialState.COMPLETED, Measurement({"score": 0.5})))
    assert strategy.ask().parent == 0


def test_a_parent_whose_neighbours_are_all_known_has_farther_children() -> None:
    space = flat(6, 2)
    strategy = RegularizedEvolution(space, SCORE, population_size=1, tournament_size=1)
    first = strategy.ask()
    for neighbor in space.neighbors(first.architecture):
        strategy.tell(Trial(9, Candidate(neighbor), TrialState.FAILED))
    strategy.tell(Trial(0, first, TrialState.COMPLETED, Measurement({"score": 0.5})))
    child = strategy.ask()
    assert child.parent == 0
    assert sum(child.architecture[a] != first.architecture[a] for a in first.architecture) >= 2


def test_a_trial_from_elsewhere_joins_the_population() -> None:
    space = spellings()
    strategy = RegularizedEvolution(space, SCORE, population_size=1, tournament_size=1)
    strategy.ask()
    elsewhere = space.architecture({"d0": 1, "d1": 2, "d2": 3})
    strategy.tell(Trial(77, Candidate(elsewhere), TrialState.COMPLETED, Measurement({"score": 0.5})))
    child = strategy.ask()
    assert child.parent == 77
    assert space.canonical(child.architecture) != space.canonical(elsewhere)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"population_size": 0}, "population_size >= 1, got 0"),
        ({"tournament_size": 0}, "tournament_size from 1 to population_size=20, got 0"),
        ({"population_size": 4, "tournament_size": 5}, "from 1 to population_size=4, got 5"),
        ({"crossover": 1.5}, "crossover from 0 to 1, got 1.5"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        RegularizedEvolution(flat(), SCORE, **options)


def test_limits_alone_are_refused() -> None:
    limit = Objective("params", limit=10.0, optimize=False)
    with pytest.raises(UsageError, match="expected an objective to optimise, got limits alone"):
        RegularizedEvolution(flat(), [limit])


@pytest.mark.parametrize(("population", "drawn"), [(1, 1), (4, 4), (20, 10), (100, 10)])
def test_a_tournament_is_no_larger_than_a_small_population(population: int, drawn: int) -> None:
    strategy = RegularizedEvolution(flat(12, 4), SCORE, population_size=population)
    assert strategy.selection == Tournament(drawn)


def test_with_one_random_architecture_the_others_descend_from_what_was_given() -> None:
    space = flat(8, 4)
    strategy = RegularizedEvolution(
        space, ToyEstimator.objectives[:1], population_size=20, tournament_size=20, initial=1
    )
    known = space.default
    (name,) = [objective.name for objective in ToyEstimator.objectives[:1]]
    strategy.tell(Trial(0, Candidate(known), TrialState.COMPLETED, Measurement({name: -1e9})))
    strategy.ask()  # the random one, which is not told
    for _ in range(5):
        child = strategy.ask()
        assert child.parent == 0
        assert sum(child.architecture[a] != known[a] for a in known) == 1
