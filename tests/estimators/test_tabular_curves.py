"""The estimator that replays recorded curves."""

from __future__ import annotations

import pytest

from archwright.errors import TrialError, UsageError
from archwright.estimators import CurveRow, TabularCurves
from archwright.spaces import Space, categorical, layer
from archwright.testing import EstimatorContract
from archwright.trials import Candidate, Fidelity, LocalTrial, Verdict


def letters() -> Space:
    return Space(layer(dict, a=categorical(["x", "y", "z"], name="a")))


def row(first: float) -> CurveRow:
    values = (first, first + 0.2, first + 0.3)
    return CurveRow({"accuracy": values}, (1.0, 2.0, 4.0), {"params": 10.0})


def replaying(space: Space) -> TabularCurves:
    return TabularCurves(space, {architecture: row(0.1 * i) for i, architecture in enumerate(space)})


class TestTabularCurves(EstimatorContract):
    make = replaying
    make_space = letters
    metrics = ("accuracy", "params")
    fidelities = (Fidelity(epochs=1), Fidelity(epochs=2, horizon=3))
    converses = True


SPACE = letters()
X = SPACE.architecture({"a": "x"})


def test_each_epoch_is_reported_with_the_seconds_so_far() -> None:
    trial = LocalTrial()
    measured = replaying(SPACE).estimate(Candidate(X), trial)
    reports = [(r.step, r.metrics["accuracy"], r.metrics["seconds"]) for r in trial.reports.values()]
    assert reports == [(1, 0.0, 1.0), (2, 0.2, 3.0), (3, 0.3, 7.0)]
    assert measured.metrics == {"accuracy": 0.3, "params": 10.0}
    assert measured.seconds == 7.0


def test_a_continuation_takes_the_seconds_of_its_own_epochs() -> None:
    parent = LocalTrial()
    replaying(SPACE).estimate(Candidate(X, Fidelity(1, horizon=3)), parent)
    child = LocalTrial(1, parent=parent.checkpoint)
    continued = Candidate(X, Fidelity(3, horizon=3), parent=0, inherit="continue")
    measured = replaying(SPACE).estimate(continued, child)
    assert [r.metrics["seconds"] for r in child.reports.values()] == [2.0, 6.0]
    assert list(child.reports) == [2, 3]
    assert measured.seconds == 6.0


def test_what_was_told_to_stop_has_what_it_reached() -> None:
    trial = LocalTrial(judge=lambda step, metrics: Verdict.STOP if step == 2 else Verdict.GO_ON)
    measured = replaying(SPACE).estimate(Candidate(X), trial)
    assert measured.metrics["accuracy"] == 0.2
    assert measured.seconds == 3.0
    assert len(measured.curve) == 2


@pytest.mark.parametrize(
    "fidelity", [Fidelity(4), Fidelity(2, horizon=9), Fidelity(2, 0.5), Fidelity(2, replicate=1)]
)
def test_a_fidelity_that_was_not_recorded_is_refused(fidelity: Fidelity) -> None:
    with pytest.raises(UsageError, match="one training of 3 epochs on all data"):
        replaying(SPACE).estimate(Candidate(X, fidelity), LocalTrial())


def test_what_cannot_be_inherited_fails_the_trial() -> None:
    with pytest.raises(TrialError, match="trial 4 left no checkpoint"):
        replaying(SPACE).estimate(Candidate(X, parent=4, inherit="continue"), LocalTrial())
    with pytest.raises(TrialError, match="cannot change it"):
        replaying(SPACE).estimate(Candidate(X, parent=4, inherit="morph"), LocalTrial())
    with pytest.raises(TrialError, match="the table has no"):
        TabularCurves(SPACE, {X: row(0.1)}).estimate(Candidate(SPACE.architecture({"a": "y"})), LocalTrial())


def test_a_row_is_checked_and_gives_its_final_values() -> None:
    final = row(0.5).final()
    assert final.metrics == {"accuracy": (0.8,), "params": (10.0,)}
    assert final.seconds == (7.0,)
    tested = CurveRow({"accuracy": (0.5, 0.6)}, ending={"test_accuracy": 0.55})
    assert [set(tested.at(epoch)) for epoch in (1, 2)] == [{"accuracy"}, {"accuracy", "test_accuracy"}]
    assert CurveRow({"accuracy": (0.5,)}).final().seconds == ()
    with pytest.raises(UsageError, match="a value of each metric for each epoch"):
        CurveRow({"accuracy": (0.5,), "loss": (1.0, 2.0)})
    with pytest.raises(UsageError, match="at least one network"):
        TabularCurves(SPACE, {})
