"""The space of activation functions: what is a member, what is rejected, and what is found again."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from archwright.errors import SpaceError
from archwright.primitives import PointwiseFunction, activation_space, profile_of
from archwright.spaces import Architecture, Space, layer
from archwright.testing import NetworkSpaceContract


class TestPerceptron(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = lambda: activation_space((5,), 3, channels=4)
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(2, 5)
    outputs: ClassVar[tuple[int, ...]] = (2, 3)


class TestNested(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = lambda: activation_space(
        (1, 8, 8),
        3,
        channels=2,
        depth=2,
        standardized=True,
        unary=["identity", "scale", "sigmoid"],
        binary=["multiply"],
    )
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(2, 1, 8, 8)
    outputs: ClassVar[tuple[int, ...]] = (2, 3)


def _architecture(binary: str, first: str, second: str) -> Architecture:
    return Architecture(
        {"activation.binary": binary, "activation.unary_1": first, "activation.unary_2": second}
    )


@pytest.mark.parametrize(
    ("architecture", "known"),
    [
        (_architecture("multiply", "identity", "sigmoid"), nn.functional.silu),
        (_architecture("gate", "scale", "identity"), nn.functional.silu),
        (_architecture("multiply", "normal_cdf", "identity"), nn.functional.gelu),
        (_architecture("maximum", "identity", "zero"), nn.functional.relu),
        (_architecture("multiply", "erf", "softplus"), lambda x: torch.erf(x) * nn.functional.softplus(x)),
    ],
)
def test_published_functions_are_members(
    architecture: Architecture, known: Callable[[Tensor], Tensor]
) -> None:
    space = activation_space((4,), 2, functions="all")
    assert architecture in space
    x = torch.randn(20, 1)
    module = PointwiseFunction(functions="all").build(architecture)
    torch.testing.assert_close(module(x), known(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("unary", "finite", "varies"),
    [
        ("exp", False, True),
        ("sqrt", False, True),
        ("reciprocal", False, True),
        ("one", True, False),
        ("constant", True, False),
        ("tanh", True, True),
        ("log_abs", True, True),
    ],
)
def test_what_cannot_be_trained_is_rejected(unary: str, finite: bool, varies: bool) -> None:
    function = PointwiseFunction(functions="all")
    architecture = _architecture("maximum", unary, unary)
    profile = function.profile(architecture)
    assert (profile.finite, profile.varies) == (finite, varies)
    assert (architecture in activation_space((4,), 2, functions="all")) == (finite and varies)


def test_a_slope_that_is_not_finite_is_rejected() -> None:
    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.abs().sqrt()

    assert not profile_of(Root()).finite


def test_two_spellings_are_one_function_and_what_is_learned_tells_functions_apart() -> None:
    canonical = PointwiseFunction(functions="all").canonicalize
    swish = canonical(_architecture("multiply", "identity", "sigmoid"))
    assert canonical(_architecture("gate", "identity", "identity")) == swish
    assert canonical(_architecture("maximum", "swish", "swish")) == swish
    assert canonical(_architecture("multiply", "sigmoid", "identity")) == swish
    assert canonical(_architecture("multiply", "scale", "sigmoid")) != swish
    assert canonical(_architecture("gate", "scale", "identity")) != canonical(
        _architecture("gate", "identity", "scale")
    )


def test_the_size_is_the_number_of_distinct_functions() -> None:
    space = activation_space(
        (4,), 2, unary=["identity", "sigmoid", "negative"], binary=["multiply", "maximum"]
    )
    assert space.size_bound == 18
    # x², xσ(x), -x²; σ(x)²; -xσ(x); max(x, σ), x, max(x, -x), σ, max(σ, -x), -x: eleven by hand.
    assert space.size == 11


def test_one_function_serves_all_places_of_one_s_own_network() -> None:
    function = PointwiseFunction(unary=["identity", "scale"], binary=["multiply"])
    hidden = [layer(nn.Linear, 3, 4), function.layer(4), layer(nn.Linear, 4, 5), function.layer(5)]
    space = Space(
        layer(nn.Sequential, *hidden), constraints=function.constraints, canonicalize=function.canonicalize
    )
    assert set(space.decisions) == {"activation.binary", "activation.unary_1", "activation.unary_2"}
    network = space.build(space.architecture(_architecture("multiply", "scale", "identity")))
    assert [tuple(p.shape) for n, p in network.named_parameters() if n.endswith("value")] == [(4,), (5,)]


def _score(function: PointwiseFunction, architecture: Architecture, target: Tensor, x: Tensor) -> float:
    """Error of the best linear readout of 40 random hidden units with this function."""
    weights = torch.randn(6, 40, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        hidden = function.build(architecture).double()(x @ weights)
        learned, judged = slice(0, 200), slice(200, None)
        readout = torch.linalg.lstsq(hidden[learned], target[learned]).solution
        return float((hidden[judged] @ readout - target[judged]).square().mean())


@pytest.mark.parametrize(
    ("second", "known"), [("sigmoid", nn.functional.silu), ("normal_cdf", nn.functional.gelu)]
)
def test_exhaustive_scoring_of_a_small_space_finds_a_planted_function_again(
    second: str, known: Callable[[Tensor], Tensor]
) -> None:
    unary = ["identity", "sigmoid", "normal_cdf", "tanh", "relu", "erf", "softplus", "square"]
    function = PointwiseFunction(unary=unary, binary=["add", "multiply", "maximum"])
    space = Space(function.layer(), constraints=function.constraints, canonicalize=function.canonicalize)
    random = torch.Generator().manual_seed(1)
    weights = torch.randn(6, 40, generator=random, dtype=torch.float64)
    x = torch.randn(400, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    readout = torch.randn(40, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    target = known(x @ weights) @ readout
    scores = {one: _score(function, one, target, x) for one in space}
    best = min(scores, key=lambda one: scores[one])
    assert space.canonical(best) == space.canonical(_architecture("multiply", "identity", second))
    others = [score for one, score in scores.items() if one != best]
    assert scores[best] < 1e-3 * min(others)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"functions": "swish"}, "no set of functions 'swish'"),
        ({"unary": ["sigmoyd"]}, "no unary function 'sigmoyd'.*Did you mean 'sigmoid'"),
        ({"depth": 0}, "expected depth"),
        ({"family": "plain"}, "is for images"),
    ],
)
def test_wrong_options_are_told(options: dict[str, object], told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        activation_space((5,), 2, **options)  # type: ignore[arg-type]
