"""The mean over replicates: of a deterministic estimator by hand, and of real trainings against single ones."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean, stdev

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import TrialError, UsageError
from archwright.estimators.cascade import Cascade
from archwright.estimators.cost import time_training
from archwright.estimators.estimator import Estimator
from archwright.estimators.replicates import over_replicates
from archwright.tasks import from_arrays
from archwright.trials import Candidate, Fidelity, LocalTrial, Measurement, Verdict


@pytest.fixture(scope="module")
def task():
    drawn = torch.Generator().manual_seed(1)
    inputs = torch.randn(90, 4, generator=drawn)
    labels = (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0).long()
    return from_arrays(inputs.numpy(), labels.numpy(), kind="classification", name="corners")


@pytest.fixture(scope="module")
def space():
    hidden = aw.layer(nn.LazyLinear, aw.choice(3, 6, name="width"))
    return aw.Space(
        aw.layer(nn.Sequential, hidden, aw.layer(nn.ReLU), aw.layer(nn.LazyLinear, 3)), name="corners"
    )


@pytest.fixture(scope="module")
def training(space, task):
    return aw.Training(space, task, aw.Recipe(epochs=2, batch_size=16), accelerator="cpu", threads=1)


def singles(training, architecture, effort: Fidelity, count: int) -> list[Measurement]:
    """What separate trainings measure."""
    efforts = [replace(effort, replicate=effort.replicate + i, replicates=1) for i in range(count)]
    return [training.estimate(Candidate(architecture, one), LocalTrial()) for one in efforts]


@pytest.mark.parametrize(
    "effort",
    [
        Fidelity(replicates=3),
        Fidelity(folds=3, replicates=3),
        Fidelity(1, folds=2, replicate=1, replicates=4),
    ],
)
def test_the_mean_of_real_trainings_with_its_standard_error(training, space, effort: Fidelity) -> None:
    architecture = space.sample(0)
    alone = singles(training, architecture, effort, effort.replicates)
    found = training.measure(Candidate(architecture, effort), LocalTrial())
    losses = [one.metrics["loss"] for one in alone]
    assert len(set(losses)) == len(losses)
    assert found.metrics["loss"] == pytest.approx(fmean(losses), rel=1e-12)
    expected = stdev(losses) / math.sqrt(len(losses))
    assert found.metrics["loss_standard_error"] == pytest.approx(expected, rel=1e-9)
    assert found.metrics["replicates"] == effort.replicates
    assert found.metrics["params"] == alone[0].metrics["params"]
    assert "params_standard_error" not in found.metrics
    last = [one.curve[-1]["loss"] for one in alone]
    assert found.curve[-1]["loss"] == pytest.approx(fmean(last), rel=1e-12)
    assert [point["epoch"] for point in found.curve] == list(range(1, len(alone[0].curve) + 1))


def test_one_training_is_one_replicate(training, space) -> None:
    with pytest.raises(UsageError, match=r"one replicate, got the fidelity mean of 2 replicates; `measure`"):
        training.estimate(Candidate(space.sample(0), Fidelity(replicates=2)), LocalTrial())


class KilledError(Exception):
    pass


@pytest.mark.parametrize("kill_at", [1, 3, 4, 8])
def test_a_trial_that_dies_goes_on_in_the_midst_of_its_replicates(training, space, kill_at: int) -> None:
    """Whatever was told last, the next attempt comes to the same measurement, and trains nothing twice."""
    candidate = Candidate(space.sample(1), Fidelity(replicates=3))
    whole = LocalTrial()
    expected = training.measure(candidate, whole)

    class Dying(LocalTrial):
        left = kill_at

        def _keep(self, step, state):
            super()._keep(step, state)
            self.left -= 1
            if not self.left:
                raise KilledError

    eager = aw.Training(
        space, training.task, training.recipe, accelerator="cpu", threads=1, checkpoint_seconds=1e-9
    )
    first = Dying()
    try:
        eager.measure(candidate, first)
    except KilledError:
        steps = int(first.checkpoint.key.rpartition("-")[2])
        again = first.again()
        found = eager.measure(candidate, again)
        assert found.metrics == expected.metrics
        assert int(again.checkpoint.key.rpartition("-")[2]) > steps
    else:
        pytest.fail("it was to be killed")


def test_more_replicates_continue_those_that_there_were(training, space) -> None:
    """A rung of a race: the first replicate is not trained again, and the mean is that of a fresh trial."""
    architecture, trained = space.sample(0), []
    previous = LocalTrial()
    training.measure(Candidate(architecture, Fidelity()), previous)
    fresh = training.measure(Candidate(architecture, Fidelity(replicates=3)), LocalTrial())

    def watched(candidate, trial):
        found = training.estimate(candidate, trial)
        trained.append((candidate.effort.replicate, len(found.curve)))
        return found

    for count in (2, 3):
        child = LocalTrial(1, parent=previous.checkpoint)
        trained.clear()
        candidate = Candidate(architecture, Fidelity(replicates=count), 0, "continue")
        found = over_replicates(watched, candidate, child)
        new = count - 1
        assert trained == [(i, 0) for i in range(new)] + [(new, 2)]
        previous = child
    assert found.metrics == fresh.metrics


def test_more_epochs_continue_every_fold(training, space) -> None:
    architecture = space.sample(0)
    effort = Fidelity(1, horizon=2, folds=3, replicates=3)
    parent, child = LocalTrial(), LocalTrial(1)
    training.measure(Candidate(architecture, effort), parent)
    child.parent = parent.checkpoint
    longer = replace(effort, epochs=2)
    found = training.measure(Candidate(architecture, longer, 0, "continue"), child)
    fresh = training.measure(Candidate(architecture, longer), LocalTrial())
    assert found.metrics == fresh.metrics
    assert len(found.curve) == 1  # of the second epoch


def test_a_parent_that_left_nothing_is_told(training, space) -> None:
    with pytest.raises(TrialError, match="left no checkpoint"):
        training.measure(Candidate(space.sample(0), Fidelity(replicates=2), 0, "continue"), LocalTrial(1))


class Drawn(Estimator):
    """Reports three steps of each replicate, whose score is its number."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def estimate(self, candidate, trial):
        for step in (1, 2, 3):
            self.seen.append((candidate.effort.replicate, step))
            if trial.report(step, {"score": candidate.effort.replicate}) is Verdict.STOP:
                break
        return Measurement({"score": candidate.effort.replicate, "reached": step}, seconds=2.0)


def test_the_trial_hears_of_the_first_replicate_and_stops_it(space) -> None:
    estimator, trial = Drawn(), LocalTrial()
    found = estimator.measure(Candidate(space.sample(0), Fidelity(replicate=4, replicates=2)), trial)
    assert found.metrics == {"score": 4.5, "score_standard_error": 0.5, "reached": 3, "replicates": 2}
    assert found.seconds == 4.0
    assert [report.metrics for report in trial.reports.values()] == [{"score": 4}] * 3
    assert trial.checkpoint is None  # nothing to go on from

    estimator = Drawn()
    stopping = LocalTrial(judge=lambda step, metrics: Verdict.STOP if step == 2 else Verdict.GO_ON)
    found = estimator.measure(Candidate(space.sample(0), Fidelity(replicates=2)), stopping)
    assert found.metrics == {"score": 0, "reached": 2}
    assert estimator.seen == [(0, 1), (0, 2)]


def test_a_cascade_repeats_its_last_stage_alone(space, task) -> None:
    cascade = Cascade(space, task, aw.Recipe(epochs=1), accelerator="cpu", proxies="params", epochs=0)
    trial = LocalTrial()
    found = cascade.measure(Candidate(space.sample(0), Fidelity(replicates=2)), trial)
    assert found.metrics["replicates"] == 2
    assert [("stage" in report.metrics) for report in trial.reports.values()] == [True, False]


def test_its_cost_is_that_of_all(training, space) -> None:
    one, three = (
        time_training(training, Candidate(space.sample(0), Fidelity(replicates=n)), seconds=0.01)
        for n in (1, 3)
    )
    assert (three.steps, three.epochs) == (3 * one.steps, 3 * one.epochs)
