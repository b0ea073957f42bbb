"""Formulas and printed modules against the searched form."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from archwright.errors import UsageError
from archwright.export.source import print_source
from archwright.primitives import (
    PointwiseFunction,
    activation_space,
    formula_of,
    formulas_in,
    functions_script,
    untrained_functions_script,
)
from archwright.spaces import Architecture

_DEEP = PointwiseFunction(functions="all", depth=2, edge_scales=True, standardized=True)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=12, deadline=None)
def test_the_printed_module_computes_what_was_searched(seed: int) -> None:
    architecture = _DEEP.space.sample(seed)
    profile = _DEEP.profile(architecture)
    if not (profile.finite and profile.varies):
        return
    module, random = _DEEP.build(architecture, 3).double(), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=random))
        x = torch.randn(30, 3, 2, generator=random, dtype=torch.float64)
        searched, printed = module(x), formula_of(module).module()(x)
    known = torch.isfinite(searched)
    torch.testing.assert_close(printed[known], searched[known], rtol=1e-6, atol=1e-6)


def _swish(first: str = "scale") -> Architecture:
    return Architecture(
        {"activation.binary": "gate", "activation.unary_1": first, "activation.unary_2": "identity"}
    )


def test_a_formula_is_simplified_and_in_one_order() -> None:
    function = PointwiseFunction(functions="all")

    def text(binary: str, first: str, second: str) -> str:
        names = ("activation.binary", "activation.unary_1", "activation.unary_2")
        return str(
            formula_of(function.build(Architecture(dict(zip(names, (binary, first, second), strict=True)))))
        )

    assert text("gate", "identity", "identity") == text("multiply", "sigmoid", "identity") == "x*sigmoid(x)"
    assert text("gate", "scale", "identity") == "x*sigmoid(b1*x)"
    assert text("add", "tanh", "zero") == text("multiply", "one", "tanh") == "tanh(x)"
    assert text("add", "tanh", "erf") == text("add", "erf", "tanh") == "tanh(x) + erf(x)"
    assert formula_of(function.build(_swish())).latex().count("b_{1}") == 1


def test_what_is_no_unit_has_no_formula() -> None:
    with pytest.raises(UsageError, match="expected a module made of units, got a Linear"):
        formula_of(nn.Linear(2, 2))


def test_a_network_has_each_function_once_as_a_file(tmp_path: Path) -> None:
    space = activation_space((1, 8, 8), 3, channels=2)
    architecture = space.architecture(_swish())
    network = space.build(architecture, torch.randn(2, 1, 8, 8))
    found = formulas_in(network)
    assert len(found) == 5
    assert {str(one) for one in found.values()} == {"x*sigmoid(b1*x)"}
    text = functions_script(network)
    assert text == untrained_functions_script(space, architecture)
    assert text.count("class ") == 1
    (tmp_path / "functions.py").write_text(text)
    module = runpy.run_path(str(tmp_path / "functions.py"))["Activation"](channels=4)
    x = torch.randn(2, 4, 3)
    torch.testing.assert_close(module(x), nn.functional.silu(x))
    assert [tuple(one.shape) for one in module.parameters()] == [(4,)]
    assert functions_script(nn.Linear(2, 2)) == ""


def test_the_function_stands_in_a_network_s_source() -> None:
    space = activation_space((4,), 2, channels=3, functions="all")
    architecture = space.architecture(_swish())
    text = print_source(space, architecture, torch.randn(2, 4))
    assert "archwright" not in text.replace("Archwright", "")
    assert "CoreUnit(Pairwise(gated), ChannelScale(3), nn.Identity())" in text
    made: dict[str, Any] = {"__name__": "model", "__file__": "model.py"}
    exec(text, made)
    printed, network = made["build"](), space.build(architecture)
    printed.load_state_dict(network.state_dict())
    x = torch.randn(5, 4)
    torch.testing.assert_close(printed.eval()(x), network.eval()(x))
