"""Stages in one trial: what is reported, what is trained, and what a search stops by it."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import pytest
from torch import nn

import archwright as aw
from archwright.errors import UsageError
from archwright.estimators.cascade import Cascade
from archwright.estimators.training import Training
from archwright.learning import Recipe
from archwright.spaces import Space
from archwright.strategies.pruners import CascadePruner
from archwright.testing import EstimatorContract
from archwright.trials import Candidate, LocalTrial, Report, Verdict

TASK = aw.tasks.digits()
RECIPE = Recipe(epochs=3, batch_size=256)


class Perceptron(nn.Sequential):
    """A network of one hidden layer."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


def perceptrons() -> Space:
    return aw.Space(aw.layer(Perceptron, aw.integer(2, 24, name="width")))


def cascade(space: Space, **options: object) -> Cascade:
    return Cascade(space, TASK, RECIPE, **{"accelerator": "cpu", "proxies": "params", **options})  # type: ignore[arg-type]


class TestCascade(EstimatorContract):
    make = partial(cascade)
    make_space = perceptrons
    metrics = ("accuracy", "loss", "params", "flops")
    converses = True

    def test_reports_as_it_goes(self) -> None:
        """The first report is a proxy's, which gives no score of the task."""
        trial = LocalTrial()
        self._made().estimate(self._candidates()[0], trial)
        assert trial.reports[0].metrics["params"] == trial.reports[0].metrics["stage_score"]

    def test_stops_when_told_to(self) -> None:
        """Before anything is trained."""
        trial = LocalTrial(judge=lambda step, metrics: Verdict.STOP)
        measured = self._made().estimate(self._candidates()[0], trial)
        assert list(trial.reports) == [0]
        assert "accuracy" not in measured.metrics


def test_the_short_training_is_the_beginning_of_the_full_one() -> None:
    space = perceptrons()
    candidate = Candidate(space.sample(0))
    trial, alone = LocalTrial(), LocalTrial()
    staged = cascade(space, proxies="params, flops", epochs=2).estimate(candidate, trial)
    plain = Training(space, TASK, RECIPE, accelerator="cpu").estimate(candidate, alone)
    assert {name: staged.metrics[name] for name in plain.metrics} == plain.metrics
    assert list(trial.reports) == [0, 1, *(step + 2 for step in alone.reports)]
    stages = [
        (r.metrics["stage"], r.metrics["stage_score"]) for r in trial.reports.values() if "stage" in r.metrics
    ]
    second = list(alone.reports.values())[1].metrics
    assert stages == [(0, plain.metrics["params"]), (1, plain.metrics["flops"]), (2, second["accuracy"])]


def test_a_search_stops_what_its_own_reports_say(tmp_path: Path) -> None:
    """The rule, applied again to what was recorded, trial by trial in the order in which they ran."""
    result = aw.search(
        perceptrons(), TASK, strategy="random", estimator="cascade", budget=aw.Budget(trials=14), recipe=RECIPE,
        estimator_options={"proxies": "params", "epochs": 1, "keep": 0.5}, retrain=0, out=tmp_path / "run",
        progress=False,
    )  # fmt: skip
    reached: dict[float, list[float]] = {}
    for trial in result.trials:
        assert trial.measurement is not None
        stages = [point for point in trial.measurement.curve if "stage" in point]
        stopped = False
        for point in stages:
            assert not stopped
            scores = reached.setdefault(point["stage"], [])
            scores.append(point["stage_score"])
            place = sorted(scores, reverse=True).index(point["stage_score"]) + 1
            stopped = len(scores) >= 2 and place > math.ceil(len(scores) / 2)
        assert (trial.state == "pruned") is stopped
        assert stopped or trial.measurement.curve[-1]["epoch"] == 3
    assert {str(trial.state) for trial in result.trials} == {"pruned", "completed"}
    assert "accuracy" in result.best.metrics


def test_the_pruner_keeps_the_best_share() -> None:
    def reported(score: float, stage: int = 0) -> Report:
        return Report(stage, {"stage": stage, "stage_score": score})

    trial = aw.Trial(9, Candidate(perceptrons().sample(0)))
    others = [(trial, [reported(score), reported(9, stage=1)]) for score in (1.0, 2.0, 3.0, math.nan)]
    judge = partial(CascadePruner(keep=0.4).judge, trial)
    assert judge([reported(2.5)], others) is Verdict.GO_ON  # the second of 5
    assert judge([reported(1.5)], others) is Verdict.STOP  # the third
    assert judge([reported(1.5)], others[:2]) is Verdict.GO_ON
    assert judge([reported(0.5)], others[:1]) is Verdict.GO_ON  # 2 are fewer than 1 / keep
    assert judge([reported(math.nan)], others) is Verdict.STOP
    assert judge([Report(7, {"accuracy": 0.0})], others) is Verdict.GO_ON


def test_the_pruner_has_a_share_for_each_stage() -> None:
    def reported(score: float, stage: int = 0) -> Report:
        return Report(stage, {"stage": stage, "stage_score": score})

    trial = aw.Trial(9, Candidate(perceptrons().sample(0)))
    others = [(trial, [reported(score), reported(score, stage=1)]) for score in (1.0, 2.0, 3.0)]
    judge = partial(CascadePruner(keep=[0.25, 0.5]).judge, trial)
    assert judge([reported(2.5)], others) is Verdict.STOP  # the second of 4
    assert judge([reported(2.5, stage=1)], others) is Verdict.GO_ON
    with pytest.raises(UsageError, match="2 shares, and a trial reached its stage 3"):
        judge([reported(2.5, stage=2)], others)
    many = [(trial, [reported(float(score))]) for score in range(24)]
    exact = partial(CascadePruner(keep=0.28).judge, trial)  # of 25 are 7; in floats it is more
    assert exact([reported(16.5)], many) is Verdict.STOP  # the eighth
    assert exact([reported(17.5)], many) is Verdict.GO_ON


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"keep": 1.0}, r"a share in \(0, 1\) for all stages"),
        ({"keep": "0.5,0.5,0.5"}, "each of 2: params, the short training"),
        ({"keep": [0.5, 0.5], "epochs": 0}, "each of 1: params"),
        ({"epochs": -1}, "epochs >= 0"),
        ({"proxies": "params,params"}, "different estimators"),
        ({"last": "cascade"}, "of one stage"),
        ({"proxies": "parms"}, "unknown estimator 'parms'"),
    ],
)
def test_what_does_not_fit_is_told(options: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        cascade(perceptrons(), **options)
    with pytest.raises(UsageError, match="the pruner 'cascade': keep: expected a share"):
        CascadePruner(keep=0)
