from __future__ import annotations

import json
from functools import partial
from random import Random
from typing import Any

import numpy as np
import pytest

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.spaces import Space, integer, layer
from archwright.strategies import make_strategy
from archwright.strategies.bayesian import SurrogateSearch, bayesian_search
from archwright.testing import StrategyContract, ToyEstimator
from archwright.testing.toy_spaces import flat
from archwright.trials import Candidate, LocalTrial, Measurement, Trial, TrialState

SCORE = ToyEstimator.objectives[:1]


@pytest.mark.sampled(3)
class TestBayesianSearch(StrategyContract):
    make = partial(bayesian_search, initial=4, candidates=100)


@pytest.mark.sampled(4)
class TestTwoObjectivesWithALimit(StrategyContract):
    make = partial(bayesian_search, initial=2, candidates=50)
    objectives = (
        Objective("score", Direction.MAXIMIZE),
        Objective("cost", Direction.MINIMIZE, limit=0.3),
    )


def search(strategy: SurrogateSearch, trials: int, batch: int = 1) -> list[Trial]:
    estimator = ToyEstimator(strategy.space)
    done: list[Trial] = []
    while len(done) < trials:
        asked = [strategy.ask() for _ in range(batch)]
        for candidate in asked:
            done.append(
                Trial(len(done), candidate, TrialState.COMPLETED, estimator.estimate(candidate, LocalTrial()))
            )
            strategy.tell(done[-1])
    return done


@pytest.mark.sampled(2)
@pytest.mark.parametrize("batch", [1, 5])
def test_finds_the_best_of_59049_in_60_trials(batch: int) -> None:
    space = flat(10, 3)
    weights = (np.arange(1, 31) * (5**0.5 - 1) / 2 % 1.0).reshape(10, 3)
    best = ToyEstimator(space).estimate(
        Candidate(space.decode((weights == weights.max(1, keepdims=True)).ravel().astype(float))),
        LocalTrial(),
    )
    found = max(trial.metrics["score"] for trial in search(bayesian_search(space, SCORE), 60, batch))
    assert found == best.metrics["score"]


@pytest.mark.parametrize("limit", [0.1, 0.3])
def test_finds_the_best_that_keeps_a_limit(limit: float) -> None:
    space = flat(6, 3)
    objectives = (
        Objective("score", Direction.MAXIMIZE),
        Objective("cost", Direction.MINIMIZE, limit, optimize=False),
    )
    measured = [
        ToyEstimator(space).estimate(Candidate(architecture), LocalTrial()).metrics for architecture in space
    ]
    best = max(metrics["score"] for metrics in measured if metrics["cost"] <= limit)
    done = search(bayesian_search(space, objectives), 60)
    assert max(trial.metrics["score"] for trial in done if trial.metrics["cost"] <= limit) == best


def test_proposes_what_keeps_a_tight_limit_in_a_space_that_is_too_large_to_list() -> None:
    space = flat(20, 4)
    cost = ToyEstimator(space).cost
    limit = float(np.quantile([cost(space.sample(Random(seed))) for seed in range(2000)], 0.02))
    objectives = (
        Objective("score", Direction.MAXIMIZE),
        Objective("cost", Direction.MINIMIZE, limit, optimize=False),
    )
    late = search(bayesian_search(space, objectives), 120)[60:]
    # Of 60 random ones 1.2 would.
    assert sum(trial.metrics["cost"] <= limit for trial in late) >= 8


def test_two_objectives_spread_along_the_front() -> None:
    done = search(bayesian_search(flat(8, 3), ToyEstimator.objectives), 80)
    scores = {(trial.metrics["score"], trial.metrics["cost"]) for trial in done}
    front = [p for p in scores if not any(q[0] >= p[0] and q[1] <= p[1] and q != p for q in scores)]
    assert len(front) >= 10


def test_what_was_tried_elsewhere_is_learned_from_and_not_proposed() -> None:
    space = flat(3, 3)
    strategy = bayesian_search(space, SCORE, initial=2)
    told = list(space)[:20]
    estimator = ToyEstimator(space)
    donor = bayesian_search(space, SCORE).ask()
    for number, architecture in enumerate(told):
        candidate = type(donor)(architecture)
        strategy.tell(
            Trial(number, candidate, TrialState.COMPLETED, estimator.estimate(candidate, LocalTrial()))
        )
    assert not {strategy.ask().architecture for _ in range(7)} & set(told)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"initial": 1}, "initial >= 2, got 1"), ({"candidates": 0}, "candidates >= 1, got 0")],
)
def test_options_are_checked(options: dict[str, int], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        bayesian_search(flat(), SCORE, **options)


def test_limits_alone_are_refused() -> None:
    with pytest.raises(UsageError, match="expected an objective to optimise"):
        bayesian_search(flat(), [Objective("params", limit=1.0, optimize=False)])


def test_a_constant_metric_does_no_harm() -> None:
    strategy = bayesian_search(flat(), SCORE, initial=2)
    for number in range(30):
        candidate = strategy.ask()
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"score": 0.5})))


def test_with_many_running_a_look_at_the_model_gives_a_batch_and_a_state_keeps_its_rest() -> None:
    space = Space(layer(dict, **{f"d{i}": integer(0, 9, name=f"d{i}") for i in range(3)}))
    objectives = [Objective("loss")]

    def told(number: int, candidate: Candidate) -> Trial:
        loss = float(sum(candidate.architecture.values()))
        return Trial(number, candidate, TrialState.COMPLETED, Measurement({"loss": loss}))

    first = make_strategy("bayesian", space, objectives, 0)
    running = [first.ask() for _ in range(220)]
    looks = 0
    source = first.source  # type: ignore[attr-defined]

    def counted(ask: Any) -> Any:
        nonlocal looks
        looks += 1
        return source(ask)

    first.source = counted  # type: ignore[attr-defined]
    for number in range(20):
        first.tell(told(number, running.pop(0)))
    asked = [first.ask(running) for _ in range(6)]
    assert looks == 2  # 200 run: four of a batch, and two of the next
    again = make_strategy("bayesian", space, objectives, 0)
    again.load_state_dict(json.loads(json.dumps(first.state_dict())))
    rest = [(first.ask(running), again.ask(running)) for _ in range(3)]
    assert looks == 3
    assert all(one == other for one, other in rest)
    forms = {candidate.architecture for candidate in [*running, *asked, *(one for one, _ in rest)]}
    assert len(forms) == 200 + 6 + 3
