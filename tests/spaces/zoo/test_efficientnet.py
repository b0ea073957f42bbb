"""EfficientNet and MnasNet: published networks to the last parameter, by one space at several scales."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.zoo import efficientnet_space, mnasnet_space
from archwright.spaces.zoo.blocks import MobileStage
from archwright.spaces.zoo.efficientnet import PUBLISHED, published

# B0 to B7 and MnasNet-B1 as torchvision counts them, MnasNet-A1 as timm's semnasnet_100.
_PARAMETERS = {
    "efficientnet_b0": 5_288_548,
    "efficientnet_b1": 7_794_184,
    "efficientnet_b2": 9_109_994,
    "efficientnet_b3": 12_233_232,
    "efficientnet_b4": 19_341_616,
    "efficientnet_b5": 30_389_784,
    "efficientnet_b6": 43_040_704,
    "efficientnet_b7": 66_347_960,
    "mnasnet_a1": 3_887_038,
    "mnasnet_b1": 4_383_312,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks(name: str) -> None:
    space, architecture = published(name)
    with torch.device("meta"):
        network = space.build(architecture)
    assert sum(parameter.numel() for parameter in network.parameters()) == _PARAMETERS[name]


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


def test_odd_options_are_refused() -> None:
    for options in (
        {"width": 0},
        {"depth": -1.0},
        {"dropout": 1.0},
        {"widths": (8, 8)},
        {"depths": (0,) * 7},
    ):
        with pytest.raises(SpaceError, match="efficientnet"):
            efficientnet_space((3, 32, 32), 10, **options)
    with pytest.raises(SpaceError, match="efficientnet_b7"):
        published("efficientnet_b8")
