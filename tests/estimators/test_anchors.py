"""Judging in several networks at once: against trainings one by one, and along a search."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest

import archwright as aw
from archwright.errors import SpaceError, UsageError
from archwright.estimators.anchors import Anchors
from archwright.estimators.training import Training
from archwright.objectives import Direction, Objective
from archwright.primitives import EVONORMS, NormActivation, normalisation_space
from archwright.spaces.zoo import make_space
from archwright.tasks import make_task
from archwright.trials import Candidate, LocalTrial, Verdict

TASK = make_task("digits")
SPACE = normalisation_space((1, 8, 8), 10, channels=2, nodes=5)
RECIPE = aw.Recipe(epochs=1)
FAMILIES = ("residual", "plain", "inverted")


def test_each_network_is_trained_as_by_itself_and_the_metrics_are_their_mean() -> None:
    candidate = Candidate(NormActivation(nodes=5).architecture(EVONORMS["s0"]))
    measured = Anchors(SPACE, TASK, RECIPE, accelerator="cpu").estimate(candidate, LocalTrial()).metrics
    alone = {}
    for family in FAMILIES:
        space = normalisation_space((1, 8, 8), 10, channels=2, nodes=5, family=family)
        alone[family] = Training(space, TASK, RECIPE, accelerator="cpu").fit(candidate)[1].metrics
    for metric in ("accuracy", "loss"):
        for family in FAMILIES:
            assert measured[f"{metric}_{family}"] == pytest.approx(alone[family][metric])
        assert measured[metric] == pytest.approx(fmean(one[metric] for one in alone.values()))
    assert measured["params"] == alone["residual"]["params"]
    assert len({one["params"] for one in alone.values()}) == 3


def test_a_trial_that_is_to_stop_trains_no_further_network() -> None:
    class Stopped(LocalTrial):
        def report(self, *_: object, **__: object) -> Verdict:
            return Verdict.STOP

    candidate = Candidate(NormActivation(nodes=5).architecture(EVONORMS["s0"]))
    measured = Anchors(SPACE, TASK, RECIPE, accelerator="cpu").estimate(candidate, Stopped()).metrics
    assert "accuracy_residual" in measured
    assert "accuracy_plain" not in measured


def test_a_search_has_an_objective_for_each_network(tmp_path: Path) -> None:
    result = aw.search(
        SPACE,
        "digits",
        estimator="anchors",
        estimator_options={"families": ["plain", "inverted"]},
        strategy="evolution",
        strategy_options={"winner": "pareto", "population_size": 2},
        objectives=[Objective(f"accuracy_{family}", Direction.MAXIMIZE) for family in ("plain", "inverted")],
        recipe=RECIPE,
        budget=aw.Budget(trials=4),
        retrain=0,
        baseline=False,
        progress=False,
        out=tmp_path / "run",
    )
    assert len(result.trials) == 4
    assert all({"accuracy_plain", "accuracy_inverted"} <= set(trial.metrics) for trial in result.trials)


def test_wrong_options_are_told() -> None:
    with pytest.raises(UsageError, match="two families or more, each once, got plain, plain"):
        Anchors(SPACE, TASK, families=("plain", "plain"))
    with pytest.raises(SpaceError, match="has no family 'deep'"):
        Anchors(SPACE, TASK, families=("plain", "deep"))
    with pytest.raises(SpaceError, match="no option 'family'"):
        Anchors(make_space("mlp", (64,), 10), TASK)
