from __future__ import annotations

import json
from functools import partial
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archwright.spaces import Space
from archwright.strategies import Score, Strategy
from archwright.strategies.reinforcement import PPO, REINFORCE
from archwright.strategies.reinforcement.controller_strategy import ControllerStrategy, rewards_of
from archwright.strategies.reinforcement.tensors import (
    optimizer_from_json,
    optimizer_to_json,
    tensor_from_json,
    tensor_to_json,
)
from archwright.testing import ToyEstimator
from archwright.testing.toy_spaces import constrained, flat
from archwright.trials import LocalTrial, Measurement, Trial, TrialState

SCORE = ToyEstimator.objectives[:1]


def search(strategy: Strategy, space: Space, trials: int) -> list[float]:
    estimator, scores = ToyEstimator(space, epochs=40), []
    for number in range(trials):
        candidate = strategy.ask()
        measured = estimator.estimate(candidate, LocalTrial())
        scores.append(measured.metrics["score"])
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, measured))
    return scores


@pytest.mark.parametrize("make", [partial(REINFORCE, learning_rate=0.03), partial(PPO, learning_rate=0.01)])
def test_what_it_writes_gets_better(make: partial[ControllerStrategy]) -> None:
    space = flat(8, 4)
    scores = search(make(space, SCORE, hidden=16), space, 150)
    drawn = [ToyEstimator(space).score(space.sample(seed)) for seed in range(300)]
    spread = torch.tensor(drawn).std().item()
    assert sum(scores[-40:]) / 40 > sum(drawn) / 300 + spread


def test_learns_when_a_batch_is_full_in_any_order() -> None:
    space = flat(8, 4)
    strategy = REINFORCE(space, SCORE, hidden=4, batch_size=3)
    before = [p.clone() for p in strategy.controller.parameters()]

    def changed() -> bool:
        return any(
            not torch.equal(p, q) for p, q in zip(before, strategy.controller.parameters(), strict=True)
        )

    asked = [strategy.ask() for _ in range(5)]
    for number in (4, 0):
        strategy.tell(
            Trial(number, asked[number], TrialState.COMPLETED, Measurement({"score": 0.1 * number}))
        )
    assert not changed()
    strategy.tell(Trial(2, asked[2], TrialState.FAILED, error="out of memory"))
    assert changed()


def test_constraints_are_kept() -> None:
    space = constrained()
    strategy = REINFORCE(space, SCORE, hidden=4)
    assert all(space.contains(strategy.ask().architecture) for _ in range(30))


losses = st.integers(0, 4).map(lambda loss: Score(0.0, (float(loss),)))
over = st.sampled_from([Score(0.5), Score(1.0), Score(float("inf"))])


@given(scores=st.lists(losses | over, min_size=2, max_size=10))
def test_a_reward_is_the_share_of_the_others_that_are_beaten(scores: list[Score]) -> None:
    for i, reward in enumerate(rewards_of(scores)):
        others = [other.key for j, other in enumerate(scores) if j != i]
        own = scores[i].key
        beaten = sum(own < other for other in others) + sum(own == other for other in others) / 2
        assert reward == pytest.approx(beaten / len(others))


def test_a_single_reward_is_in_the_middle() -> None:
    assert rewards_of([Score(0.0, (3.0,))]) == [0.5]


@given(st.lists(st.floats(width=32), max_size=6), st.sampled_from([torch.float32, torch.float64]))
def test_tensors_survive_json_to_the_bit(values: list[float], dtype: torch.dtype) -> None:
    for tensor in (torch.tensor(values, dtype=dtype), torch.tensor(Random(0).random(), dtype=dtype)):
        back = tensor_from_json(json.loads(json.dumps(tensor_to_json(tensor))))
        assert back.dtype == tensor.dtype
        assert back.shape == tensor.shape
        assert back.numpy().tobytes() == tensor.numpy().tobytes()


def test_an_optimizer_goes_on_as_it_would_have() -> None:
    def made() -> tuple[torch.nn.Linear, torch.optim.Adam]:
        torch.manual_seed(0)
        linear = torch.nn.Linear(3, 1)
        return linear, torch.optim.Adam(linear.parameters(), lr=0.1)

    def step(linear: torch.nn.Linear, adam: torch.optim.Adam) -> None:
        adam.zero_grad()
        linear(torch.ones(3)).square().sum().backward()
        adam.step()

    (first, adam), (second, other) = made(), made()
    for _ in range(3):
        step(first, adam)
    second.load_state_dict(first.state_dict())
    optimizer_from_json(other, json.loads(json.dumps(optimizer_to_json(adam))))
    step(first, adam)
    step(second, other)
    assert torch.equal(first.weight, second.weight)
    optimizer_from_json(other, {})
    assert optimizer_to_json(other) == {}
