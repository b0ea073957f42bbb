"""What every space of the zoo must keep: the contract, and that all its networks train."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
import torch

from archwright.spaces import Architecture, Space, integer
from archwright.spaces.zoo import make_space
from archwright.testing import NetworkSpaceContract

_OUTPUTS = 3
_CASES: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "digits": ("chain", (1, 8, 8), {}),
    "colour images": ("chain", (3, 32, 24), {}),
    "photographs": ("chain", (3, 130, 100), {"depth": (2, 3)}),
    "one pixel": ("chain", (2, 1, 1), {}),
    "pools": ("chain", (1, 8, 8), {"operations": ["max_pool", "average_pool"], "skips": False}),
    "cells": ("cell", (1, 8, 8), {"cells": 3, "channels": 4}),
    "odd cells": ("cell", (3, 7, 9), {"cells": 4, "channels": 3, "nodes": 2}),
    "cells of decided width": ("cell", (1, 4, 4), {"cells": 3, "channels": "decided", "nodes": 2}),
    "darts": ("darts", (3, 8, 8), {"cells": 3, "channels": 4, "drop_path": 0.3}),
    "darts evaluated": ("darts", (1, 5, 5), {"cells": 4, "channels": 2, "nodes": 2, "pool_norm": False}),
    "nasnet": ("nasnet", (3, 8, 8), {"repeats": 1, "channels": 8, "drop_path": 0.3}),
    "nasnet of fixed width": (
        "nasnet",
        (1, 5, 7),
        {"repeats": 1, "channels": 3, "blocks": 3, "combinations": ["add", "concat"], "concatenate": "all"},
    ),
    "operations": ("einspace", (1, 8, 8), {"depth": 6}),
    "colour operations": ("einspace", (3, 9, 12), {"depth": 5, "widths": [8]}),
    "operations on signals": ("einspace", (2, 11), {"depth": 6, "head": "last"}),
    "levels": ("hierarchical_nasbench201", (1, 8, 8), {"macro": "fixed", "channels": 4}),
    "two cells": ("hierarchical_nasbench201", (1, 8, 8), {"macro": "stage", "channels": 4}),
    "chosen levels": (
        "hierarchical_nasbench201",
        (1, 6, 6),
        {"macro": "stage", "channels": 4, "connected": False, "unrolled": True},
    ),
    "signals": ("conv1d", (1, 40), {}),
    "long signals": ("conv1d", (2, 1500), {"depth": (3, 4)}),
    "short signals": ("conv1d", (4, 3), {}),
    "table": ("mlp", (13,), {}),
    "residual table": ("tabular_resnet", (5,), {}),
    "table of tokens": ("ft_transformer", (5,), {}),
    "image as table": ("mlp", (1, 8, 8), {"depth": (1, 1), "widths": [8], "residual": False}),
}


def _make(case: str) -> Space:
    name, shape, options = _CASES[case]
    if options.get("channels") == "decided":
        options = {**options, "channels": integer(2, 4, name="channels")}
    return make_space(name, shape, _OUTPUTS, **options)


def _example(case: str) -> torch.Tensor:
    return torch.randn(2, *_CASES[case][1], generator=torch.Generator().manual_seed(0))


def _contract(case: str) -> type[NetworkSpaceContract]:
    members: dict[str, Callable[..., Any] | tuple[int, ...]] = {
        "make": partial(_make, case),
        "example": partial(_example, case),
        "outputs": (2, _OUTPUTS),
    }
    return type(f"Test{case.title().replace(' ', '')}", (NetworkSpaceContract,), members)


TestChain = _contract("digits")
TestCell = _contract("cells")
TestDarts = _contract("darts")
TestNasnet = _contract("nasnet")
TestEinspace = _contract("operations")
TestHierarchical = _contract("two cells")
TestConv1d = _contract("signals")
TestMlp = _contract("table")
TestTabularResnet = _contract("residual table")
TestFtTransformer = _contract("table of tokens")


def _train_step(space: Space, architecture: Architecture, example: torch.Tensor) -> None:
    network = space.build(architecture, example)
    assert network.training
    output = network(example)
    assert output.shape == (2, _OUTPUTS)
    assert torch.isfinite(output).all()
    output.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, (name, architecture)
        assert torch.isfinite(parameter.grad).all(), (name, architecture)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("case", _CASES)
def test_every_sample_trains_on_a_batch_of_two(case: str) -> None:
    space, example, random = _make(case), _example(case), Random(0)
    for _ in range(12):
        architecture = space.sample(random)
        _train_step(space, architecture, example)
        assert space.decode(space.encode(architecture)) == architecture
        assert Architecture.from_json(architecture.to_json()) == architecture


@pytest.mark.parametrize("case", ["digits", "odd cells", "signals", "table"])
def test_neighbours_build(case: str) -> None:
    space, example, random = _make(case), _example(case), Random(1)
    for neighbor in random.sample(space.neighbors(space.sample(random)), 8):
        _train_step(space, neighbor, example)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("case", _CASES)
def test_a_space_survives_plain_pickle(case: str) -> None:
    space = _make(case)
    copy = pickle.loads(pickle.dumps(space))
    assert copy.digest == space.digest
    assert copy.size_bound == space.size_bound
    architecture = space.sample(3)
    assert copy.sample(3) == architecture
    assert str(copy.build(architecture)) == str(space.build(architecture))


@pytest.mark.parametrize("case", _CASES)
def test_a_space_has_the_name_it_was_asked_by(case: str) -> None:
    assert _make(case).name == _CASES[case][0]
