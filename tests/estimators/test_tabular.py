"""The estimator that looks up; its contract is kept on real tables in tests/benchmarks."""

from __future__ import annotations

import pickle

import cloudpickle
import pytest

from archwright.errors import TrialError, UsageError
from archwright.estimators import Row, TabularEstimator
from archwright.spaces import Space, categorical, layer
from archwright.trials import Candidate, Fidelity, LocalTrial

SPACE = Space(layer(dict, a=categorical(["x", "y", "z"], name="a")), canonicalize=lambda found: found["a"])
ROWS = {
    "x": Row({"accuracy": (0.5, 0.7, 0.9), "params": (100.0,)}, (5.0, 7.0, 9.0)),
    "y": Row({"accuracy": (0.4,), "params": (50.0,)}),
}


def candidate(label: str, **fidelity: float) -> Candidate:
    return Candidate(SPACE.architecture({"a": label}), Fidelity(**fidelity))  # type: ignore[arg-type]


def test_the_mean_of_the_runs_and_their_seconds() -> None:
    measured = TabularEstimator(SPACE, ROWS).estimate(candidate("x"), LocalTrial())
    assert measured.metrics == pytest.approx({"accuracy": 0.7, "params": 100.0})
    assert measured.seconds == pytest.approx(7.0)
    assert TabularEstimator(SPACE, ROWS).estimate(candidate("y"), LocalTrial()).seconds == 0.0


def test_a_drawn_run_is_one_run_and_always_the_same() -> None:
    drawn = set()
    for seed in range(50):
        estimator = TabularEstimator(SPACE, ROWS, runs="drawn", seed=seed)
        measured = estimator.estimate(candidate("x"), LocalTrial())
        assert measured.seconds == pytest.approx(10 * measured.metrics["accuracy"])
        copy = pickle.loads(cloudpickle.dumps(estimator))
        assert copy.estimate(candidate("x"), LocalTrial()) == measured
        drawn.add(measured.metrics["accuracy"])
    assert drawn == {0.5, 0.7, 0.9}


def test_shorter_trainings_where_the_table_has_them() -> None:
    short = {"x": Row({"accuracy": (0.3,), "params": (100.0,)}, (1.0,))}
    estimator = TabularEstimator(SPACE, ROWS, epochs={4: short})
    assert estimator.estimate(candidate("x", epochs=4), LocalTrial()).metrics["accuracy"] == 0.3
    assert estimator.estimate(candidate("x"), LocalTrial()).metrics["accuracy"] == pytest.approx(0.7)
    with pytest.raises(
        UsageError, match=r"no networks trained at 5 epochs; epochs that it has, on all of the data: 4"
    ):
        estimator.estimate(candidate("x", epochs=5), LocalTrial())
    with pytest.raises(UsageError, match=r"no networks trained at 50 % of data"):
        estimator.estimate(candidate("x", data_fraction=0.5), LocalTrial())


def test_what_the_table_lacks_fails_one_trial() -> None:
    with pytest.raises(TrialError, match="the table has no"):
        TabularEstimator(SPACE, ROWS).estimate(candidate("z"), LocalTrial())


def test_wrong_use_is_told() -> None:
    with pytest.raises(UsageError, match="at least one network"):
        TabularEstimator(SPACE, {})
    with pytest.raises(UsageError, match="'mean' or 'drawn'"):
        TabularEstimator(SPACE, ROWS, runs="median")  # type: ignore[arg-type]
