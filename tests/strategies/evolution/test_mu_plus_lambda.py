from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from archwright.errors import UsageError
from archwright.strategies import MuPlusLambda
from archwright.testing import StrategyContract, ToyEstimator
from archwright.testing.toy_spaces import flat
from archwright.trials import Measurement, Trial, TrialState

SCORE = ToyEstimator.objectives[:1]


class TestMuPlusLambda(StrategyContract):
    make = MuPlusLambda


@pytest.mark.sampled(3)
class TestFewParentsManyChildrenCrossed(StrategyContract):
    make = partial(MuPlusLambda, parents=3, children=7, crossover=0.5)


def test_the_best_of_parents_and_children_stay() -> None:
    strategy = MuPlusLambda(flat(12, 4), SCORE, parents=3, children=5)
    scores = [0.3, 0.9, 0.1, 0.2, 0.4, 0.05, 0.95, 0.25]
    for number, value in enumerate(scores):
        candidate = strategy.ask()
        assert (candidate.parent is None) == (number < 3)
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"score": value})))
    assert [member.number for member in strategy.population] == [1, 4, 6]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"parents": 0}, "got 0 and 10"),
        ({"children": 0}, "got 10 and 0"),
        ({"crossover": 2.0}, "crossover from 0 to 1, got 2.0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        MuPlusLambda(flat(), SCORE, **options)
