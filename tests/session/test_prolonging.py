"""The chosen network is trained once more, for longer, where time is left."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.experiments import Stage
from archwright.experiments.finalists import LONGER, REPEAT
from archwright.experiments.time_plan import Costs, TimePlan
from archwright.session import prolonging
from archwright.session.card import card_of
from archwright.session.planning import Planned
from archwright.session.prolonging import epochs_within, paces
from archwright.spaces import Architecture
from archwright.tasks import Part, make_task
from archwright.tasks.batches import evaluation_plan
from archwright.trials import Candidate, Measurement, Trial


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A search whose chosen network is trained for so many epochs once more."""

    def run(longer: int, epochs: int = 1, **more: Any) -> aw.Result:
        plan = TimePlan(costs=Costs(training=0.5, baseline=0.5), longest=10.0)
        planned = Planned(recipe=aw.Recipe(epochs=epochs, learning_rate=3e-3), plan=plan)
        monkeypatch.setattr(
            importlib.import_module("archwright.session.search"), "plan_run", lambda *_, **__: planned
        )
        monkeypatch.setattr(prolonging, "epochs_within", lambda *_: longer)
        return aw.search(
            "mlp",
            "digits",
            strategy="random",
            budget=aw.Budget(trials=1, minutes=60),
            repeats=1,
            onnx=False,
            progress=False,
            out=tmp_path / "run",
            **more,
        )

    return run


def test_epochs_are_those_that_fit() -> None:
    # 21 s are 40 epochs of half a second that take a twentieth longer.
    assert epochs_within(21.0, 0.5) == 40
    assert epochs_within(21.0, 0.5, beside=5.0) == 30
    assert epochs_within(-3.0, 0.5) == 0
    assert epochs_within(10.0, 0.0) == 0


@pytest.mark.parametrize(
    ("ends", "expected"),
    [((3.0, 3.5, 4.0, 4.5), (0.5, 3.0)), ((3.0,), (5.0, 0.0)), ((), (1.25, 0.0)), ((2.0, 4.0), (2.0, 1.0))],
)
def test_what_a_training_takes_beside_its_epochs(
    ends: tuple[float, ...], expected: tuple[float, float]
) -> None:
    curve = tuple({"seconds": end, "accuracy": 0.5} for end in ends)
    trial = Trial(0, Candidate(Architecture({})), measurement=Measurement({}, curve, 5.0), finished=5.0)
    assert paces(trial, len(ends) or 4) == pytest.approx(expected)


def test_the_longer_training_is_delivered_where_it_is_no_worse(search: Any) -> None:
    run = search(12).run
    assert run.choice is not None
    assert run.winner is not None
    assert run.choice.number // REPEAT == LONGER
    assert run.winner.candidate.effort.epochs == 12
    assert len(run.winner.measurement.curve) == 12
    short = next(f for f in run.finalists if f.name == run.choice.name).first
    assert run.winner.metrics["accuracy"] >= short.metrics["accuracy"]
    assert run.choice.repeats == 1  # it counts in no comparison
    # The best epoch counts, not the last one.
    assert run.winner.metrics["accuracy"] == max(point["accuracy"] for point in run.winner.measurement.curve)
    told = card_of(run, run.winner).training
    assert (told["epochs"], told["early_stopping"], told["augmentation"]) == (12, 12, "none")
    shifted = replace(run.winner, number=run.winner.number + REPEAT)
    assert card_of(run, shifted).training["augmentation"] == "shift"
    assert card_of(run, short).training["epochs"] == 1
    log = [text for _, text in run.messages]
    assert any("was trained once more, for 12 epochs" in text and "this is delivered" in text for text in log)


@pytest.mark.slow
def test_the_exported_weights_are_its(search: Any) -> None:
    result = search(12)
    plan = evaluation_plan(torch.device("cpu"))
    metrics = make_task("digits").evaluate(result.model(), Part("validation"), plan)
    assert metrics["accuracy"] == pytest.approx(result.run.winner.metrics["accuracy"], abs=1e-6)


@pytest.mark.slow
def test_one_that_is_worse_is_not_delivered(search: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prolonging, "is_feasible", lambda *_: False)
    run = search(3).run
    assert run.choice is not None
    assert run.choice.number < REPEAT
    assert run.winner.number == run.choice.number
    assert any("the shorter training of" in text for _, text in run.messages)


def test_without_time_nothing_is_trained(search: Any) -> None:
    run = search(1).run
    assert run.choice.number < REPEAT
    assert not any("once more" in text for _, text in run.messages)


@pytest.mark.slow
def test_going_on_does_nothing_again(search: Any) -> None:
    result = search(12)
    before = result.run.messages
    again = aw.resume(result.folder, progress=False, onnx=False)
    assert again.run.winner == result.run.winner
    assert again.run.messages == before
    assert sum(t.number // REPEAT == LONGER for t in all_trained(again.run)) == 1
    assert Stage(again.run.choice.stage) in (Stage.RETRAIN, Stage.BASELINE)


@pytest.mark.slow
def test_two_thirds_of_the_time_are_for_the_augmentations_that_are_borne(
    search: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prolonging, "bearable", lambda *_: 1)
    monkeypatch.setattr(prolonging, "MANY", 6)
    result = search(6)
    longer = {t.number // REPEAT - LONGER: t for t in all_trained(result.run) if t.number // REPEAT >= LONGER}
    assert {variant: trial.candidate.effort.epochs for variant, trial in longer.items()} == {1: 4, 0: 6}
    assert longer[0].metrics != longer[1].metrics
    log = [text for _, text in result.run.messages]
    assert any("for 4 epochs with the augmentation shift: validation" in text for text in log)
    best = max(longer.values(), key=lambda trial: trial.metrics["accuracy"])
    assert result.run.winner.metrics["accuracy"] >= best.metrics["accuracy"]
    again = aw.resume(result.folder, progress=False, onnx=False)
    assert again.run.messages == result.run.messages


@pytest.mark.slow
def test_few_epochs_are_not_augmented(search: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prolonging, "bearable", lambda *_: pytest.fail("it was asked"))
    assert not any("augmentation" in text for _, text in search(6).run.messages)


def all_trained(run: aw.Run) -> list[Any]:
    """The trainings after the search."""
    return [*run.retrained, *run.repeated, *run.compared]
