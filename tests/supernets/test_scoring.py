"""What ranks architectures by shared weights."""

from __future__ import annotations

import pytest
import torch

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
    method.setup(supernet, task)
    costs = [shared_cost(supernet, architecture, task) for architecture in method.proposals()]
    assert costs == sorted(costs)
