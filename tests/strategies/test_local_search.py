from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture
from archwright.strategies import LocalSearch
from archwright.testing import StrategyContract, ToyEstimator
from archwright.testing.toy_spaces import flat, isolated
from archwright.trials import Candidate, LocalTrial, Measurement, Trial, TrialState

SCORE = ToyEstimator.objectives[:1]


class TestLocalSearch(StrategyContract):
    make = LocalSearch


class TestSingleBeginningOnTwoObjectivesWithALimit(StrategyContract):
    make = partial(LocalSearch, initial=1)
    objectives = (
        Objective("score", Direction.MAXIMIZE),
        Objective("cost", Direction.MINIMIZE, limit=0.3),
    )


def told(strategy: LocalSearch, number: int, candidate: Candidate, score: float) -> None:
    strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"score": score})))


def steps(first: Architecture, second: Architecture) -> int:
    return sum(first[address] != second[address] for address in first)


def run(strategy: LocalSearch, scores: Sequence[float]) -> list[Candidate]:
    asked = []
    for number, score in enumerate(scores):
        asked.append(strategy.ask())
        told(strategy, number, asked[-1], score)
    return asked


def test_begins_at_the_best_of_some_random_ones() -> None:
    strategy = LocalSearch(flat(8, 3), SCORE, initial=5)
    asked = run(strategy, [0.1, 0.5, 0.9, 0.2, 0.3])
    assert all(candidate.parent is None for candidate in asked)
    child = strategy.ask()
    assert child.parent == 2
    assert steps(child.architecture, asked[2].architecture) == 1


def test_stays_while_neighbours_are_worse_and_moves_to_the_first_that_is_no_worse() -> None:
    strategy = LocalSearch(flat(8, 3), SCORE, initial=1)
    run(strategy, [0.5, 0.4, 0.3, 0.5, 0.4, 0.6])
    assert strategy.ask().parent == 5
    assert [
        c.parent for c in run(LocalSearch(flat(8, 3), SCORE, initial=1), [0.5, 0.4, 0.5, 0.4, 0.6, 0])
    ] == [
        None,
        0,
        0,
        2,
        2,
        4,
    ]


def test_tries_every_neighbour_once_and_then_begins_anew() -> None:
    space = flat(4, 3)
    strategy = LocalSearch(space, SCORE, initial=1)
    asked = run(strategy, [0.9] + [0.1] * 8)
    assert {c.architecture for c in asked[1:]} == set(space.neighbors(asked[0].architecture))
    anew = strategy.ask()
    assert anew.parent is None
    told(strategy, 9, anew, 0.05)  # worse than the old climb's end, and where the new one begins all the same
    assert strategy.ask().parent == 9


def test_late_neighbours_count_for_their_own_climb_alone() -> None:
    space = flat(4, 3)
    strategy = LocalSearch(space, SCORE, initial=1)
    first = strategy.ask()
    told(strategy, 0, first, 0.5)
    batch = [strategy.ask() for _ in range(9)]
    assert [c.parent for c in batch] == [0] * 8 + [None]
    told(strategy, 9, batch[8], 0.2)  # the new climb
    told(strategy, 1, batch[0], 0.4)  # better, but the old one has passed it
    assert strategy.ask().parent == 9


def test_a_better_late_neighbour_takes_the_climb_on() -> None:
    strategy = LocalSearch(flat(8, 3), SCORE, initial=1)
    told(strategy, 0, strategy.ask(), 0.5)
    batch = [strategy.ask() for _ in range(3)]
    told(strategy, 2, batch[1], 0.6)
    assert strategy.ask().parent == 2
    told(strategy, 1, batch[0], 0.7)
    assert strategy.ask().parent == 1
    told(strategy, 3, batch[2], 0.65)
    assert strategy.ask().parent == 1


def test_climbs_out_of_what_a_limit_forbids() -> None:
    """From a beginning over the limit to what is over by less, though its score is worse."""
    space = flat(8, 3)
    objectives = [*SCORE, Objective("cost", Direction.MINIMIZE, limit=1.0, optimize=False)]
    strategy = LocalSearch(space, objectives, initial=1)
    strategy.tell(Trial(0, strategy.ask(), TrialState.INFEASIBLE, Measurement({"cost": 3.0})))
    strategy.tell(Trial(1, strategy.ask(), TrialState.INFEASIBLE, Measurement({"cost": 4.0})))
    assert strategy.ask().parent == 0
    child = strategy.ask()
    strategy.tell(Trial(3, child, TrialState.COMPLETED, Measurement({"cost": 2.0, "score": 0.1})))
    assert strategy.ask().parent == 3


def test_nothing_begins_at_a_failure() -> None:
    strategy = LocalSearch(flat(8, 3), SCORE, initial=1)
    strategy.tell(Trial(0, strategy.ask(), TrialState.FAILED, error="out of memory"))
    assert strategy.ask().parent is None


def test_finds_the_top_of_a_hill() -> None:
    """The toy's score is a sum over the decisions, so one climb of 12 decisions reaches its maximum."""
    space = flat(12, 4)
    estimator, strategy = ToyEstimator(space, epochs=40), LocalSearch(space, SCORE)
    best = 0.0
    for number in range(150):
        candidate = strategy.ask()
        told(strategy, number, candidate, estimator.estimate(candidate, LocalTrial()).metrics["score"])
        best = max(best, estimator.score(candidate.architecture))
    weights = (np.arange(1, 49) * (5**0.5 - 1) / 2 % 1.0).reshape(12, 4)
    assert best == pytest.approx(weights.max(1).mean())


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 1 architecture to begin with, got 0"):
        LocalSearch(isolated(), SCORE, initial=0)
    with pytest.raises(UsageError, match="got limits alone"):
        LocalSearch(isolated(), [Objective("params", limit=10.0, optimize=False)])
