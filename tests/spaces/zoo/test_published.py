"""Networks of papers, to the last parameter."""

from __future__ import annotations

import pytest
import torch

from archwright.errors import SpaceError
from archwright.spaces.zoo import PUBLISHED, published

# As torchvision counts them; MnasNet-A1 as timm's semnasnet_100; those of ProxylessNAS as counted in what the authors
# released, by the image classification zoo of O. Semery.
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
    "mobilenet_v2": 3_504_872,
    "mobilenet_v3_large": 5_483_032,
    "mobilenet_v3_small": 2_542_856,
    "proxyless_cpu": 4_361_648,
    "proxyless_gpu": 7_119_848,
    "proxyless_mobile": 4_080_512,
    "proxyless_mobile_14": 6_857_568,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_they_have_the_published_parameters(name: str) -> None:
    space, architecture = published(name)
    assert architecture in space
    with torch.device("meta"):
        network = space.build(architecture)
    assert sum(parameter.numel() for parameter in network.parameters()) == _PARAMETERS[name]


@pytest.mark.parametrize("name", [name for name in PUBLISHED if not name.startswith("efficientnet_b")])
def test_they_run_on_other_images(name: str) -> None:
    space, architecture = published(name, (1, 8, 8), 3)
    assert space.build(architecture).eval()(torch.randn(2, 1, 8, 8)).shape == (2, 3)


def test_an_unknown_network_is_told() -> None:
    with pytest.raises(SpaceError, match=r"no published network 'efficientnet_b8'\. Did you mean"):
        published("efficientnet_b8")
