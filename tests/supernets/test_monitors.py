from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.supernets import OnePath, Supernet, make_method, shared_score, train_epoch
from archwright.supernets.monitors import mean_entropy, watch
from archwright.supernets.partial import PartialChannels
from archwright.tasks import Task


def made(name: str, space: aw.Space, task: Task, **options: Any) -> Any:
    torch.manual_seed(0)
    method = make_method(name, **{"epochs": 2, "batch_size": 16, **options})
    return method.trainer(Supernet(space, task.example_arguments()), task, accelerator="cpu")


def test_entropy_is_the_mean_over_choices_alone() -> None:
    space = aw.Space(
        aw.layer(dict, aw.choice("a", "b", name="x"), aw.choice(1, 2, 3, name="y"), aw.subset(3, name="z"))
    )
    probabilities = {
        "x": {"a": 0.5, "b": 0.5},
        "y": {"1": 1.0, "2": 0.0, "3": 0.0},
        "z": {"0": 0.9, "1": 0.9, "2": 0.9},
    }
    assert mean_entropy(space, probabilities) == pytest.approx(math.log(2) / 2)
    assert mean_entropy(space, {"z": probabilities["z"]}) is None


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("darts", {}),
        ("pcdarts", {}),
        ("pdarts", {"cells": (1, 2), "operations": (2,), "skip_dropout": (0.1, 0.1)}),
    ],
)
def test_watching_gives_all_numbers_and_changes_nothing(
    cells: aw.Space, images: Task, name: str, options: dict[str, Any]
) -> None:
    trainer = made(name, cells, images, **options)
    method = trainer.step
    train_epoch(trainer)
    before = {key: tensor.clone() for key, tensor in method.supernet.state_dict().items()}
    random = torch.get_rng_state()
    watched = watch(method, images)
    assert set(watched) == {"entropy", "skips"} | {
        f"derived_{metric}" for metric in ("accuracy", "balanced_accuracy", "f1", "loss")
    }
    assert 0 < watched["entropy"] <= math.log(4)
    best = method.derive(1)[0]
    assert watched["skips"] == sum(value == "skip_connect" for value in best.values())
    assert watch(method, images) == watched
    assert all(torch.equal(tensor, before[key]) for key, tensor in method.supernet.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert method.supernet.training


def test_a_method_without_preferences_has_nothing_to_watch(cells: aw.Space, images: Task) -> None:
    assert watch(made("spos", cells, images).step, images) == {}


def test_supernets_on_partial_channels_are_scored_as_they_are_trained(cells: aw.Space, images: Task) -> None:
    trainer = made("pcdarts", cells, images, epochs=7, frozen_epochs=6, learning_rate=0.1)
    for _ in range(6):
        train_epoch(trainer)
    architecture = cells.sample(3)
    scores = shared_score(trainer.network, architecture, images)
    full = Supernet(cells, images.example_arguments())
    full.load_state_dict(trainer.network.state_dict())
    of_all_channels = shared_score(full, architecture, images)
    assert scores != of_all_channels

    # What full width would need lies beyond the corners: changing it changes nothing.
    supernet: Supernet = trainer.network
    with torch.no_grad():
        for name, parameter in supernet.named_parameters():
            if "options/conv_3x3/1/" in name or "conv_3x3.1.weight" in name:
                parameter[2:] = 1e3
    assert shared_score(supernet, architecture, images) == scores
    full.load_state_dict(supernet.state_dict())
    assert shared_score(full, architecture, images) != of_all_channels


def test_partial_channels_change_no_single_path(cells: aw.Space, images: Task) -> None:
    supernet = Supernet(cells, images.example_arguments())
    PartialChannels(4).install(supernet)
    architecture = cells.sample(1)
    gates = {address: OnePath(value) for address, value in architecture.items()}
    x = torch.randn(3, 2, 6, 6)
    supernet.eval()
    with supernet.on(gates):
        outputs = supernet(x)
    torch.testing.assert_close(supernet.extract(architecture)(x), outputs, rtol=1e-5, atol=1e-5)
