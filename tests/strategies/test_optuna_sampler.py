from __future__ import annotations

import json
from functools import partial

import pytest

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.strategies.optuna_sampler import OptunaSampler
from archwright.testing import StrategyContract, ToyEstimator
from archwright.testing.toy_spaces import flat
from archwright.trials import LocalTrial, Trial, TrialState

SCORE = ToyEstimator.objectives[:1]


@pytest.mark.sampled(6)
class TestTPE(StrategyContract):
    make = partial(OptunaSampler, settings={"n_startup_trials": 5})


def test_nsga2_keeps_a_limit_as_its_constraint_and_goes_on_from_a_state() -> None:
    space = flat(5, 3)
    estimator = ToyEstimator(space)
    objectives = (Objective("score", Direction.MAXIMIZE), Objective("cost", Direction.MINIMIZE, limit=0.3))
    first, second = (
        OptunaSampler(space, objectives, sampler="NSGAIISampler", settings={"population_size": 6})
        for _ in range(2)
    )
    for number in range(20):
        candidate = first.ask()
        first.tell(
            Trial(number, candidate, TrialState.COMPLETED, estimator.estimate(candidate, LocalTrial()))
        )
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert [first.ask() for _ in range(5)] == [second.ask() for _ in range(5)]


def test_is_better_than_chance() -> None:
    space = flat(8, 3)
    estimator = ToyEstimator(space)
    found = {}
    for sampler in ("TPESampler", "RandomSampler"):
        strategy = OptunaSampler(space, SCORE, sampler=sampler)
        for number in range(60):
            candidate = strategy.ask()
            trial = Trial(
                number, candidate, TrialState.COMPLETED, estimator.estimate(candidate, LocalTrial())
            )
            found[sampler] = max(found.get(sampler, 0.0), trial.metrics["score"])
            strategy.tell(trial)
    assert found["TPESampler"] > found["RandomSampler"]


def test_an_unknown_sampler_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"optuna has no sampler 'TPSampler'\. Did you mean 'TPESampler'"):
        OptunaSampler(flat(), SCORE, sampler="TPSampler")


def test_wrong_settings_are_told() -> None:
    with pytest.raises(UsageError, match="cannot be made with"):
        OptunaSampler(flat(), SCORE, settings={"no_such": 1})


def test_limits_alone_are_refused() -> None:
    with pytest.raises(UsageError, match="expected an objective to optimise"):
        OptunaSampler(flat(), [Objective("params", limit=1.0, optimize=False)])
