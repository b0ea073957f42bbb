from __future__ import annotations

from functools import partial

import pytest

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.strategies import STRATEGIES, make_strategy
from archwright.strategies.auto import AutoStrategy, fitting_strategy, lowest_epochs
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


@pytest.mark.parametrize(
    ("objectives", "trials", "trainings", "epochs", "expected", "initial"),
    [
        (SCORE, None, 6.0, 12, "asha", 2),
        (SCORE, 100, 20.0, 12, "asha", 6),
        (SCORE, 30, 20.0, 12, "bayesian", 2),  # trials are what is scarce
        (SCORE, None, 6.0, 2, "bayesian", 2),  # there is no shorter training
        (SCORE, None, 6.0, None, "bayesian", 2),  # the effort is not free
        (SCORE, None, 90.0, 12, "bayesian", 9),
        (SCORE, None, 0.4, 12, "asha", 2),
        (LIMITED, None, 6.0, 12, "asha", 2),
        (BOTH, None, 6.0, 12, "ehvi", 2),
        (SCORE, None, 4000.0, 12, "evolution", None),
        (SCORE, 200, None, 12, "bayesian", 10),
    ],
)
def test_picks_by_what_the_time_buys(objectives, trials, trainings, epochs, expected, initial) -> None:  # type: ignore[no-untyped-def]
    name, options, why = fitting_strategy(flat(10, 3), objectives, trials, trainings=trainings, epochs=epochs)
    assert name == expected
    assert options.get("sampler_options", options).get("initial") == initial
    assert make_strategy(name, flat(10, 3), objectives, **options).ask() is not None
    assert ("first trained for 2 epochs of 12" in why) == (name == "asha")


def test_the_first_look_has_a_ninth_of_the_epochs() -> None:
    assert [lowest_epochs(epochs) for epochs in (3, 9, 10, 12, 27, 100)] == [1, 1, 2, 2, 3, 12]


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
