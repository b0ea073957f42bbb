from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch

from archwright.controllers import clipped_gain
from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.strategies.reinforcement import PPO, REINFORCE, Sample
from archwright.testing import StrategyContract, ToyEstimator
from archwright.testing.toy_spaces import flat

SCORE = ToyEstimator.objectives[:1]


@pytest.mark.sampled(4)
class TestPPOOnTwoObjectivesWithALimit(StrategyContract):
    make = partial(PPO, hidden=4, passes=2)
    objectives = (
        Objective("score", Direction.MAXIMIZE),
        Objective("cost", Direction.MINIMIZE, limit=0.3),
    )


@pytest.mark.parametrize(
    ("ratio", "advantage", "gain", "slope"),
    [
        (1.1, 1.0, 1.1, 1.0),  # within the clip the gain goes with the ratio
        (1.5, 1.0, 1.2, 0.0),  # a good one that became likelier pushes no farther
        (0.5, 1.0, 0.5, 1.0),  # a good one that became rarer is brought back
        (0.5, -1.0, -0.8, 0.0),
        (1.5, -1.0, -1.5, -1.0),
    ],
)
def test_the_gain_is_clipped_on_the_side_that_goes_too_far(
    ratio: float, advantage: float, gain: float, slope: float
) -> None:
    ratios = torch.tensor([ratio], requires_grad=True)
    found = clipped_gain(ratios, torch.tensor([advantage]), 0.2)
    found.backward()
    assert found.item() == pytest.approx(gain)
    assert ratios.grad is not None
    assert ratios.grad.item() == pytest.approx(slope)


def test_passes_stop_at_the_clip() -> None:
    """However many passes, what is rewarded becomes likelier by about the clip, and no more."""
    space = flat(4, 3)
    strategy = PPO(space, SCORE, hidden=8, passes=150, clip=0.2, learning_rate=0.001, entropy_weight=0.0)
    good, bad = space.sample(1), space.sample(2)

    def chance() -> float:
        return strategy.controller.evaluate(good).log_probability.exp().item()

    samples = [Sample(a, strategy.controller.evaluate(a).log_probability.item()) for a in (good, bad)]
    before = chance()
    strategy.learn(samples, [1.0, 0.0])
    assert 1.15 < chance() / before < 1.6
    assert strategy.trainer.baseline == pytest.approx(0.5, abs=0.06)


def test_the_first_step_is_that_of_reinforce() -> None:
    """Where nothing has moved yet, the ratio is 1 and its gradient that of log pi."""
    space = flat(4, 3)
    clipped = PPO(space, SCORE, seed=3, hidden=8, passes=1, learning_rate=0.01, entropy_weight=0.0)
    plain = REINFORCE(space, SCORE, seed=3, hidden=8, learning_rate=0.01, entropy_weight=0.0)
    architectures = [space.sample(seed) for seed in range(6)]
    samples = [Sample(a, plain.controller.evaluate(a).log_probability.item()) for a in architectures]
    rewards = [0.0, 0.2, 0.9, 0.4, 1.0, 0.1]
    clipped.learn(samples, rewards)
    plain.learn(samples, rewards)
    pairs = zip(clipped.controller.parameters(), plain.controller.parameters(), strict=True)
    assert all(torch.allclose(p, q, atol=1e-5) for p, q in pairs)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"batch_size": 0}, "batch_size >= 1 and hidden >= 1, got 0"),
        ({"hidden": 0}, "got 10 and 0"),
        ({"passes": 0}, "passes >= 1 and clip > 0, got 0"),
        ({"clip": 0.0}, "clip > 0"),
        ({"learning_rate": 0.0}, "learning_rate > 0"),
        ({"baseline_decay": 1.0}, "baseline_decay < 1"),
        ({"entropy_weight": -1.0}, "entropy_weight >= 0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        PPO(flat(), SCORE, **options)
    if "clip" not in options and "passes" not in options:
        with pytest.raises(UsageError):
            REINFORCE(flat(), SCORE, **options)
