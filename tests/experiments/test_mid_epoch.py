"""A search that is killed in the middle of an epoch ends as one that is not."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from torch import Tensor, nn

from archwright.estimators import Recipe, Training
from archwright.experiments import (
    Budget,
    CheckpointFolder,
    Evaluation,
    Experiment,
    InlineExecutor,
    Job,
    JobResult,
    Retraining,
    SQLStore,
    Stage,
    TrialRunner,
)
from archwright.objectives import Objective
from archwright.spaces import Space, choice, layer
from archwright.strategies import make_strategy
from archwright.strategies.pruners import MedianPruner
from archwright.tasks import from_arrays
from archwright.trials import FULL, Candidate, Fidelity

OBJECTIVES = (Objective("accuracy"),)


class Interrupted(nn.Module):
    """A network that the user interrupts for good at a step of the training."""

    left: ClassVar[int] = -1

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, hidden), nn.Dropout(0.2), nn.ReLU(), nn.Linear(hidden, 3))

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training:
            Interrupted.left -= 1
            if Interrupted.left == 0:
                os.kill(os.getpid(), signal.SIGINT)
        made: Tensor = self.layers(inputs)
        return made


def searched(folder: Path) -> list[Any]:
    """A pruned search and a retraining; what became of the trials, without what the clock says."""
    labels = np.repeat([0, 1, 2], 20)
    inputs = np.random.default_rng(0).normal(size=(60, 4)) + np.eye(4)[labels]
    task = from_arrays(inputs, labels, kind="classification", name="blobs")
    space = Space(layer(Interrupted, choice(*range(4, 24), name="hidden")))
    recipe = Recipe(epochs=4, batch_size=12, augmentation="noise", mixup=0.2, learning_rate=0.02)
    training = Training(space, task, recipe, accelerator="cpu", threads=1, checkpoint_seconds=0.0)
    path = folder / "trials.sqlite"
    executor: InlineExecutor[Job, JobResult] = InlineExecutor()
    with SQLStore(f"sqlite:///{path}", "run", create=not path.exists()) as store:
        store.lock()
        experiment = Experiment(
            store=store,
            executor=executor,
            objectives=OBJECTIVES,
            pruner=MedianPruner(OBJECTIVES, minimum_trials=2),
            checkpoints=CheckpointFolder(folder / "checkpoints"),
        )
        steps = {
            Stage.SEARCH: Evaluation(space, training, OBJECTIVES, task.example_arguments()),
            Stage.RETRAIN: Retraining(training, folder),
        }
        executor.open(TrialRunner(steps, OBJECTIVES), experiment.answer)
        strategy = make_strategy("evolution", space, OBJECTIVES, seed=0, population_size=4, tournament_size=2)
        experiment.search(strategy, Budget(trials=8), Fidelity(3))
        experiment.run_all(Stage.RETRAIN, {0: Candidate(store.trials()[0].architecture, FULL, 0)})
        trials = [*store.trials(), *store.trials(Stage.RETRAIN)]
    return [
        (
            trial.state,
            trial.candidate,
            dict(trial.metrics),
            [_without_time(p) for p in trial.measurement.curve],
        )
        for trial in trials
        if trial.measurement is not None
    ]


def _without_time(point: Any) -> dict[str, float]:
    return {name: value for name, value in point.items() if name != "seconds"}


def test_a_search_that_is_killed_in_mid_epoch_ends_as_a_whole_one(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    Interrupted.left = -1
    expected = searched(whole)
    steps = -1 - Interrupted.left
    assert len({state for state, *_ in expected}) == 2  # some were pruned
    assert steps > 60
    taken = (2, 4, 17, 11, 23, 8, 5)
    for at in taken:
        Interrupted.left = at
        with pytest.raises(KeyboardInterrupt):
            searched(broken)
    Interrupted.left = -1
    assert searched(broken) == expected
    assert -1 - Interrupted.left <= steps - sum(taken) + len(
        taken
    )  # nothing but the step that was cut is repeated
    files = sorted(path.name for path in (broken / "checkpoints").iterdir())
    assert (
        files == sorted(path.name for path in (whole / "checkpoints").iterdir()) == ["retrain-0.safetensors"]
    )
    assert (broken / "checkpoints" / files[0]).read_bytes() == (whole / "checkpoints" / files[0]).read_bytes()
