"""A state that went through a file continues to the last bit."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.supernets import METHODS, OneShot, Supernet, make_method
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
    ("pcdarts", {"frozen_epochs": 0, "early_stop": True}),
]


def made(name: str, options: dict[str, Any], space: aw.Space, task: Task, seed: int) -> OneShot:
    torch.manual_seed(seed)
    space = space.scale(cells=1)
    method = make_method(name, **{**COMMON, **options})
    method.setup(Supernet(space, task.example_arguments()), task)
    return method


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


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_going_on_from_a_saved_state_is_as_if_nothing_happened(
    cells: aw.Space, images: Task, name: str, options: dict[str, Any]
) -> None:
    straight = made(name, options, cells, images, seed=0)
    wanted = [straight.epoch().metrics for _ in range(3)]

    first = made(name, options, cells, images, seed=0)
    metrics = [first.epoch().metrics]
    for number in (1, 2):
        state = through_a_file(first.state_dict())
        torch.manual_seed(40 + number)  # what ran before in the process does not matter
        first = made(name, options, cells, images, seed=90)
        first.load_state_dict(state)
        metrics.append(first.epoch().metrics)
    assert metrics == wanted
    assert_same(first.state_dict(), straight.state_dict())
    assert first.probabilities() == straight.probabilities()
    if first.probabilities():  # otherwise what it derives depends on the weights alone
        assert first.derive(3) == straight.derive(3)
