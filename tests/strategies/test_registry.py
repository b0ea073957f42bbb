from __future__ import annotations

import inspect

import pytest

from archwright.errors import UsageError
from archwright.strategies import STRATEGIES, Strategy, make_strategy
from archwright.testing import ToyEstimator
from archwright.testing.toy_spaces import flat

OBJECTIVES = ToyEstimator.objectives[:1]


@pytest.mark.parametrize(
    "name", [name for name in STRATEGIES if name not in ("program_evolution", "proposer")]
)
def test_every_name_makes_a_strategy(name: str) -> None:
    strategy = make_strategy(name, flat(), ToyEstimator.objectives, seed=3, **STRATEGIES.defaults(name))
    assert isinstance(strategy, Strategy)
    assert flat().contains(strategy.ask().architecture)


def test_the_strategy_that_asks_a_model_says_where_none_is() -> None:
    strategy = make_strategy("proposer", flat(), OBJECTIVES, base_url="http://127.0.0.1:9/v1", timeout=2.0)
    with pytest.raises(UsageError, match="the model never answered"):
        strategy.ask()


def test_the_strategy_of_programs_says_which_space_it_needs() -> None:
    with pytest.raises(UsageError, match="take the space 'automl_zero'"):
        make_strategy("program_evolution", flat(), OBJECTIVES)


@pytest.mark.parametrize("name", STRATEGIES)
def test_options_are_those_of_the_class(name: str) -> None:
    entry = STRATEGIES[name]
    parameters = inspect.signature(entry.load()).parameters
    named = {p.name: p.default for p in parameters.values() if p.kind is p.KEYWORD_ONLY}
    named = {name: default for name, default in named.items() if name not in STRATEGIES.supplied}
    known = STRATEGIES.defaults(name)
    if any(
        p.kind is p.VAR_KEYWORD for p in parameters.values()
    ):  # the options of another function or class too
        assert known.items() > named.items()
    else:
        assert known == named
    assert all(option.summary for option in STRATEGIES.options(name).values())
    assert "\n" not in entry.summary


def test_the_seed_reaches_the_strategy() -> None:
    first, again, other = (make_strategy("random", flat(10, 5), OBJECTIVES, seed=s).ask() for s in (1, 1, 2))
    assert first == again != other


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(
        UsageError, match=r"unknown strategy 'evoltion'\. Did you mean 'evolution'\?.*grid, .*local"
    ):
        make_strategy("evoltion", flat(), OBJECTIVES)


def test_an_unknown_option_is_told_the_nearest() -> None:
    with pytest.raises(
        UsageError, match=r"'evolution' has no option 'population'\. Did you mean 'population_size'"
    ):
        make_strategy("evolution", flat(), OBJECTIVES, population=5)
    with pytest.raises(UsageError, match=r"'random' has no option 'x'\. Known: none"):
        make_strategy("random", flat(), OBJECTIVES, x=5)


@pytest.mark.parametrize(
    ("name", "option", "value", "expected"),
    [
        ("bayesian", "graph", "maybe", "true or false"),
        ("bayesian", "graph", 1, "true or false"),
        ("bayesian", "initial", "many", "a whole number"),
        ("bayesian", "initial", 2.5, "a whole number"),
        ("bayesian", "initial", True, "a whole number"),
        ("evolution", "crossover", "half", "a number"),
        ("ehvi", "surrogate", 3, "a word"),
    ],
)
def test_an_option_of_another_kind_is_told(name: str, option: str, value: object, expected: str) -> None:
    with pytest.raises(
        UsageError, match=f"the option '{option}' of the strategy '{name}': expected {expected}"
    ):
        make_strategy(name, flat(), ToyEstimator.objectives, **{option: value})


def test_a_whole_number_is_a_number() -> None:
    make_strategy("evolution", flat(), ToyEstimator.objectives[:1], crossover=1)
