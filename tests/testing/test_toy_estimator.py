from __future__ import annotations

from functools import partial

import pytest

from archwright.errors import UsageError
from archwright.testing import EstimatorContract, ToyEstimator, toy_spaces
from archwright.trials import Candidate, Fidelity, LocalTrial


class TestToyEstimator(EstimatorContract):
    make = ToyEstimator
    make_space = toy_spaces.conditional
    metrics = ("score", "cost")


class TestConversing(TestToyEstimator):
    make = partial(ToyEstimator, converses=True)
    converses = True


def test_the_formula_by_hand() -> None:
    space = toy_spaces.tiny()  # one-hot of (False, True): columns 0 and 1
    golden = (5**0.5 - 1) / 2
    measured = {
        value: ToyEstimator(space, epochs=2)
        .estimate(Candidate(space.architecture({"yes": value})), LocalTrial())
        .metrics
        for value in (False, True)
    }
    weights = {False: golden, True: 2 * golden - 1}
    for value, weight in weights.items():
        assert measured[value]["score"] == pytest.approx(0.75 * weight, abs=1e-11)
        assert measured[value]["cost"] == pytest.approx(weight**2, abs=1e-11)


def test_more_epochs_and_more_data_score_higher() -> None:
    space = toy_spaces.flat()
    estimator, architecture = ToyEstimator(space), space.sample(0)

    def score(fidelity: Fidelity) -> float:
        return estimator.estimate(Candidate(architecture, fidelity), LocalTrial()).metrics["score"]

    scores = [score(Fidelity(1, 0.5)), score(Fidelity(1)), score(Fidelity(3)), score(Fidelity())]
    assert scores == sorted(set(scores))
    assert scores[-1] < estimator.score(architecture)


def test_takes_the_time_it_is_told_to() -> None:
    space = toy_spaces.tiny()
    assert ToyEstimator(space, sleep=0.02).estimate(Candidate(space.sample(0)), LocalTrial()).seconds >= 0.02


@pytest.mark.parametrize("options", [{"epochs": 0}, {"sleep": -1.0}])
def test_refuses_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected epochs >= 1 and sleep >= 0"):
        ToyEstimator(toy_spaces.tiny(), **options)  # type: ignore[arg-type]
