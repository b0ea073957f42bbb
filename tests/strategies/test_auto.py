from __future__ import annotations

from functools import partial

import pytest

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.strategies import STRATEGIES, make_strategy
from archwright.strategies.auto import AutoStrategy, fitting_strategy
from archwright.testing import ToyEstimator
from archwright.testing.toy_spaces import conditional, flat, reals

SCORE = ToyEstimator.objectives[:1]
BOTH = ToyEstimator.objectives
FIVE = tuple(Objective(name, Direction.MINIMIZE) for name in "abcde")
LIMITED = (*SCORE, Objective("cost", Direction.MINIMIZE, 0.3, optimize=False))


@pytest.mark.parametrize(
    ("space", "objectives", "trials", "expected"),
    [
        (conditional(), SCORE, 40, "grid"),
        (conditional(), SCORE, 39, "bayesian"),
        (flat(10, 3), SCORE, None, "bayesian"),
        (flat(10, 3), SCORE, 300, "bayesian"),
        (flat(10, 3), SCORE, 5000, "evolution"),
        (flat(500, 3), SCORE, 300, "evolution"),
        (flat(10, 3), BOTH, 300, "ehvi"),
        (flat(10, 3), (*BOTH, LIMITED[-1]), None, "ehvi"),
        (flat(10, 3), BOTH, 600, "nsga2"),
        (flat(10, 3), LIMITED, 300, "bayesian"),
        (flat(10, 3), FIVE, 300, "bayesian"),
        (reals(), SCORE, 10, "bayesian"),
    ],
)
def test_picks_by_space_objectives_and_budget(space, objectives, trials, expected) -> None:  # type: ignore[no-untyped-def]
    name, options, why = fitting_strategy(space, objectives, trials)
    assert name == expected
    assert set(options) <= set(STRATEGIES.options(name))
    assert why
    picked = make_strategy("auto", space, objectives, trials=trials)
    assert isinstance(picked, AutoStrategy)
    assert (picked.picked, picked.why) == (name, why)


def test_proposes_what_the_picked_one_does_and_goes_on_from_a_state() -> None:
    space = flat(8, 3)
    first, second = (AutoStrategy(space, SCORE, seed=2, trials=5000) for _ in range(2))
    named = make_strategy("evolution", space, SCORE, seed=2)
    assert [first.ask() for _ in range(5)] == [named.ask() for _ in range(5)]
    second.load_state_dict(first.state_dict())
    assert second.ask() == first.ask()
    with pytest.raises(UsageError, match="the saved search was by 'evolution', but 'bayesian' fits now"):
        AutoStrategy(space, SCORE, trials=50).load_state_dict(first.state_dict())


def test_trials_are_checked() -> None:
    with pytest.raises(UsageError, match="auto: expected trials >= 1, got 0"):
        partial(AutoStrategy, flat(), SCORE)(trials=0)
