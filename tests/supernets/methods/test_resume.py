"""A state that went through a file continues to the last bit."""

from __future__ import annotations

import io
import itertools
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.learning import Trainer
from archwright.supernets import METHODS, OneShot, Supernet, make_method, train_epoch
from archwright.tasks import Task

COMMON = {"epochs": 3, "batch_size": 24}
SMALL: dict[str, dict[str, Any]] = {
    "darts": {},
    "darts2": {"skip_limit": 1},
    "pcdarts": {"frozen_epochs": 1},
    "pdarts": {"cells": (1, 2), "operations": (2,), "skip_dropout": (0.3, 0.5)},
    "gdas": {},
    "proxyless": {"frozen_epochs": 1, "every": 2},
    "enas": {"controller_steps": 2, "controller_samples": 2},
}
OPTIONS = [
    *((name, SMALL.get(name, {})) for name in METHODS),
    ("darts", {"operation_dropout": 0.3, "edge_dropout": 0.3}),
    ("pcdarts", {"frozen_epochs": 0, "edge_dropout": 0.3}),
    ("darts2", {"operation_dropout": 0.3}),
    ("darts", {"accumulation": 2, "precision": "bf16-mixed", "augmentation": "noise"}),
    ("darts", {"accumulation": 2, "augmentation": "noise", "eigenvalue": True}),
    ("darts2", {"accumulation": 3}),
    ("gdas", {"accumulation": 2}),
    ("proxyless", {"accumulation": 2, "precision": "bf16-mixed", "frozen_epochs": 0}),
    ("enas", {"accumulation": 2, "controller_steps": 2, "controller_samples": 2}),
    ("spos", {"precision": "bf16-mixed", "augmentation": "noise+shift"}),
    ("pcdarts", {"frozen_epochs": 0, "early_stop": True}),
]


def made(name: str, options: dict[str, Any], space: aw.Space, task: Task, seed: int) -> Trainer:
    torch.manual_seed(seed)
    method = make_method(name, **{**COMMON, **options})
    supernet = Supernet(space.scale(cells=1), task.example_arguments())
    return method.trainer(supernet, task, accelerator="cpu")


def assert_same(first: Any, second: Any, at: str = "") -> None:
    assert type(first) is type(second), at
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second), at
    elif isinstance(first, dict):
        assert first.keys() == second.keys(), at
        for key in first:
            assert_same(first[key], second[key], f"{at}.{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), at
        for i, pair in enumerate(zip(first, second, strict=True)):
            assert_same(*pair, f"{at}.{i}")
    else:
        assert first == second, at


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_going_on_from_any_moment_is_as_if_nothing_happened(
    cells: aw.Space, images: Task, name: str, options: dict[str, Any]
) -> None:
    straight = made(name, options, cells, images, seed=0)
    wanted = [train_epoch(straight).metrics for _ in range(3)]

    trainer = made(name, options, cells, images, seed=0)
    metrics = []
    for number in itertools.count():
        with trainer.randomness.drawing():
            events = trainer.run()
            for event in itertools.islice(
                events, 1 + number % 2
            ):  # one step, two steps, and so on over all ends
                if event.kind == "epoch":
                    metrics += [event.metrics]
        if len(metrics) == 3:
            break
        state = through_a_file(trainer.state_dict())
        torch.manual_seed(40 + number)  # what ran before in the process does not matter
        trainer = made(name, options, cells, images, seed=90)
        trainer.load_state_dict(state)
    assert metrics == wanted
    assert_same(trainer.state_dict(), straight.state_dict())
    first, second = trainer.step, straight.step
    assert isinstance(first, OneShot)
    assert isinstance(second, OneShot)
    assert first.probabilities() == second.probabilities()
    if first.probabilities():  # otherwise what it derives depends on the weights alone
        assert first.derive(3) == second.derive(3)
