"""EfficientNet and MnasNet: one space at several scales."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.errors import SpaceError
from archwright.export import print_source
from archwright.spaces.zoo import efficientnet_space, mnasnet_space, published
from archwright.spaces.zoo.blocks import DropPath, MobileBlock, MobileStage
from archwright.supernets import Supernet


def test_every_b_is_b0_at_another_scale() -> None:
    space, architecture = published("efficientnet_b0", (3, 32, 32), 10)
    assert architecture == space.default
    b2, same = published("efficientnet_b2", (3, 32, 32), 10)
    assert space.scale(width=1.1, depth=1.2, dropout=0.3).digest == b2.digest
    assert same == architecture


def test_sizes() -> None:
    # Of each stage 2 kernels, 3 expansions, 2 gates and 3 depths, 2 where a stage has one block. Of the narrower
    # widths the first two stages' 12 and 18 channels are rounded to the 16 and 24 that are there.
    for make in (efficientnet_space, mnasnet_space):
        assert make((3, 32, 32), 10).size == 12**7 * (3**5 * 2**2) * (2**2 * 3**5)


@pytest.mark.parametrize("side", [4, 9, 32])
def test_small_images_leave_four_pixels(side: int) -> None:
    space = mnasnet_space((1, side, side), 3)
    network = space.build(space.default).eval()
    assert isinstance(network, nn.Sequential)
    features = [module for module in network if isinstance(module, MobileStage)]
    x = network[0](torch.randn(2, 1, side, side))
    for stage in features:
        x = stage(x)
    assert min(x.shape[2:]) == {4: 4, 9: 5, 32: 4}[side]
    assert network(torch.randn(2, 1, side, side)).shape == (2, 3)


def test_blocks_are_dropped_linearly_in_their_position() -> None:
    space = efficientnet_space((1, 8, 8), 3, drop_path=0.2)
    assert space.default == efficientnet_space((1, 8, 8), 3).default
    for depths in ((1, 2, 2, 3, 3, 4, 1), (2, 1, 3, 2, 4, 3, 2)):
        values = {f"stages.{i}.depth": count for i, count in enumerate(depths)}
        network = space.build(space.architecture({**space.default, **values}))
        blocks = [module for module in network.modules() if isinstance(module, MobileBlock)]
        assert len(blocks) == sum(depths)
        for position, block in enumerate(blocks):
            drops = [module.probability for module in block.modules() if isinstance(module, DropPath)]
            wanted = 0.2 * position / len(blocks)
            assert drops == ([pytest.approx(wanted)] if block.adds_input and position else [])
    x = torch.randn(4, 1, 8, 8)
    supernet = Supernet(space, x)
    for seed in range(3):
        with supernet.on(space.sample(seed)):
            assert supernet(x).shape == (4, 3)
    assert "class DropPath" in print_source(space, space.default, ((x,), {}))


def test_odd_options_are_refused() -> None:
    for options in (
        {"width": 0},
        {"depth": -1.0},
        {"dropout": 1.0},
        {"drop_path": 1.0},
        {"widths": (8, 8)},
        {"depths": (0,) * 7},
    ):
        with pytest.raises(SpaceError, match="efficientnet"):
            efficientnet_space((3, 32, 32), 10, **options)
