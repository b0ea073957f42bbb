"""The estimate by an extrapolated curve: a short training under the whole schedule, and a forecast that says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch import nn

from archwright.errors import TrialError, UsageError
from archwright.estimators import ESTIMATORS, LearningCurve, Recipe, Training
from archwright.spaces import Space, choice, layer
from archwright.surrogates.curves import CURVE_MODELS, Curve
from archwright.tasks import from_arrays
from archwright.testing import EstimatorContract
from archwright.trials import Candidate, Fidelity, LocalTrial, Verdict

RECIPE = Recipe(epochs=12, batch_size=12, schedule="cosine")
FAST = {"steps": 40}


def perceptrons() -> Space:
    width = choice(8, 16, name="width")
    return Space(layer(nn.Sequential, layer(nn.Linear, 4, width), layer(nn.ReLU), layer(nn.Linear, width, 3)))


def blobs() -> Any:
    labels = np.repeat([0, 1, 2], 30)
    inputs = np.random.default_rng(0).normal(size=(90, 4)) + 2.0 * np.eye(4)[labels]
    return from_arrays(inputs, labels, kind="classification", name="blobs")


def estimator(space: Space, **options: Any) -> LearningCurve:
    return LearningCurve(space, blobs(), RECIPE, accelerator="cpu", model_options=FAST, **options)


class TestLearningCurve(EstimatorContract):
    make = estimator
    make_space = perceptrons
    metrics = ("accuracy", "accuracy_deviation", "accuracy_reached", "epochs_trained", "loss", "params")
    fidelities = (Fidelity(epochs=1), Fidelity(epochs=6, data_fraction=0.5))
    converses = True


def test_it_is_the_forecast_of_the_first_epochs_under_the_whole_schedule() -> None:
    space = perceptrons()
    candidate = Candidate(space.sample(0))
    measured = estimator(space, share=0.5).estimate(candidate, LocalTrial())
    training = Training(space, blobs(), RECIPE, accelerator="cpu")
    short = training.estimate(Candidate(space.sample(0), Fidelity(6, horizon=12)), LocalTrial())
    whole = training.estimate(candidate, LocalTrial())
    told = [{n: v for n, v in point.items() if n != "seconds"} for point in measured.curve]
    assert told == [{n: v for n, v in point.items() if n != "seconds"} for point in short.curve]
    assert [point["loss"] for point in told] == [point["loss"] for point in whole.curve[:6]]
    assert measured.metrics["accuracy_reached"] == short.metrics["accuracy"]
    assert measured.metrics["epochs_trained"] == 6
    values = np.array([point["accuracy"] for point in short.curve])
    forecast = CURVE_MODELS.make("parametric", options=FAST).forecast(Curve(np.arange(1.0, 7.0), values), 12)
    assert forecast is not None
    assert measured.metrics["accuracy"] == forecast.mean
    assert measured.metrics["accuracy_deviation"] == forecast.deviation


def test_a_trial_that_continues_forecasts_from_the_curve_of_all_before_it() -> None:
    """Rungs of 3, 6, 8 and 12 epochs, of which 3, 4, 4 and 6 are trained: the third trains none of its own."""
    space, trial = perceptrons(), LocalTrial()
    rungs = [Fidelity(epochs, horizon=12) for epochs in (3, 6, 8, 12)]
    made = estimator(space, share=0.5)
    for number, fidelity in enumerate(rungs):
        candidate = Candidate(space.sample(0), fidelity, *((number - 1, "continue") if number else ()))
        trial = LocalTrial(number, parent=trial.checkpoint)
        found = made.estimate(candidate, trial).metrics
        fresh = made.estimate(Candidate(space.sample(0), fidelity), LocalTrial()).metrics
        assert found == fresh


def test_another_metric_may_be_extrapolated() -> None:
    space = perceptrons()
    measured = estimator(space, metric="loss").estimate(Candidate(space.sample(0)), LocalTrial())
    assert 0.0 <= measured.metrics["loss"] <= measured.metrics["loss_reached"] + 0.1
    assert measured.metrics["accuracy"] == measured.curve[-1]["accuracy"]


def test_one_that_was_told_to_stop_has_what_it_reached() -> None:
    space = perceptrons()
    trial = LocalTrial(judge=lambda step, metrics: Verdict.STOP)
    measured = estimator(space).estimate(Candidate(space.sample(0)), trial)
    assert measured.metrics["epochs_trained"] == 1
    assert measured.metrics["accuracy"] == measured.metrics["accuracy_reached"]
    assert measured.metrics["accuracy_deviation"] == 0.0


def test_what_cannot_be_told_fails_the_trial() -> None:
    space = perceptrons()
    with pytest.raises(TrialError, match="2 epochs are too few"):
        estimator(space, share=0.1, minimum_epochs=2).estimate(Candidate(space.sample(0)), LocalTrial())
    with pytest.raises(TrialError, match="reports no 'rmse'"):
        estimator(space, metric="rmse").estimate(Candidate(space.sample(0)), LocalTrial())
    with pytest.raises(UsageError, match="share between 0 and 1"):
        estimator(space, share=1.0)
    with pytest.raises(UsageError, match="unknown curve model"):
        estimator(space, model="crystal_ball")


def test_it_is_made_by_name() -> None:
    made = ESTIMATORS.make("learning_curve", perceptrons(), blobs(), options={"share": 0.5}, recipe=RECIPE)
    assert isinstance(made, LearningCurve)
    assert made.training.recipe is RECIPE
