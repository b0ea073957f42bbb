from __future__ import annotations

from typing import Any

import pytest
import torch

from archwright.errors import TrialError, UsageError
from archwright.estimators import ESTIMATORS, Recipe
from archwright.estimators.morphism import Inheritance
from archwright.estimators.training import Training
from archwright.spaces.zoo import make_space
from archwright.tasks import from_arrays
from archwright.trials import Candidate, Fidelity, LocalTrial, Verdict


def task() -> Any:
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(120, 4, generator=drawn)
    return from_arrays(x.numpy(), (x[:, 0] > 0).long().numpy(), name="halves")


SPACE = make_space(
    "mlp",
    (4,),
    2,
    depth=(2, 3),
    widths=(8, 16),
    activations=("relu",),
    normalizations=("none",),
    residual=False,
)
SMALL = SPACE.default
LARGE = SPACE.architecture({**SMALL, "layers.0.width": 16})
RECIPE = Recipe(epochs=6, batch_size=20, optimizer="sgd", learning_rate=0.05)


def trained(**options: Any) -> tuple[Training, LocalTrial]:
    estimator = Training(SPACE, task(), RECIPE, accelerator="cpu", threads=1, **options)
    trial = LocalTrial(3)
    estimator.estimate(Candidate(SMALL), trial)
    return estimator, trial


def test_a_child_goes_on_from_what_its_parent_computes_for_a_third_of_the_epochs() -> None:
    estimator, first = trained()
    child = Candidate(LARGE, parent=3, inherit="morph")
    measured = estimator.estimate(child, LocalTrial(4, parent=first.checkpoint))
    assert [entry["epoch"] for entry in measured.curve] == [1, 2]
    assert measured.metrics["inherited"] == 1.0
    assert measured.metrics["morph_change"] <= 1e-5
    fresh = estimator.estimate(Candidate(LARGE), LocalTrial(5))
    assert measured.curve[0]["train_loss"] < fresh.curve[0]["train_loss"]
    assert "inherited" not in fresh.metrics


def test_a_fidelity_is_shared_too() -> None:
    estimator, first = trained(inheritance=Inheritance(child_share=0.5))
    child = Candidate(LARGE, Fidelity(epochs=2), parent=3, inherit="morph")
    assert len(estimator.estimate(child, LocalTrial(4, parent=first.checkpoint)).curve) == 1


def test_an_interrupted_child_gives_what_an_uninterrupted_one_does() -> None:
    estimator, first = trained(inheritance=Inheritance(child_share=1.0), checkpoint_seconds=0.0)
    child = Candidate(LARGE, parent=3, inherit="morph")
    whole = estimator.estimate(child, LocalTrial(4, parent=first.checkpoint))

    class LostError(Exception):
        pass

    def judge(step: int, metrics: Any) -> Verdict:
        if metrics["epoch"] == 3:
            raise LostError
        return Verdict.GO_ON

    trial = LocalTrial(4, parent=first.checkpoint, judge=judge)
    with pytest.raises(LostError):
        estimator.estimate(child, trial)
    again = trial.again()
    again.judge = None
    resumed = estimator.estimate(child, again)
    assert dict(resumed.metrics) == dict(whole.metrics)


def test_a_parent_without_a_checkpoint_fails_the_trial() -> None:
    estimator, _ = trained()
    with pytest.raises(TrialError, match="trial 3 left no checkpoint"):
        estimator.estimate(Candidate(LARGE, parent=3, inherit="morph"), LocalTrial(4))


@pytest.mark.parametrize("wrong", [{"child_share": 0.0}, {"child_share": 1.5}, {"new_units": "old"}])
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="morphism: expected"):
        Inheritance(**wrong)


def test_the_estimator_is_known_by_name() -> None:
    made = ESTIMATORS.make(
        "morphism", SPACE, task(), options={"child_share": 0.5, "new_units": "copies"}, accelerator="cpu"
    )
    assert made.inheritance == Inheritance(0.5, "copies")
