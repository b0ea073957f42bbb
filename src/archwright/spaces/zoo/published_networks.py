"""Networks for images that papers published, each an architecture of one of the zoo's spaces."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.architecture import Architecture
from archwright.spaces.space import Space
from archwright.spaces.zoo.registry import make_space

__all__ = ["PUBLISHED", "PublishedNetwork", "published"]


@dataclass(frozen=True, slots=True)
class PublishedNetwork:
    """A network of a paper.

    Args:
        space: The name of its space.
        side: Of the square image it is for, in pixels.
        options: Of the space.
        values: What it decides otherwise than the space's default.
    """

    space: str
    side: int = 224
    options: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


def _efficientnet(side: int, width: float, depth: float, dropout: float) -> PublishedNetwork:
    return PublishedNetwork("efficientnet", side, {"width": width, "depth": depth, "dropout": dropout})


def _mobilenet_v3(size: str, expansions: tuple[float, ...]) -> PublishedNetwork:
    options = {"size": size, "kernel_sizes": (3, 5), "expansions": expansions, "bias": True, "dropout": 0.2}
    return PublishedNetwork("mobilenet_v3", 224, options)


def _blocks(text: str, options: Mapping[str, Any]) -> PublishedNetwork:
    """A network of the space `proxyless` from the blocks of each stage, such as "k5e3", or "zero"."""
    values = {
        f"stages.{stage}.{block}": re.sub(r"k(\d)e(\d)", r"mbconv_k\1_e\2", label)
        for stage, written in enumerate(text.split(", "))
        for block, label in enumerate(written.split())
    }
    return PublishedNetwork("proxyless", 224, options, values)


_FIRST = "k5e3 k3e3 zero zero, k7e3 k3e3 k5e3 k5e3, k7e6 k5e3 k5e3 k5e3"
_PROXYLESS_MOBILE = f"{_FIRST}, k5e6 k5e3 k5e3 k5e3, k7e6 k7e6 k7e3 k7e3, k7e6"
_MNASNET_B1 = {f"stages.{i}.kernel_size": side for i, side in enumerate((3, 3, 5, 5, 3, 5, 3))}
_MNASNET_B1 |= {f"stages.{i}.expansion": times for i, times in enumerate((1, 3, 3, 6, 6, 6, 6))}

PUBLISHED: dict[str, PublishedNetwork] = {
    "efficientnet_b0": _efficientnet(224, 1.0, 1.0, 0.2),
    "efficientnet_b1": _efficientnet(240, 1.0, 1.1, 0.2),
    "efficientnet_b2": _efficientnet(260, 1.1, 1.2, 0.3),
    "efficientnet_b3": _efficientnet(300, 1.2, 1.4, 0.3),
    "efficientnet_b4": _efficientnet(380, 1.4, 1.8, 0.4),
    "efficientnet_b5": _efficientnet(456, 1.6, 2.2, 0.4),
    "efficientnet_b6": _efficientnet(528, 1.8, 2.6, 0.5),
    "efficientnet_b7": _efficientnet(600, 2.0, 3.1, 0.5),
    "mnasnet_a1": PublishedNetwork("mnasnet"),
    "mnasnet_b1": PublishedNetwork(
        "mnasnet",
        224,
        {"widths": (16, 24, 40, 80, 96, 192, 320), "depths": (1, 3, 3, 3, 2, 4, 1)},
        {**_MNASNET_B1, **{f"stages.{i}.squeeze": 0.0 for i in range(7)}},
    ),
    "mobilenet_v2": _blocks(
        "k3e6 k3e6, k3e6 k3e6 k3e6, k3e6 k3e6 k3e6 k3e6, k3e6 k3e6 k3e6, k3e6 k3e6 k3e6, k3e6",
        {"widths": (24, 32, 64, 96, 160, 320), "depths": (2, 3, 4, 3, 3, 1)},
    ),
    "mobilenet_v3_large": _mobilenet_v3("large", (2.3, 2.5, 3, 4, 6)),
    "mobilenet_v3_small": _mobilenet_v3("small", (3, 88 / 24, 4, 4.5, 6)),
    "proxyless_mobile": _blocks(_PROXYLESS_MOBILE, {"widths": (32, 40, 80, 96, 192, 320)}),
    "proxyless_mobile_14": _blocks(
        _PROXYLESS_MOBILE,
        {"stem": 48, "first": 24, "widths": (40, 56, 112, 136, 256, 448), "last": 1792},
    ),
    "proxyless_gpu": _blocks(
        "k5e3 zero zero zero, k7e3 zero zero k3e3, k7e6 zero zero k5e3, k5e6 zero k3e3 k5e3, k7e6 k7e6 k7e6 k5e6, k7e6",
        {"stem": 40, "first": 24, "widths": (32, 56, 112, 128, 256, 432), "last": 1728},
    ),
    "proxyless_cpu": _blocks(
        "k3e6 k3e3 k3e3 k3e3, k3e6 k3e3 k3e3 k5e3, k3e6 zero zero k3e3, k5e6 k3e3 k3e3 k3e3, k5e6 k5e3 k5e3 k3e3, k5e6",
        {"stem": 40, "first": 24, "widths": (32, 48, 88, 104, 216, 360), "last": 1432},
    ),
}
"""EfficientNet (Tan & Le 2019, arXiv:1905.11946), MnasNet (Tan et al. 2019, arXiv:1807.11626), MobileNetV2 (Sandler et
al. 2018, arXiv:1801.04381), MobileNetV3 (Howard et al. 2019, arXiv:1905.02244) and ProxylessNAS (Cai et al. 2019,
arXiv:1812.00332), with the channels of the published code.

The scales of EfficientNet-B0 to B7 are those of their paper's table, which no formula gives beyond B4.
"""


def published(
    name: str, input_shape: Sequence[int] | None = None, outputs: int = 1000
) -> tuple[Space, Architecture]:
    """A network of a paper, and the space in which it is an architecture.

    Args:
        name: A key of `PUBLISHED`.
        input_shape: Shape of one image: (channels, height, width); None means colour images of the published side.
        outputs: Number of numbers the network gives for one image.

    Raises:
        SpaceError: When the name is unknown, or the shape is not that of an image.

    Example:
        >>> space, architecture = published("efficientnet_b0")
        >>> sum(parameter.numel() for parameter in space.build(architecture).parameters())
        5288548
    """
    if name not in PUBLISHED:
        raise SpaceError(f"there is no published network {name!r}.{did_you_mean(name, PUBLISHED)}")
    found = PUBLISHED[name]
    space = make_space(found.space, input_shape or (3, found.side, found.side), outputs, **found.options)
    return space, space.architecture({**space.default, **found.values})
