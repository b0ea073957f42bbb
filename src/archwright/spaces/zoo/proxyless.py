"""The block space of ProxylessNAS (Cai et al. 2019, arXiv:1812.00332): MobileNetV2 with decided blocks."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.decisions import categorical
from archwright.spaces.nodes import DeferredCall, layer, switch
from archwright.spaces.scale import scalable
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import ConvNormReLU6, InvertedResidual
from archwright.spaces.zoo.parts import pooled_head
from archwright.spaces.zoo.shapes import (
    check_kernels,
    check_numbers,
    check_shape,
    fitting_strides,
    rounded_channels,
)

__all__ = ["proxyless_space"]

_STRIDES = (2, 2, 2, 2, 1, 2, 1)
_LAST = 1280


@scalable
def proxyless_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    kernel_sizes: Sequence[int] = (3, 5, 7),
    expansions: Sequence[int] = (3, 6),
    stem: int = 32,
    first: int = 16,
    widths: Sequence[int] = (24, 40, 80, 96, 192, 320),
    depths: Sequence[int] = (4, 4, 4, 4, 4, 1),
    last: int = _LAST,
    width: float = 1.0,
    strides: Sequence[int] | None = None,
) -> Space:
    """The space of ProxylessNAS (Cai et al. 2019, arXiv:1812.00332): a MobileNetV2 in which every block is decided.

    A 3x3 convolution, a block without widening, six stages of inverted residual blocks (Sandler et al. 2018,
    arXiv:1801.04381), a 1x1 convolution, a global average and a linear layer; all activations are ReLU6. A block's
    label tells its depthwise kernel and how many times it widens: `mbconv_k5_e6`. Those that keep the shape, all but
    the first of a stage, may be `zero` and leave their input as it is. With the defaults there are 6^6 * 7^15 networks.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        kernel_sizes: Sides of the depthwise kernels in pixels, odd.
        expansions: How many times the depthwise convolution is wider than the block's input.
        stem: Channels of the first convolution.
        first: Channels of the block that is not decided.
        widths: Channels of each stage.
        depths: Most blocks of each stage.
        last: Channels of the last convolution.
        width: Multiplies all channels, which are rounded to multiples of 8 then; `last` only where it is more than 1.
        strides: Of the stem and of the first block of each stage, in pixels. None means the published 2, 2, 2, 2, 1,
            2, 1, for images of 128 pixels and more; for smaller ones as many of the 2s, from the last, as leave a
            side of at least 4 pixels: 1, 1, 2, 2, 1, 2, 1 for CIFAR's 32.

    Returns:
        The space, with the addresses `stages.STAGE.BLOCK`, both from 0.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is out of range.
    """
    shape = check_shape("proxyless", input_shape, outputs, [3])
    sides = check_kernels("proxyless", kernel_sizes)
    ratios = check_numbers("proxyless", "expansions", expansions, ["ratio", "..."])
    stages = check_numbers("proxyless", "widths", widths, ["channels of a stage", "..."])
    blocks = check_numbers("proxyless", "depths", depths, ["blocks of a stage"] * len(stages))
    check_numbers("proxyless", "(stem, first, last)", (stem, first, last), ["channels"] * 3)
    steps = _checked_strides(strides, len(stages), min(shape[1:]))
    start, *channels = rounded_channels("proxyless", (stem, first, *stages), width)
    (end,) = rounded_channels("proxyless", [last], width) if width > 1 else [last]
    network = layer(
        nn.Sequential,
        layer(ConvNormReLU6, shape[0], start, 3, steps[0]),
        layer(InvertedResidual, start, channels[0], 3, 1),
        *_decided_blocks(itertools.product(sides, ratios), channels, blocks, steps[1:]),
        layer(ConvNormReLU6, channels[-1], end, 1),
        *pooled_head(end, outputs),
    )
    return Space(network, name="proxyless")


def _checked_strides(strides: Sequence[int] | None, stages: int, side: int) -> Sequence[int]:
    """The strides of the stem and of each stage, the published ones where none are given."""
    if strides is not None:
        return check_numbers("proxyless", "strides", strides, ["stem", *["stage"] * stages])
    if stages == len(_STRIDES) - 1:
        return fitting_strides(_STRIDES, side)
    raise SpaceError(
        f"the space 'proxyless': expected strides beside {stages} widths, one for the stem and one for "
        f"each stage; there is a default only for {len(_STRIDES) - 1} stages"
    )


def _decided_blocks(
    kinds: Iterable[tuple[int, int]], channels: Sequence[int], depths: Sequence[int], strides: Sequence[int]
) -> Iterator[Any]:
    """The blocks of all stages. All but the first of a stage keep the shape, so that they can be left out."""
    labels = [f"mbconv_k{side}_e{ratio}" for side, ratio in kinds]
    for stage, (depth, stride) in enumerate(zip(depths, strides, strict=True)):
        before, after = channels[stage : stage + 2]
        yield _block(f"stages.{stage}.0", labels, before, after, stride)
        for i in range(1, depth):
            yield _block(f"stages.{stage}.{i}", labels, after, after, 1, ["zero"])


def _block(
    name: str, labels: Sequence[str], before: int, after: int, stride: int, absent: Sequence[str] = ()
) -> Any:
    # The identity is zero beside a shortcut. The shortcut stands inside of the options, so that an exported network
    # has no trace of a block that is not there; for gates that sum to one both ways are the same.
    options: dict[str, DeferredCall] = {label: _inverted(label, before, after, stride) for label in labels}
    options |= {label: layer(nn.Identity) for label in absent}
    return switch(categorical(options, name=name), options)


def _inverted(label: str, before: int, after: int, stride: int) -> DeferredCall:
    kernel_size, expansion = map(int, re.findall(r"\d+", label))
    return layer(InvertedResidual, before, after, kernel_size, expansion, stride)
