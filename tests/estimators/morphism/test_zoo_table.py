"""Every cell of the table in docs/estimators.md that says which morphisms of the zoo's spaces are exact."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archwright.estimators.morphism import morph
from archwright.spaces import Space
from archwright.spaces.zoo import make_space

OPERATIONS = ("widen", "kernel", "deepen", "insert", "skip", "exchange")
DOCS = Path(__file__).parents[3] / "docs" / "morphism.md"


@dataclass(frozen=True)
class Case:
    """From one architecture of a space to another: the default with these values."""

    before: dict[str, Any]
    after: dict[str, Any]
    exact: bool


@dataclass(frozen=True)
class Row:
    shape: tuple[int, ...]
    cases: dict[str, Case]
    options: dict[str, Any] = field(default_factory=dict)


_CHAIN: dict[str, Any] = {"depth": 3, "layers.0.width": 16, "layers.1.width": 16, "layers.2.width": 32}
_CHAIN |= {f"layers.{i}.operation": "conv" for i in (1, 2)}
_CHAIN |= {f"layers.{i}.operation.conv.kernel_size": 3 for i in (1, 2)} | {"layers.0.kernel_size": 3}
_DEEPER = {
    **_CHAIN,
    "depth": 4,
    "layers.3.operation": "conv",
    "layers.3.operation.conv.kernel_size": 3,
    "layers.3.width": 32,
    "layers.3.skips": (),
}
_CHAIN_CASES = {
    "widen": Case(_CHAIN, {**_CHAIN, "layers.1.width": 32}, True),
    "kernel": Case(_CHAIN, {**_CHAIN, "layers.1.operation.conv.kernel_size": 5}, True),
    "deepen": Case(_CHAIN, _DEEPER, True),
    "skip": Case(_CHAIN, {**_CHAIN, "layers.2.skips": (0,)}, True),
    "exchange": Case(_CHAIN, {**_CHAIN, "layers.1.operation": "separable"}, False),
}
_MLP = {"depth": 2, "layers.0.width": 64, "layers.1.width": 32, "layers.activation": "relu"}
_MLP |= {"layers.normalization": "batch", "layers.1.residual": False}
_CELL: dict[str, Any] = {
    f"{kind}.{node}.from_{i}": "skip_connect"
    for kind in ("normal", "reduction")
    for node in (0, 1)
    for i in range(node + 2)
}
_CELL |= {"normal.1.inputs": (0, 2), "normal.1.from_0": "sep_conv_3x3", "normal.1.from_2": "max_pool_3x3"}
_CELL_CASES = {
    "kernel": Case(_CELL, {**_CELL, "normal.1.from_0": "sep_conv_5x5"}, True),
    "skip": Case(_CELL, {**_CELL, "normal.1.inputs": (1, 2)}, False),
    "exchange": Case(_CELL, {**_CELL, "normal.1.from_2": "avg_pool_3x3"}, False),
}
_NB201 = {f"cell.node_{i}.from_{j}": "nor_conv_1x1" for i in (1, 2, 3) for j in range(i)}
_SMALL = {"cells": 3, "channels": 8, "nodes": 2}

TABLE = {
    "chain": Row((3, 8, 8), _CHAIN_CASES, {"depth": (3, 4), "width": (16, 32, 16)}),
    "conv1d": Row((2, 12), _CHAIN_CASES, {"depth": (3, 4), "width": (16, 32, 16)}),
    "mlp": Row(
        (6,),
        {
            "widen": Case(_MLP, {**_MLP, "layers.0.width": 128}, True),
            "deepen": Case(
                _MLP, {**_MLP, "depth": 3, "layers.2.width": 32, "layers.2.residual": False}, True
            ),
            "skip": Case(_MLP, {**_MLP, "layers.1.residual": True}, True),
            "exchange": Case(_MLP, {**_MLP, "layers.activation": "gelu"}, False),
        },
    ),
    "cell": Row((3, 8, 8), _CELL_CASES, _SMALL),
    "darts": Row(
        (3, 8, 8),
        {**_CELL_CASES, "insert": Case({**_CELL, "normal.1.from_0": "none"}, _CELL, True)},
        _SMALL,
    ),
    "nasbench201": Row(
        (3, 8, 8),
        {
            "kernel": Case(_NB201, {**_NB201, "cell.node_2.from_1": "nor_conv_3x3"}, True),
            "insert": Case({**_NB201, "cell.node_2.from_0": "none"}, _NB201, True),
            "skip": Case(
                {**_NB201, "cell.node_2.from_0": "none"},
                {**_NB201, "cell.node_2.from_0": "skip_connect"},
                False,
            ),
            "exchange": Case(_NB201, {**_NB201, "cell.node_1.from_0": "avg_pool_3x3"}, False),
        },
        {"cells": 1, "channels": 4},
    ),
    "enas": Row(
        (3, 8, 8),
        {
            "kernel": Case({}, {"layers.1.operation": "conv_5x5"}, True),
            "skip": Case({}, {"layers.2.skips": (0,)}, False),
            "exchange": Case({}, {"layers.1.operation": "max_pool_3x3"}, False),
        },
        {"layers": 4, "channels": 8},
    ),
    "proxyless": Row(
        (3, 8, 8),
        {
            "widen": Case({"stages.0.0": "mbconv_k3_e3"}, {"stages.0.0": "mbconv_k3_e6"}, True),
            "kernel": Case({"stages.0.0": "mbconv_k3_e3"}, {"stages.0.0": "mbconv_k5_e3"}, True),
            "insert": Case({"stages.0.1": "zero"}, {"stages.0.1": "mbconv_k3_e3"}, True),
        },
        {"widths": (8, 8), "depths": (2, 2), "stem": 8, "first": 8, "last": 16, "strides": (1, 1, 2)},
    ),
    "nasnet": Row(
        (3, 8, 8),
        {
            "kernel": Case(
                {"normal.0.left_operation": "sep_conv_3x3"}, {"normal.0.left_operation": "sep_conv_5x5"}, True
            ),
            "skip": Case({}, {"normal.1.left_input": 1}, False),
            "exchange": Case({}, {"normal.0.left_operation": "avg_pool_3x3"}, False),
        },
        {"repeats": 1, "channels": 4, "blocks": 2},
    ),
    "recurrent": Row(
        (6,),
        {
            "skip": Case({"cell.1.inputs": (0,)}, {"cell.1.inputs": (1,)}, False),
            "exchange": Case({"cell.0.from_0": "tanh"}, {"cell.0.from_0": "relu"}, False),
        },
        {"nodes": 2, "hidden": 8},
    ),
}
CELLS = [(name, operation) for name, row in TABLE.items() for operation in row.cases]


def architecture(space: Space, values: dict[str, Any]) -> Any:
    """The default architecture with some values, and whatever they make active."""
    wanted: dict[str, Any] = {**space.default, **values}
    return space.complete(lambda address, decision: wanted.get(address, decision.default()))


def disturb(network: nn.Module) -> None:
    """As if it had been trained: no statistic and no scale of a norm is what it was drawn as."""
    with torch.no_grad():
        for name, tensor in (*network.named_parameters(), *network.named_buffers()):
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2.0)
            elif tensor.is_floating_point() and tensor.dim() == 1:
                tensor.add_(0.3 * torch.randn_like(tensor))


def inputs(space: Space, name: str) -> Tensor:
    if name == "recurrent":
        return torch.randint(0, 5, (3, 6))
    return torch.randn(3, *TABLE[name].shape)


@pytest.mark.parametrize(("name", "operation"), CELLS)
def test_a_cell_is_exact_or_partial_as_the_table_says(name: str, operation: str) -> None:
    row = TABLE[name]
    case = row.cases[operation]
    space = make_space(name, row.shape, 5, **row.options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = inputs(space, name)
        parent = architecture(space, case.before)
        network = space.build(parent, example=x)
        disturb(network)
        child = architecture(space, case.after)
        assert child != parent
        made = morph(space, (parent, network.state_dict()), child, lambda net: net(x), x)
        assert made.is_exact is case.exact, made.change
        assert 0 < made.inherited <= 1
        if case.exact:
            other = inputs(space, name)
            with torch.no_grad():
                assert torch.allclose(made.network.eval()(other), network.eval()(other), atol=1e-5)


def test_the_page_shows_this_table() -> None:
    lines = re.findall(r"^\| `(\w+)` \|(.*)\|$", DOCS.read_text(), re.M)
    shown = {name: [cell.strip() for cell in cells.split("|")] for name, cells in lines if name in TABLE}
    wanted = {
        name: [
            ("exact" if row.cases[each].exact else "partial") if each in row.cases else "undefined"
            for each in OPERATIONS
        ]
        for name, row in TABLE.items()
    }
    assert shown == wanted
