"""The space of perceptrons: size, addresses, and networks that are what the architecture says."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.zoo import mlp
from archwright.spaces.zoo.perceptrons import ACTIVATIONS, NORMALIZATIONS


def test_size() -> None:
    hidden = sum(4**depth * 2 ** (depth - 1) for depth in range(1, 5))
    assert mlp((30,), 2).size == hidden * 3 * 3 * 3
    plain = mlp((30,), 2, depth=(2, 3), widths=[8, 16], dropouts=[0.0], activations=["relu"], residual=False)
    assert plain.size == (2**2 + 2**3) * 3


def test_addresses() -> None:
    assert set(mlp((30,), 2, depth=(1, 3)).decisions) == {
        "depth",
        "layers.0.width",
        "layers.1.width",
        "layers.2.width",
        "layers.1.residual",
        "layers.2.residual",
        "layers.activation",
        "layers.normalization",
        "layers.dropout",
    }


def test_a_network_is_what_its_architecture_says() -> None:
    space = mlp((30,), 2)
    architecture = space.architecture(
        {
            "depth": 3,
            "layers.0.width": 64,
            "layers.1.width": 64,
            "layers.2.width": 128,
            "layers.1.residual": True,
            "layers.2.residual": False,
            "layers.activation": "gelu",
            "layers.normalization": "layer",
            "layers.dropout": 0.1,
        }
    )
    network = space.build(architecture)
    *hidden, head = network
    assert [type(module) for block in hidden for module in block.body] == [
        nn.Linear,
        nn.LayerNorm,
        nn.GELU,
        nn.Dropout,
    ] * 3
    assert [block.body[0].in_features for block in hidden] == [30, 64, 64]
    assert [block.body[0].out_features for block in hidden] == [64, 64, 128]
    assert [block.shortcut is not None for block in hidden] == [False, True, False]
    assert [block.body[3].p for block in hidden] == [0.1] * 3
    assert (head.in_features, head.out_features) == (128, 2)
    linear = (30 * 64 + 64) + (64 * 64 + 64) + (64 * 128 + 128) + (128 * 2 + 2)
    assert sum(p.numel() for p in network.parameters()) == linear + 2 * (64 + 64 + 128)


def test_images_are_flattened() -> None:
    space = mlp((1, 4, 5), 3)
    network = space.build(space.sample(0))
    assert isinstance(network[0], nn.Flatten)
    assert network[1].body[0].in_features == 20
    assert network(torch.randn(2, 1, 4, 5)).shape == (2, 3)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_every_activation_and_normalisation_is_built(activation: str, normalization: str) -> None:
    space = mlp((5,), 1, activations=[activation], normalizations=[normalization])
    network = space.build(space.sample(0))
    assert any(type(module) is ACTIVATIONS[activation] for module in network.modules())
    assert any(type(module) is NORMALIZATIONS[normalization] for module in network.modules())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"depth": (0, 2)}, r"depth to be \(fewest, most\), whole numbers >= 1, got \(0, 2\)"),
        ({"depth": (3, 2)}, "low <= high"),
        ({"widths": [16, 0]}, r"widths to be .*got \[16, 0\]"),
        ({"widths": [16, 16]}, "stands twice"),
        ({"activations": ["rellu"]}, "Did you mean 'relu'"),
        ({"normalizations": ["group"]}, "Known: batch, layer, none"),
        ({"dropouts": [0.0, 1.0]}, r"\[0, 1\), got 1.0"),
        ({"dropouts": []}, "at least one label"),
    ],
)
def test_wrong_options_are_told(options: dict[str, object], text: str) -> None:
    with pytest.raises(SpaceError, match=text):
        mlp((30,), 2, **options)  # type: ignore[arg-type]


def test_categories_are_embedded() -> None:
    space = mlp((3,), 2, cardinalities=(0, 4, 3), embeddings=(4, 8))
    assert list(space.decisions["embedding"].values()) == [4, 8]
    assert space.size == mlp((3,), 2).size * 2
    network = space.build(space.architecture({**space.sample(0), "embedding": 8}))
    assert network[1].body[0].in_features == 1 + 2 * 8
    assert network(torch.tensor([[0.5, 3.0, 2.0], [0.1, 0.0, 1.0]])).shape == (2, 2)
    with pytest.raises(
        SpaceError, match=r"one cardinality for each number of an input of shape \(3,\), got 2"
    ):
        mlp((3,), 2, cardinalities=(0, 4))
