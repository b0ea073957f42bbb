"""The network as it was given is fine-tuned for as long as what is delivered instead of it."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.experiments import open_store
from archwright.experiments.choice import Choice, Data
from archwright.experiments.finalists import LONGER, ORIGINAL, REPEAT
from archwright.experiments.time_plan import Costs, TimePlan
from archwright.objectives import Objective
from archwright.session import prolonging
from archwright.session.planning import Planned
from archwright.session.same_time import overtaking
from archwright.trials import Candidate, Measurement, Trial, TrialState

QUICK: dict[str, Any] = {"strategy": "random", "progress": False, "formats": (), "retrain": 1, "repeats": 1}


class Own(nn.Sequential):
    """A trained network of some width."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))


def own_space() -> aw.Space:
    return aw.from_network(Own(), torch.randn(2, 1, 8, 8), step=120)


def trained_given(run: aw.Run) -> dict[int, Any]:
    """The trainings of the network as it was given, by repetition."""
    return next(finalist.trials for finalist in run.finalists if finalist.name == ORIGINAL)


def trial(number: int, accuracy: float, params: float) -> Trial:
    measured = Measurement({"accuracy": accuracy, "params": params})
    return Trial(number, Candidate(aw.Architecture({})), state=TrialState.COMPLETED, measurement=measured)


@pytest.mark.parametrize(
    ("accuracy", "params", "is_chosen"), [(0.95, 900.0, True), (0.95, 1001.0, False), (0.80, 900.0, False)]
)
def test_it_is_chosen_where_it_is_better_and_keeps_the_limits(
    accuracy: float, params: float, is_chosen: bool
) -> None:
    objectives = [Objective("accuracy"), Objective("params", limit=1000, optimize=False)]
    choice = Choice(stage="retrain", number=3, name="trial 3", metric="accuracy", mean=0.9, repeats=1)
    number = LONGER * REPEAT + 1
    best, given = trial(LONGER * REPEAT + 3, 0.9, 500.0), trial(number, accuracy, params)
    found = overtaking(choice, best, given, objectives, Data(train=1000, validation=300))
    if is_chosen:
        assert found is not None
        assert (found.name, found.stage, found.number, found.mean) == (ORIGINAL, "baseline", number, accuracy)
        assert [one.name for one in found.comparisons] == ["trial 3"]
    else:
        assert found is None


@pytest.mark.slow
def test_it_is_trained_after_the_best_for_as_long(tmp_path: Path) -> None:
    recipe = aw.Recipe(epochs=4, learning_rate=3e-3)
    limits = ["accuracy", "params<=10000"]
    result = aw.search(
        own_space(),
        "digits",
        objectives=limits,
        recipe=recipe,
        budget=aw.Budget(3),
        out=tmp_path / "run",
        **QUICK,
    )
    run = result.run
    assert run.given is not None
    assert run.given.measurement is not None
    assert run.baseline is not None
    with open_store(tmp_path / "run", run.config) as store:
        (ratio,) = store.get("same_time").values()
    assert run.given.candidate.effort.epochs == max(1, math.ceil(4 * ratio - 0.1))
    assert len(run.given.measurement.curve) == run.given.candidate.effort.epochs
    first = min(trial.started for trial in run.retrained)
    assert all(trial.started > first for trial in (run.given, run.baseline))
    page = (tmp_path / "run" / "report.html").read_text()
    assert "; the network as it was given, fine-tuned for" in page
    assert "which params&lt;=10000 rules out; the hand-made network" in page
    assert f"| {ORIGINAL}, fine-tuned for" in (tmp_path / "run" / "best" / "card.md").read_text()
    again = aw.resume(tmp_path / "run", space=own_space(), progress=False)
    assert again.run.given == run.given
    assert again.run.messages == run.messages


@pytest.fixture
def longer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A run whose chosen network is trained once more, for 8 epochs instead of 1."""

    def run(*objectives: str) -> aw.Result:
        plan = TimePlan(costs=Costs(training=0.5, baseline=0.5), longest=10.0)
        planned = Planned(recipe=aw.Recipe(epochs=1, learning_rate=3e-3), plan=plan)
        monkeypatch.setattr(
            importlib.import_module("archwright.session.search"), "plan_run", lambda *_, **__: planned
        )
        monkeypatch.setattr(prolonging, "epochs_within", lambda *_: 16)
        budget = aw.Budget(trials=2, minutes=60)
        return aw.search(
            own_space(), "digits", objectives=objectives, budget=budget, out=tmp_path / "run", **QUICK
        )

    return run


@pytest.mark.slow
def test_half_of_the_time_for_a_longer_training_is_its(longer: Any) -> None:
    run = longer("accuracy", "params<=10000").run
    assert run.winner.number // REPEAT == LONGER
    assert run.winner.candidate.effort.epochs == 8
    given = trained_given(run)
    assert sorted(given) == [0, LONGER]
    assert run.given == given[LONGER]
    assert run.given.candidate.effort.epochs >= given[0].candidate.effort.epochs
    log = [text for _, text in run.messages]
    assert any(f"{ORIGINAL} was fine-tuned for as long" in text for text in log)


@pytest.mark.slow
def test_it_is_delivered_where_it_is_better_after_that_time(longer: Any) -> None:
    result = longer("accuracy", "params<=1000000")
    run, given = result.run, trained_given(result.run)
    rivals = [
        trial for trial in (*run.retrained, *run.repeated, *run.compared, run.baseline) if trial.is_measured
    ]
    best = max(trial.metrics["accuracy"] for trial in rivals)
    assert run.winner.metrics["accuracy"] == best
    if run.won_by == ORIGINAL:
        assert run.winner == given[run.winner.number // REPEAT]
        assert (
            "No better network than your own, the network as it was given, was found"
            in (result.folder / "report.html").read_text()
        )
    again = aw.resume(result.folder, space=own_space(), progress=False)
    assert again.run.winner == run.winner
    assert again.run.messages == run.messages
