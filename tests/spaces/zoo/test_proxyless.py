"""ProxylessNAS's block space: strides by size, depth by zeros."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from archwright.errors import SpaceError
from archwright.spaces import Space
from archwright.spaces.zoo import proxyless_space
from archwright.spaces.zoo.blocks import InvertedResidual
from archwright.testing import NetworkSpaceContract


def _small() -> Space:
    narrow = {"stem": 8, "first": 8, "widths": (8, 16, 16), "depths": (2, 1, 3), "last": 32}
    return proxyless_space((3, 9, 8), 4, strides=(1, 2, 2, 1), **narrow)  # type: ignore[arg-type]


class TestContract(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = _small
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(2, 3, 9, 8)
    outputs: ClassVar[tuple[int, ...]] = (2, 4)


def test_size_and_addresses() -> None:
    space = proxyless_space((3, 32, 32), 10)
    assert space.size == 6**6 * 7**15
    assert list(space.decisions) == [
        f"stages.{stage}.{block}" for stage in range(6) for block in range(4 if stage < 5 else 1)
    ]
    assert "zero" not in space.decisions["stages.0.0"].describe()["labels"]
    assert "zero" in space.decisions["stages.0.1"].describe()["labels"]


@pytest.mark.parametrize(
    ("side", "strides"),
    [
        (224, (2, 2, 2, 2, 1, 2, 1)),
        (128, (2, 2, 2, 2, 1, 2, 1)),
        (64, (1, 2, 2, 2, 1, 2, 1)),
        (32, (1, 1, 2, 2, 1, 2, 1)),
        (28, (1, 1, 1, 2, 1, 2, 1)),
        (8, (1, 1, 1, 1, 1, 2, 1)),
        (1, (1, 1, 1, 1, 1, 1, 1)),
    ],
)
def test_strides_by_size(side: int, strides: tuple[int, ...]) -> None:
    space = proxyless_space((3, side, side + 3), 10)
    values = {address: decision.describe()["labels"][0] for address, decision in space.decisions.items()}
    network = space.build(space.architecture(values))
    firsts = [0, *(2 + sum((4, 4, 4, 4, 4, 1)[:stage]) for stage in range(6))]
    found = []
    for place in firsts:
        convolutions = [module for module in network[place].modules() if isinstance(module, nn.Conv2d)]
        found.append(max(convolution.stride[0] for convolution in convolutions))
    assert tuple(found) == strides


def test_channels_are_rounded_to_eights() -> None:
    def channels(width: float) -> list[int]:
        space = proxyless_space((3, 32, 32), 10, width=width)
        network = space.build(space.sample(0))
        blocks = [network[place][0].out_channels for place in (0, -4)]
        for stage in range(6):
            first = network[2 + 4 * stage]
            assert isinstance(first, InvertedResidual)
            blocks.append(first.body[-1].num_features)
        return blocks

    assert channels(1.0) == [32, 1280, 24, 40, 80, 96, 192, 320]
    assert channels(1.35) == [40, 1728, 32, 56, 112, 128, 256, 432]
    assert channels(0.1) == [8, 1280, 8, 8, 8, 16, 24, 32]


def test_a_zero_leaves_its_input_as_it_is() -> None:
    space = _small()
    values = dict.fromkeys(space.decisions, "mbconv_k3_e3")
    whole = space.build(space.architecture(values)).eval()
    shorter = space.build(space.architecture({**values, "stages.2.1": "zero"})).eval()
    place = 2 + 2 + 1 + 1
    assert isinstance(shorter[place], nn.Identity)
    for position, module in enumerate(shorter):
        if position != place:
            module.load_state_dict(whole[position].state_dict())
    # A block whose branch gives zeros is one that is not there.
    nn.init.zeros_(whole[place].body[-1].weight)
    x = torch.randn(2, 3, 9, 8)
    torch.testing.assert_close(shorter(x), whole(x))


@pytest.mark.parametrize(("stride", "out_channels"), [(1, 6), (1, 4), (2, 6)])
@pytest.mark.parametrize("expansion", [1, 3])
def test_a_block_adds_its_input_where_shapes_agree(stride: int, out_channels: int, expansion: int) -> None:
    block = InvertedResidual(6, out_channels, 5, expansion, stride).eval()
    x = torch.randn(2, 6, 7, 8)
    plain = block.body(x)
    expected = x + plain if stride == 1 and out_channels == 6 else plain
    torch.testing.assert_close(block(x), expected)
    assert block(x).shape == (2, out_channels, -(-7 // stride), -(-8 // stride))
    assert len(block.body) == (3 if expansion == 1 else 4)


def test_a_network_learns() -> None:
    space = _small()
    network = space.build(space.sample(0))
    network(torch.randn(2, 3, 9, 8)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"kernel_sizes": (3, 4)}, "kernel_sizes that are odd, got 4"),
        ({"expansions": ()}, "expected expansions to be"),
        ({"depths": (4, 4)}, "expected depths to be"),
        ({"widths": (8, 8), "depths": (1, 1)}, "expected strides beside 2 widths"),
        ({"strides": (1, 2)}, "expected strides to be"),
        ({"width": 0}, "width > 0, got 0"),
        ({"last": 0}, r"expected \(stem, first, last\) to be"),
    ],
)
def test_wrong_options_are_told(options: dict[str, object], told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        proxyless_space((3, 32, 32), 10, **options)  # type: ignore[arg-type]
