"""The chain-structured spaces: sizes, addresses, and networks that are what the architecture says."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import nn

from archwright.errors import SpaceError
from archwright.spaces import Architecture, Space
from archwright.spaces.zoo import chain, conv1d
from archwright.spaces.zoo.blocks import Chain, ChainLayer, Conv1dNormAct, ConvNormAct, SeparableConv


def _size(depth: tuple[int, int], widths: int, kernels: int, pools: int, operations: int) -> int:
    """The number of architectures, from the space's description."""
    total = 0
    for layers in range(depth[0], depth[1] + 1):
        count = widths * kernels
        for i in range(1, layers):
            count *= widths * operations * 2 ** (i - 1)
        reached = min(pools, math.ceil(layers / 2))
        total += count * 2**reached
    return total


@pytest.mark.parametrize(
    ("space", "depth", "widths", "kernels", "pools"),
    [
        (chain((1, 8, 8), 10), (3, 5), 3, 2, 1),
        (chain((3, 28, 28), 10), (3, 6), 3, 2, 2),
        (chain((3, 32, 32), 10), (3, 8), 3, 2, 3),
        (chain((3, 224, 224), 10), (3, 8), 3, 2, 3),
        (chain((1, 4, 4), 10, depth=(1, 2), width=(4, 16, 4)), (1, 2), 4, 2, 0),
        (conv1d((1, 40), 10), (3, 8), 3, 3, 3),
        (conv1d((1, 40), 10, depth=(2, 3)), (2, 3), 3, 3, 1),
    ],
)
def test_size(space: Space, depth: tuple[int, int], widths: int, kernels: int, pools: int) -> None:
    small = "dilated" not in space.decisions["layers.1.operation"].describe()["labels"]
    assert space.size == _size(depth, widths, kernels, pools, operations=2 * kernels + (not small))


def test_small_images_have_no_dilated_layers() -> None:
    def operations(space: Space) -> list[str]:
        return list(space.decisions["layers.1.operation"].values())

    assert operations(chain((1, 15, 20), 10)) == operations(conv1d((3, 15), 10)) == ["conv", "separable"]
    assert (
        operations(chain((1, 16, 16), 10))
        == operations(conv1d((1, 40), 10))
        == ["conv", "separable", "dilated"]
    )


@pytest.mark.parametrize(
    "space", [chain((1, 8, 8), 10), conv1d((1, 12), 10), chain((3, 32, 32), 10, depth=(4, 4))]
)
def test_addresses(space: Space) -> None:
    patterns = [
        r"depth|layers\.0\.kernel_size|layers\.pool_[012]",
        r"layers\.\d\.(width|operation|skips|operation\.(conv|separable)\.kernel_size)",
    ]
    for address in space.decisions:
        assert re.fullmatch("|".join(patterns), address), address
    deepest = max(int(a.split(".")[1]) for a in space.decisions if a.endswith("width"))
    assert {f"layers.{i}.width" for i in range(deepest + 1)} <= space.decisions.keys()
    assert {f"layers.{i}.skips" for i in range(2, deepest + 1)} <= space.decisions.keys()


def _architecture(space: Space, **changes: object) -> Architecture:
    """The network described in the tests below, in a space over 8 x 8 images."""
    values = {
        "depth": 4,
        "layers.pool_0": 1,
        "layers.0.width": 16,
        "layers.0.kernel_size": 5,
        "layers.1.width": 24,
        "layers.1.operation": "conv",
        "layers.1.operation.conv.kernel_size": 3,
        "layers.2.width": 32,
        "layers.2.operation": "separable",
        "layers.2.operation.separable.kernel_size": 5,
        "layers.2.skips": (0,),
        "layers.3.width": 48,
        "layers.3.operation": "dilated",
        "layers.3.skips": (0, 1),
    }
    return space.architecture({**values, **changes})


THREE = ("conv", "separable", "dilated")


def test_a_network_is_what_its_architecture_says() -> None:
    space = chain((1, 8, 8), 10, operations=THREE)
    network = space.build(_architecture(space))
    row, pool, flatten, head = network
    assert isinstance(row, Chain)
    assert isinstance(pool, nn.AdaptiveAvgPool2d)
    assert isinstance(flatten, nn.Flatten)
    assert (head.in_features, head.out_features) == (48, 10)
    layers = list(row.layers)
    operations = [layer.operation for layer in layers]
    assert [type(operation) for operation in operations] == [
        ConvNormAct,
        ConvNormAct,
        SeparableConv,
        ConvNormAct,
    ]
    convolutions = [operation[0] for operation in operations]
    assert [c.in_channels for c in convolutions] == [1, 16, 16 + 24, 16 + 24 + 32]
    assert [c.kernel_size[0] for c in convolutions] == [5, 3, 5, 3]
    assert [c.dilation[0] for c in convolutions] == [1, 1, 1, 2]
    assert [layer.skips for layer in layers] == [(), (), (0,), (0, 1)]
    assert [layer.pool is not None for layer in layers] == [False, True, False, False]
    assert sum(p.numel() for p in network.parameters()) == (
        (1 * 16 * 25 + 2 * 16)
        + (16 * 24 * 9 + 2 * 24)
        + (40 * 25 + 40 * 32 + 2 * 32)
        + (72 * 48 * 9 + 2 * 48)
        + (48 * 10 + 10)
    )


def test_skips_are_wired_as_the_architecture_says() -> None:
    space = chain((1, 8, 8), 10, operations=THREE)
    network = space.build(_architecture(space)).eval()
    a, b, c, d = (layer.operation for layer in network[0].layers)
    x = torch.randn(2, 1, 8, 8)
    first = a(x)
    first, second = (nn.functional.max_pool2d(y, 2) for y in (first, b(first)))
    third = c(torch.cat([first, second], dim=1))
    fourth = d(torch.cat([first, second, third], dim=1))
    torch.testing.assert_close(network(x), network[3](fourth.mean(dim=(2, 3))))


def test_pooling_follows_its_decision() -> None:
    space = chain((1, 8, 8), 10, operations=THREE)
    changed = _architecture(space, **{"layers.pool_0": 0})
    network = space.build(changed).eval()
    sizes: list[tuple[int, ...]] = []
    for layer in network[0].layers:
        layer.operation.register_forward_hook(lambda _m, _i, output: sizes.append(tuple(output.shape[2:])))
    network(torch.randn(2, 1, 8, 8))
    assert sizes == [(8, 8), (4, 4), (4, 4), (4, 4)]


def test_a_pool_beyond_the_last_layer_leaves_it_out() -> None:
    space = chain((3, 28, 28), 10, depth=(3, 4))
    for value, pools in ((2, [0, 2]), (3, [0])):
        shallow = next(
            a
            for a in (space.sample(seed) for seed in range(200))
            if a["depth"] == 3 and a["layers.pool_0"] == 0 and a["layers.pool_1"] == value
        )
        layers = space.build(shallow)[0].layers
        assert [i for i, layer in enumerate(layers) if layer.pool is not None] == pools


def test_widths_double_with_the_poolings_up_to_four_times() -> None:
    def widths(space: Space) -> list[list[int]]:
        return [list(d.values()) for a, d in sorted(space.decisions.items()) if a.endswith("width")]

    assert widths(chain((1, 8, 8), 10)) == [[16, 24, 32]] * 2 + [[32, 48, 64]] * 3
    large = chain((3, 32, 32), 10, width=(10, 20, 5))
    assert widths(large) == [[10, 15, 20]] * 2 + [[20, 30, 40]] * 2 + [[40, 60, 80]] * 4


def test_large_images_and_long_sequences_are_reduced_first() -> None:
    assert chain((3, 224, 224), 10).build(chain((3, 224, 224), 10).sample(0))[0].layers[0].operation[
        0
    ].stride == (4, 4)
    image, sequence = chain((3, 60, 90), 2), conv1d((1, 2000), 2)
    assert image.build(image.sample(0))[0].layers[0].operation[0].stride == (2, 2)
    first = sequence.build(sequence.sample(0))[0].layers[0]
    assert isinstance(first, ChainLayer)
    assert isinstance(first.operation, Conv1dNormAct)
    assert first.operation[0].stride == (4,)


def test_most_digit_networks_are_small() -> None:
    space = chain((1, 8, 8), 10)
    sizes = [sum(p.numel() for p in space.build(space.sample(seed)).parameters()) for seed in range(100)]
    assert sum(size <= 60_000 for size in sizes) >= 60


def test_options_narrow_the_space() -> None:
    space = chain((1, 8, 8), 10, depth=(2, 2), operations=["conv"], kernel_sizes=[3], skips=False)
    assert not [address for address in space.decisions if address.endswith("skips")]
    assert space.size == 3**2 * 2


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"operations": ["conv", "seperable"]}, "Did you mean 'separable'"),
        ({"operations": "conv"}, r'write \["conv"\]'),
        ({"operations": []}, "at least one operation"),
        ({"kernel_sizes": [3, 4]}, "odd, got 4"),
        ({"kernel_sizes": []}, r"kernel_sizes to be \(size, \.\.\.\)"),
        ({"depth": (0, 3)}, r"depth to be \(fewest, most\), whole numbers >= 1"),
        ({"depth": (4, 3)}, "low <= high"),
        ({"depth": 4}, "got 4"),
        ({"width": (8, 20, 8)}, "multiple of step"),
        ({"width": (0, 8, 8)}, r"got \(0, 8, 8\)"),
        ({"width": (8, 16)}, r"\(smallest, largest, step\), whole numbers >= 1, got \(8, 16\)"),
    ],
)
def test_wrong_options_are_told(options: dict[str, object], text: str) -> None:
    with pytest.raises(SpaceError, match=text):
        chain((1, 8, 8), 10, **options)  # type: ignore[arg-type]


def test_other_inputs_are_refused() -> None:
    with pytest.raises(SpaceError, match=r"\(channels, height, width\), got \(40,\)"):
        chain((40,), 10)
    with pytest.raises(SpaceError, match=r"\(channels, length\), got \(1, 8, 8\)"):
        conv1d((1, 8, 8), 10)
    with pytest.raises(SpaceError, match="0 outputs"):
        chain((1, 8, 8), 0)
    with pytest.raises(SpaceError, match=r"\(1, -8, 8\)"):
        chain((1, -8, 8), 10)
