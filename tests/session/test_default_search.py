"""What a run does that no strategy was named for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archwright as aw
from archwright.experiments import RunConfig
from archwright.experiments.time_plan import Costs, TimePlan, Trainings
from archwright.learning import Recipe
from archwright.objectives import Objective, parse_objective
from archwright.session import default_search as module
from archwright.session.default_search import DefaultSearch, default_search
from archwright.session.planning import Planned
from archwright.spaces.zoo import make_space
from archwright.strategies import fitting_strategy
from archwright.tasks import make_task

TABLE = make_task("diabetes")
SPACE = make_space("mlp", TABLE.input_shape, TABLE.outputs)
QUICK: dict[str, Any] = {"progress": False, "onnx": False, "retrain": 1}


def picked(training: float, **options: Any) -> DefaultSearch:
    plan = TimePlan(costs=Costs(training=training, baseline=1.0, closing=3.0))
    given: dict[str, Any] = {
        "trials": None,
        "minutes": 1.0,
        "after": Trainings(retrain=3),
        "fidelity": aw.Fidelity(),
        "is_plain": True,
        "accelerator": "cpu",
    }
    objectives = options.pop("objectives", [Objective(TABLE.metric)])
    planned = Planned(recipe=Recipe(epochs=18), plan=plan)
    return default_search(SPACE, "mlp", TABLE, objectives, planned, **{**given, **options})


def test_few_trainings_are_spent_on_short_looks_at_more_networks() -> None:
    found = picked(3.0)
    assert found.strategy == "asha"
    assert (found.fidelity.low.epochs, found.fidelity.high.epochs) == (2, 18)
    assert "begins with 2 architectures known to be good and the best" in found.note
    assert 2 < len(found.known) <= 5  # as many as the time suffices for
    assert found.options["sampler_options"] == {"initial": 2}


def test_cheap_scores_say_nothing_of_another_objective() -> None:
    objectives = [Objective(TABLE.metric), parse_objective("params")]
    found = picked(3.0, objectives=objectives)
    assert "random ones by" not in found.note
    assert len(found.known) == 2


@pytest.mark.parametrize(
    "options",
    [{"training": 0.5}, {"is_plain": False}, {"fidelity": "epochs=5"}, {"trials": 10}],
    ids=str,
)
def test_else_networks_are_trained_as_was_asked(options: dict[str, Any]) -> None:
    found = picked(**{"training": 3.0, **options})
    assert found.strategy == "bayesian"
    assert found.fidelity.is_point


def test_the_time_of_the_plan_is_what_is_divided() -> None:
    plan = TimePlan(costs=Costs(training=2.0, baseline=1.0, closing=3.0), spent=4.0)
    searched = plan.shares(1.0, Trainings(), 2).search
    assert plan.full_trainings(1.0, Trainings(), 2) == pytest.approx((searched - 4.0) * 2 / 2.0)


def test_the_hand_made_network_is_the_first_trial_and_the_run_goes_on(tmp_path: Path) -> None:
    recipe = Recipe(epochs=1)
    found = aw.search(
        None, "diabetes", budget=aw.Budget(trials=3), recipe=recipe, out=tmp_path / "run", **QUICK
    )
    first = found.trials[0].architecture
    assert (first["depth"], first["layers.0.width"], first["layers.1.width"]) == (2, 128, 128)
    assert first == SPACE.architecture(RunConfig.read(tmp_path / "run").known[0])
    assert found.run.baseline is not None
    assert found.trials[0].metrics["params"] == found.run.baseline.metrics["params"]
    more = aw.resume(tmp_path / "run", budget=aw.Budget(trials=5), progress=False, onnx=False)
    assert len({SPACE.canonical(trial.architecture) for trial in more.trials}) == 5


@pytest.mark.slow
def test_looks_go_on_from_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As where the time buys 6 full trainings, whatever they take here.
    monkeypatch.setattr(module, "_PAYS", 0.0)
    monkeypatch.setattr(
        module,
        "fitting_strategy",
        lambda *given, **more: fitting_strategy(*given, **{**more, "trainings": 6.0}),
    )
    found = aw.search(
        None,
        "diabetes",
        recipe=Recipe(epochs=18),
        budget=aw.Budget(trials=20),
        workers=1,
        out=tmp_path / "run",
        **QUICK,
    )
    config = RunConfig.read(tmp_path / "run")
    assert config.strategy.name == "asha"
    looks = [trial for trial in found.trials if trial.candidate.effort.epochs == 2]
    begun = [trial.architecture for trial in looks[: len(config.known)]]
    assert begun == [SPACE.architecture(values) for values in config.known]
    gone_on = [trial for trial in found.trials if trial.candidate.effort.epochs == 6]
    assert gone_on
    assert all(trial.candidate.inherit == "continue" for trial in gone_on)
    assert found.run.winner is not None
