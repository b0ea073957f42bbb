"""Normalisation-activation layers as graphs: published ones, what is rejected, and exhaustive scoring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from archwright.errors import SpaceError, UsageError
from archwright.export.source import print_source
from archwright.primitives import (
    EVONORMS,
    GRAPH_PRIMITIVES,
    NormActivation,
    RejectionTests,
    graph_formula,
    graph_formulas,
    normalisation_space,
)
from archwright.spaces import Space
from archwright.tasks import make_task
from archwright.testing import NetworkSpaceContract


class TestContract(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = lambda: normalisation_space(
        (1, 8, 8),
        3,
        channels=2,
        nodes=2,
        primitives=["add", "sigmoid", "std_instance"],
    )
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(2, 1, 8, 8)
    outputs: ClassVar[tuple[int, ...]] = (2, 3)


X = torch.randn(6, 8, 5, 5, generator=torch.Generator().manual_seed(0))


def _layer(name: str) -> nn.Module:
    searched = NormActivation()
    return searched.build(searched.architecture(EVONORMS[name]), 8)


def test_evonorm_s0_is_its_formula_and_a_member() -> None:
    layer = _layer("s0")
    with torch.no_grad():
        layer.v1.copy_(torch.linspace(0.5, 2.0, 8))  # type: ignore[operator]
    x = X.numpy().astype(np.float64)
    grouped = x.reshape(6, 8, 1, 5, 5)  # as many groups as channels, of which there are fewer than 32
    deviation = np.sqrt(grouped.var((2, 3, 4), keepdims=True) + 1e-5).reshape(6, 8, 1, 1)
    v1 = np.linspace(0.5, 2.0, 8).reshape(1, 8, 1, 1)
    expected = x / (1 + np.exp(-v1 * x)) / deviation
    np.testing.assert_allclose(layer(X).detach().numpy(), expected, rtol=1e-4, atol=1e-5)
    searched = NormActivation()
    assert searched.architecture(EVONORMS["s0"]) in normalisation_space((1, 8, 8), 10)


def test_evonorm_b0_is_its_formula_in_training() -> None:
    x = X.numpy().astype(np.float64)
    batch = np.sqrt(x.var((0, 2, 3), keepdims=True) + 1e-5)
    instance = np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)
    expected = x / np.maximum(batch, x + instance)
    np.testing.assert_allclose(_layer("b0")(X).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_batch_norm_with_relu_is_torch_s_in_training_and_evaluation() -> None:
    layer, norm = _layer("batch_norm_relu"), nn.BatchNorm2d(8)
    for _ in range(3):
        torch.testing.assert_close(layer(X * 2 + 1), norm(X * 2 + 1).relu(), rtol=1e-4, atol=1e-4)
    # Ours keeps the population's variance, torch's the sample's: 150 against 149 numbers.
    torch.testing.assert_close(layer.eval()(X), norm.eval()(X).relu(), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    ("graph", "finite", "varies"),
    [
        ([("divide", 0, 1)], False, True),
        ([("exp", 0)], False, True),
        ([("sigmoid", 3)], True, False),
        ([("tanh", 0)], True, True),
    ],
)
def test_what_cannot_be_trained_is_rejected(graph: Any, finite: bool, varies: bool) -> None:
    searched = NormActivation(nodes=1)
    profile = searched.profile(searched.architecture(graph))
    assert profile.finite == finite
    assert profile.varies == varies or not finite


def test_graphs_that_compute_the_same_are_one_and_dead_nodes_are_not_computed() -> None:
    searched = NormActivation(nodes=3)
    tanh = searched.architecture([("tanh", 0)])
    same = searched.architecture([("exp", 0), ("add", 0, 1), ("tanh", 5)])
    other = searched.architecture([("tanh", 0), ("multiply", 4, 3), ("add", 5, 1)])
    assert searched.canonicalize(tanh) == searched.canonicalize(same) != searched.canonicalize(other)
    assert list(searched.build(same).inputs) == [5, 6]  # type: ignore[arg-type]


def test_exhaustive_scoring_of_a_small_space_finds_evonorm_s0_again() -> None:
    searched = NormActivation(
        nodes=5,
        primitives=["multiply", "sigmoid", "tanh", "std_group", "std_instance", "divide"],
    )
    planted = searched.architecture(EVONORMS["s0"])
    # The second node and the fourth may be any primitive, of any second operand; the rest is held.
    free = {"normalisation.5.primitive", "normalisation.7.primitive"}
    held = {address: value for address, value in planted.items() if address not in free}
    whole = Space(searched.layer(64), constraints=searched.constraints, canonicalize=searched.canonicalize)
    space = whole.fix(held)
    random = torch.Generator().manual_seed(1)
    x = torch.randn(12, 64, 5, 5, generator=random) * torch.linspace(0.2, 3.0, 64).view(1, -1, 1, 1)
    readout = torch.randn(64, generator=random)
    rows = 12 * 25

    def features(architecture: Any) -> Tensor:
        with torch.no_grad():
            layer = space.build(architecture)
            layer.v1.copy_(torch.linspace(0.5, 2.0, 64))  # type: ignore[operator]
            return layer(x).movedim(1, -1).reshape(rows, 64).double()

    with torch.no_grad():
        target = features(space.architecture(planted)) @ readout.double()
    half = rows // 2
    scores = {}
    for architecture in space:
        inputs = features(architecture)
        found = torch.linalg.lstsq(inputs[:half], target[:half, None]).solution
        scores[architecture] = float((inputs[half:] @ found - target[half:, None]).square().mean())
    best = min(scores, key=lambda one: scores[one])
    assert len(scores) > 50
    assert space.canonical(best) == space.canonical(planted)
    assert scores[best] < 1e-3 * min(score for one, score in scores.items() if one != best)


def test_a_layer_has_a_simplified_formula() -> None:
    searched = NormActivation()
    architecture = searched.architecture(EVONORMS["s0"])
    assert graph_formula(_layer("s0")) == "beta + gamma*x*sigmoid(v1*x)/std_group(x)"
    assert graph_formula(_layer("b0")) == "beta + gamma*x/Max(v1*x + std_instance(x), std_batch(x))"
    space = normalisation_space((1, 8, 8), 10, channels=4)
    assert graph_formulas(space, architecture) == ["beta + gamma*x*sigmoid(v1*x)/std_group(x)"]


def test_the_layer_stands_in_a_network_s_source() -> None:
    space = normalisation_space((1, 8, 8), 3, channels=2, blocks=1)
    architecture = NormActivation().architecture(EVONORMS["s0"])
    network = space.build(architecture, torch.randn(2, 1, 8, 8))
    made: dict[str, Any] = {"__name__": "model", "__file__": "model.py"}
    exec(print_source(space, architecture, torch.randn(2, 1, 8, 8)), made)
    printed = made["build"]()
    printed.load_state_dict(network.state_dict())
    x = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(printed.eval()(x), network.eval()(x))


def test_rejection_tests_tell_what_learns_from_what_does_not() -> None:
    task = make_task("digits")
    space = normalisation_space((1, 8, 8), 10, channels=4, nodes=5)
    tests = RejectionTests(space, task, steps=20)
    searched = NormActivation(nodes=5)
    s0 = searched.architecture(EVONORMS["s0"])
    assert tests.reason(s0) is None
    assert tests.accept(s0)
    # The sigmoid of a batch's mean is the same for all examples: nothing can be told apart.
    same = searched.architecture([("mean_batch", 0), ("sigmoid", 4)])
    assert tests.reason(same) == "quality"
    unstable = RejectionTests(space, task, steps=20, largest=tests.gradient_norm(s0))
    assert unstable.reason(s0) == "stability"


def test_wrong_options_are_told() -> None:
    with pytest.raises(SpaceError, match=r"no primitive 'sigmoyd'.*Did you mean 'sigmoid'"):
        normalisation_space((1, 8, 8), 10, primitives=["sigmoyd"])
    with pytest.raises(SpaceError, match="has no family 'perceptron'"):
        normalisation_space((1, 8, 8), 10, family="perceptron")
    with pytest.raises(SpaceError, match="at most 1 nodes, got 5"):
        NormActivation(nodes=1).architecture(EVONORMS["s0"])
    with pytest.raises(UsageError, match="judged by accuracy"):
        RejectionTests(normalisation_space((1, 8, 8), 10), make_task("diabetes"))
    assert len(GRAPH_PRIMITIVES) == 21
