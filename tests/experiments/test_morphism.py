"""A search whose networks inherit weights, broken off and gone on with."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from archwright.estimators import Estimator, Recipe
from archwright.estimators.training import Training
from archwright.experiments import CheckpointFolder, SQLStore
from archwright.objectives import Direction, Objective
from archwright.spaces.zoo import make_space
from archwright.strategies import make_strategy
from archwright.tasks import from_arrays
from archwright.trials import Candidate, Measurement, Trial, TrialContext, Verdict

from .conftest import run_search

SPACE = make_space(
    "mlp",
    (4,),
    2,
    depth=(1, 2),
    widths=(4, 8, 16),
    activations=("relu",),
    normalizations=("none",),
    dropouts=(0.0,),
)


def training() -> Training:
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    task = from_arrays(x.numpy(), (x.prod(1) > 0).long().numpy(), name="signs")
    return Training(SPACE, task, Recipe(epochs=3, batch_size=16), accelerator="cpu", checkpoint_seconds=0.0)


class Dying(Estimator):
    """Breaks the search off, as a second Ctrl-C does, before the report of that number, counted over all trials."""

    def __init__(self, at: int) -> None:
        self.left, self.inner = at, training()

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        report = trial.report

        def counted(*args: Any) -> Verdict:
            self.left -= 1
            if self.left < 0:
                os.kill(os.getpid(), signal.SIGINT)
            return report(*args)

        trial.report = counted  # type: ignore[method-assign]
        return self.inner.estimate(candidate, trial)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("strategy", ["hill_climbing", "evolution"])
@pytest.mark.parametrize("at", [4, 6])
def test_children_are_the_same_after_an_interruption(strategy: str, at: int, tmp_path: Path) -> None:
    def make_store(name: str) -> SQLStore:
        (tmp_path / name).mkdir()
        return SQLStore(f"sqlite:///{tmp_path / name}/trials.sqlite", "run", create=True)

    objectives = (Objective("loss", Direction.MINIMIZE),)
    own = {"children": 3} if strategy == "hill_climbing" else {"population_size": 2, "inherit": True}

    def searched(store: SQLStore, name: str, estimator: Estimator) -> list[Trial]:
        checkpoints = CheckpointFolder(tmp_path / name / "checkpoints")
        run_search(
            store,
            space=SPACE,
            strategy=make_strategy(strategy, SPACE, objectives, 0, **own),
            objectives=objectives,
            trials=6,
            estimator=estimator,
            checkpoints=checkpoints,
        )
        return store.trials()

    with make_store("whole") as store:
        whole = searched(store, "whole", training())
    with make_store("broken") as store:
        with pytest.raises(KeyboardInterrupt):
            searched(store, "broken", Dying(at))
        found = searched(store, "broken", training())
    assert [trial.candidate for trial in found] == [trial.candidate for trial in whole]
    assert [trial.metrics for trial in found] == [trial.metrics for trial in whole]
    children = [trial for trial in whole if trial.candidate.inherit == "morph"]
    assert children
    assert all(0 < trial.metrics["inherited"] <= 1 for trial in children)
