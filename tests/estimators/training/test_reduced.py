"""Training at a lower resolution, a smaller scale, and on folds."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import archwright as aw
from archwright.errors import UsageError
from archwright.estimators.reduced import reduced
from archwright.spaces.zoo import make_space
from archwright.tasks import make_task
from archwright.tasks.reduced import folded, resized
from archwright.trials import Candidate, Fidelity

RECIPE = aw.Recipe(epochs=1, batch_size=128)


@pytest.fixture(scope="module")
def task() -> Any:
    return make_task("digits")


@pytest.fixture(scope="module")
def cells(task: Any) -> Any:
    return make_space("nasbench201", (1, 8, 8), 10, channels=4, cells=1)


def weights(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_a_scale_and_a_resolution_train_the_smaller_network_and_report_the_sizes_of_the_full_one(
    task: Any, cells: Any
) -> None:
    training = aw.Training(cells, task, RECIPE)
    architecture = cells.sample(0)
    network, full = training.fit(Candidate(architecture))
    small, measured = training.fit(Candidate(architecture, Fidelity(resolution=4, scale={"channels": 2})))
    assert weights(small) == weights(cells.scale(channels=2).build(architecture, task.example_arguments()))
    assert weights(small) < weights(network)
    assert {name: measured.metrics[name] for name in ("params", "flops")} == {
        name: full.metrics[name] for name in ("params", "flops")
    }


def test_it_is_the_training_of_that_space_and_task(task: Any, cells: Any) -> None:
    architecture = cells.sample(1)
    fidelity = Fidelity(resolution=4, folds=3, replicate=1, scale={"channels": 2})
    _, found = aw.Training(cells, task, RECIPE).fit(Candidate(architecture, fidelity))
    alone = aw.Training(cells.scale(channels=2), resized(folded(task, 1, 3), 4), RECIPE)
    _, expected = alone.fit(Candidate(architecture))
    for name in ("accuracy", "loss"):
        assert found.metrics[name] == expected.metrics[name]


def test_folds_come_first_and_seeds_after(task: Any, cells: Any) -> None:
    training = aw.Training(cells, task, RECIPE)
    architecture = cells.sample(2)
    losses = [
        training.fit(Candidate(architecture, Fidelity(folds=2, replicate=n)))[1].metrics["loss"]
        for n in (0, 1, 2, 0)
    ]
    assert losses[0] == losses[3]
    assert len(set(losses)) == 3
    assert (Fidelity(folds=2, replicate=3).fold, Fidelity(folds=2, replicate=3).seed) == ((1, 2), 1)


def test_sights_of_the_data_are_few_and_do_not_travel(task: Any, cells: Any) -> None:
    training = aw.Training(cells, task, RECIPE)
    for n in range(7):
        training._seen(Fidelity(folds=7, replicate=n))
    assert len(training._views) == 4
    assert training.__getstate__()["_views"] == {}


@pytest.mark.parametrize(
    ("fidelity", "told"),
    [
        (Fidelity(scale={"cels": 2}), "no option 'cels' to scale. Did you mean 'cells'"),
        (Fidelity(resolution=20), "take at most 8"),
    ],
)
def test_what_cannot_be_is_told_with_a_cure(task: Any, cells: Any, fidelity: Fidelity, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        reduced(cells, task, fidelity)


def test_a_space_without_another_scale_says_so(task: Any) -> None:
    with pytest.raises(UsageError, match="has no other scale; decorate"):
        reduced(aw.Space(aw.layer(dict, a=aw.choice(1, 2))), task, Fidelity(scale={"cells": 2}))
