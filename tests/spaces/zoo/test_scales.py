"""Searching small, training large: the same architecture in a wider, deeper network for another input."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from archwright.errors import SpaceError
from archwright.spaces.zoo import make_space

_SMALL: dict[str, tuple[tuple[int, ...], dict[str, Any], dict[str, Any]]] = {
    "nasbench201": ((1, 8, 8), {"channels": 4, "cells": 1}, {"channels": 8, "cells": 2}),
    "enas": ((1, 8, 8), {"layers": 3, "channels": 4}, {"channels": 6, "doubling": True, "dropout": 0.1}),
    "proxyless": ((1, 8, 8), {"width": 0.1}, {"width": 0.3, "last": 64}),
    "recurrent": ((5,), {"nodes": 3, "hidden": 6}, {"hidden": 9, "tie": False, "dropout": 0.1}),
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
    }
    with pytest.raises(SpaceError, match=r"changes what is decided|has no option 'width' to scale"):
        make_space(name, shape, 3, **options).scale(**changes[name])
