"""What ranks architectures by shared weights."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

import archwright as aw
from archwright.supernets import Supernet, make_method, shared_score
from archwright.supernets.scoring import shared_cost
from archwright.testing.known_best import known_best_space, known_best_task


@pytest.fixture
def supernet() -> Supernet:
    torch.manual_seed(0)
    return Supernet(known_best_space())


@pytest.mark.parametrize(
    ("metric", "wanted", "sign"),
    [("accuracy", "accuracy", -1.0), ("loss", "loss", 1.0), ("only_the_user_knows", "loss", 1.0)],
)
def test_the_metric_ranks_and_one_that_is_not_known_gives_way_to_the_loss(
    metric: str, wanted: str, sign: float, supernet: Supernet
) -> None:
    task = known_best_task(0, examples=160)
    task.metric = metric
    architecture = supernet.space.sample(0)
    assert (
        shared_cost(supernet, architecture, task) == sign * shared_score(supernet, architecture, task)[wanted]
    )


def test_proposals_of_random_paths_come_by_it(supernet: Supernet) -> None:
    task = known_best_task(0, examples=160)
    method = make_method("spos", epochs=1)
    method.trainer(supernet, task, accelerator="cpu")
    costs = [shared_cost(supernet, architecture, task) for architecture in method.proposals()]
    assert costs == sorted(costs)


def test_norms_are_recalibrated_on_all_kinds_of_examples_though_they_stand_in_order() -> None:
    torch.manual_seed(0)
    labels = torch.arange(2).repeat_interleave(1_000)  # class after class, their inputs far apart
    inputs = torch.randn(2_000, 1) + 20.0 * labels[:, None]
    task = aw.tasks.from_arrays(inputs, labels, kind="classification", standardize=False, name="in order")
    bias = aw.boolean(name="bias")
    space = aw.Space(
        aw.layer(nn.Sequential, aw.layer(nn.BatchNorm1d, 1), aw.layer(nn.Linear, 1, 2, bias=bias))
    )
    supernet = Supernet(space, task.example_arguments())
    architecture = space.architecture({"bias": True})
    with torch.no_grad():
        linear = supernet.network[1].shared
        linear.weight.copy_(torch.tensor([[-1.0], [1.0]]))
        linear.bias.zero_()
    assert shared_score(supernet, architecture, task)["accuracy"] > 0.99


class Noisy(Dataset[Any]):
    """Adds noise to each input when it is read, by the global generators of three libraries."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        x, y = self.data[index]
        return x + torch.rand(()) + float(np.random.rand()) + random.random(), y


@pytest.mark.parametrize("method", ["spos", "pcdarts"])
def test_scores_do_not_depend_on_what_was_drawn_before(method: str) -> None:
    task = known_best_task(0, examples=160)
    supernet = Supernet(known_best_space(), task.example_arguments())
    make_method(method, epochs=1).trainer(supernet, task, accelerator="cpu")
    task.train, task.validation = Noisy(task.train), Noisy(task.validation)
    architecture = supernet.space.sample(0)
    found = []
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        found.append(shared_score(supernet, architecture, task))
        assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(seed)))
    assert found[0] == found[1]
