"""Supernets of the benchmarks' spaces: every method can share them, and what is extracted is a plain network."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from archwright.spaces import Space
from archwright.spaces.zoo import make_space
from archwright.supernets import Supernet, check

_CASES: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "nasbench201": ("nasbench201", (1, 8, 8), {"channels": 4, "cells": 1}),
    "enas": ("enas", (1, 8, 8), {"layers": 6, "channels": 4}),
    "proxyless": ("proxyless", (1, 8, 8), {"width": 0.1, "depths": (2, 2, 2, 2, 2, 1)}),
    "recurrent": ("recurrent", (5,), {"nodes": 4, "hidden": 6}),
    "a decoder of its own": ("recurrent", (5,), {"nodes": 3, "hidden": 6, "tie": False, "dropout": 0.1}),
}


def _made(case: str) -> tuple[Space, torch.Tensor]:
    name, shape, options = _CASES[case]
    generator = torch.Generator().manual_seed(0)
    if name == "recurrent":
        example = torch.randint(7, (3, *shape), generator=generator)
    else:
        example = torch.randn(3, *shape, generator=generator)
    return make_space(name, shape, 7, **options), example


@pytest.mark.sampled(2)
@pytest.mark.parametrize("case", _CASES)
def test_an_extracted_network_gives_what_the_supernet_gives(case: str) -> None:
    space, example = _made(case)
    supernet = Supernet(space, example=example).eval()
    for seed in range(8):
        architecture = space.sample(seed)
        network = supernet.extract(architecture).eval()
        with torch.no_grad(), supernet.on(architecture):
            torch.testing.assert_close(network(example), supernet(example), rtol=1e-5, atol=1e-5)
        assert not any("supernets" in type(module).__module__ for module in network.modules())
        counts = [sum(p.numel() for p in n.parameters()) for n in (network, space.build(architecture))]
        assert counts[0] == counts[1]


@pytest.mark.parametrize("method", ["darts", "spos"])
@pytest.mark.parametrize("case", _CASES)
def test_every_decision_can_be_shared(case: str, method: str) -> None:
    space, example = _made(case)
    assert check(space, method, example) == []
