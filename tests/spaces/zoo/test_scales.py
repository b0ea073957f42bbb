"""Searching small, training large: the same architecture in a wider, deeper network for another input."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from archwright.errors import SpaceError
from archwright.spaces import Architecture, Space
from archwright.spaces.zoo import make_space

_SMALL: dict[str, tuple[tuple[int, ...], dict[str, Any], dict[str, Any]]] = {
    "nasbench201": ((1, 8, 8), {"channels": 4, "cells": 1}, {"channels": 8, "cells": 2}),
    "enas": ((1, 8, 8), {"layers": 3, "channels": 4}, {"channels": 6, "doubling": True, "dropout": 0.1}),
    "proxyless": ((1, 8, 8), {"width": 0.1}, {"width": 0.3, "last": 64}),
    "recurrent": ((5,), {"nodes": 3, "hidden": 6}, {"hidden": 9, "tie": False, "dropout": 0.1}),
    "mlp": ((7,), {"width": 0.5}, {"width": 2.0}),
}


@pytest.mark.parametrize("name", _SMALL)
def test_an_architecture_is_one_of_the_larger_space(name: str) -> None:
    shape, options, changes = _SMALL[name]
    small = make_space(name, shape, 3, **options)
    large = small.scale(**changes)
    assert large.name == name
    assert large.digest == make_space(name, shape, 3, **{**options, **changes}).digest
    architecture = small.sample(0)
    assert architecture in large
    example = torch.randint(3, (2, *shape)) if name == "recurrent" else torch.randn(2, *shape)
    sizes = [
        sum(parameter.numel() for parameter in space.build(architecture, example).parameters())
        for space in (small, large)
    ]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize("name", _SMALL)
def test_what_would_change_the_decisions_is_refused(name: str) -> None:
    shape, options, _ = _SMALL[name]
    changes = {
        "nasbench201": {"width": 2},
        "enas": {"layers": 4},
        "proxyless": {"depths": (2, 2, 2, 2, 2, 1)},
        "recurrent": {"nodes": 4},
        "mlp": {"widths": (8, 16)},
    }
    with pytest.raises(SpaceError, match=r"changes what is decided|has no option 'width' to scale"):
        make_space(name, shape, 3, **options).scale(**changes[name])


def shapes(space: Space, architecture: Any, example: torch.Tensor) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in space.build(architecture, example).parameters()]


@pytest.mark.parametrize(("name", "shape"), [("chain", (3, 16, 16)), ("conv1d", (2, 32))])
@pytest.mark.parametrize("seed", range(4))
def test_a_narrow_chain_is_one_whose_widths_are_divided(name: str, shape: tuple[int, ...], seed: int) -> None:
    """Against the space with other ranges of the widths, where the same network is decided by other numbers."""
    wide = make_space(name, shape, 3, width=(16, 48, 16))
    narrow = make_space(name, shape, 3, width=(4, 12, 4))
    architecture, example = wide.sample(seed), torch.randn(2, *shape)
    divided = {
        address: value // 4 if address.endswith("width") else value for address, value in architecture.items()
    }
    found = shapes(wide.scale(width=0.25), architecture, example)
    assert found == shapes(narrow, Architecture(divided), example)
    assert found != shapes(wide, architecture, example)


@pytest.mark.parametrize(("name", "shape"), [("chain", (1, 8, 8)), ("conv1d", (1, 16)), ("mlp", (5,))])
def test_a_width_is_rounded_down_and_never_none(name: str, shape: tuple[int, ...]) -> None:
    space = make_space(name, shape, 2)
    example = torch.randn(2, *shape)
    thin = shapes(space.scale(width=0.001), space.default, example)
    assert max(size[0] for size in thin[:-2]) == 1  # all but the head's
    same = shapes(space.scale(width=0.3).scale(width=1), space.default, example)
    assert same == shapes(space, space.default, example)
    for wrong in (0, -1.0, float("inf"), True, "half"):
        with pytest.raises(SpaceError, match=f"the space '{name}': expected a width > 0, got {wrong!r}"):
            space.scale(width=wrong)
