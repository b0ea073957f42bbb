"""The spaces of MnasNet (Tan et al. 2019, arXiv:1807.11626) and EfficientNet (Tan & Le 2019, arXiv:1905.11946)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.decisions import categorical
from archwright.spaces.nodes import DeferredCall, layer, switch
from archwright.spaces.scale import scalable
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import ConvNorm, MobileStage
from archwright.spaces.zoo.parts import pooled_head
from archwright.spaces.zoo.shapes import check_numbers, check_shape, fitting_strides, rounded_channels

__all__ = ["efficientnet_space", "mnasnet_space"]

_STRIDES = (2, 1, 2, 2, 2, 1, 2, 1)
_STEM, _LAST = 32, 1280
_SHARES = (0.75, 1.0, 1.25)


@dataclass(frozen=True, slots=True)
class _Stages:
    """What the default architecture has in each stage."""

    kernels: tuple[int, ...]
    expansions: tuple[int, ...]
    squeezed: tuple[bool, ...]


_B0 = _Stages((3, 3, 5, 3, 5, 5, 3), (1, 6, 6, 6, 6, 6, 6), (True,) * 7)
_A1 = _Stages((3, 3, 5, 3, 3, 5, 3), (1, 6, 3, 6, 6, 6, 6), (False, False, True, False, True, True, False))


@scalable
def efficientnet_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    widths: Sequence[int] = (16, 24, 40, 80, 112, 192, 320),
    depths: Sequence[int] = (1, 2, 2, 3, 3, 4, 1),
    width: float = 1.0,
    depth: float = 1.0,
    dropout: float = 0.2,
    drop_path: float = 0.0,
) -> Space:
    """The space in which EfficientNet-B0 was found (Tan & Le 2019, arXiv:1905.11946), B0 its default.

    A 3x3 convolution, seven stages of inverted residual blocks with SiLU, a 1x1 convolution, a global average, dropout
    and a linear layer. Of each stage are decided: the side of the depthwise kernels, 3 or 5; how many times they are
    wider than the block's input, 1, 3 or 6; whether channels are gated by a quarter of the input's channels; the
    channels, .75, 1 or 1.25 times those given; the number of blocks, one fewer or more. `space.scale(width=1.1,
    depth=1.2)` scales any of them as the paper does: B1 to B7 are B0 at other scales. Of the strides of stem and
    stages, images below 128 pixels leave out as many of the first as leave a side of at least 4 pixels.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        widths: Channels of each of the seven stages.
        depths: Blocks of each stage.
        width: Multiplies all channels, which are rounded to multiples of 8.
        depth: Multiplies the blocks of each stage, rounded up.
        dropout: Probability of dropping a feature before the linear layer, in [0, 1).
        drop_path: Stochastic depth: probability of going around a block in training, in [0, 1). It grows linearly with
            the block's position from 0; the paper takes .2.

    Returns:
        The space, with the addresses `stages.STAGE.kernel_size`, `.expansion`, `.squeeze`, `.width` and `.depth`.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is out of range.
    """
    return _staged(
        "efficientnet",
        input_shape,
        outputs,
        _B0,
        (widths, depths, width, depth),
        (dropout, drop_path),
        "silu",
    )


@scalable
def mnasnet_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    widths: Sequence[int] = (16, 24, 40, 80, 112, 160, 320),
    depths: Sequence[int] = (1, 2, 3, 4, 2, 3, 1),
    width: float = 1.0,
    depth: float = 1.0,
    dropout: float = 0.2,
    drop_path: float = 0.0,
) -> Space:
    """The factorised space of MnasNet (Tan et al. 2019, arXiv:1807.11626), MnasNet-A1 its default.

    As `efficientnet_space`, with ReLU. Of the paper's operations the inverted residual block is here, which with an
    expansion of 1 is the separable convolution; the plain convolution is not.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        widths: Channels of each of the seven stages.
        depths: Blocks of each stage.
        width: Multiplies all channels, which are rounded to multiples of 8.
        depth: Multiplies the blocks of each stage, rounded up.
        dropout: Probability of dropping a feature before the linear layer, in [0, 1).
        drop_path: Stochastic depth: probability of going around a block in training, in [0, 1). It grows linearly with
            the block's position from 0; the paper takes .2.

    Returns:
        The space, with the addresses of `efficientnet_space`.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is out of range.
    """
    return _staged(
        "mnasnet", input_shape, outputs, _A1, (widths, depths, width, depth), (dropout, drop_path), "relu"
    )


def _staged(
    name: str,
    input_shape: Sequence[int],
    outputs: int,
    default: _Stages,
    scale: tuple[Sequence[int], Sequence[int], float, float],
    drops: tuple[float, float],
    activation: str,
) -> Space:
    widths, depths, width, depth = scale
    shape = check_shape(name, input_shape, outputs, [3])
    check_numbers(name, "widths", widths, ["channels of a stage"] * 7)
    check_numbers(name, "depths", depths, ["blocks of a stage"] * 7)
    if isinstance(depth, bool) or not isinstance(depth, int | float) or not 0 < depth < math.inf:
        raise SpaceError(f"the space {name!r}: expected a depth > 0, got {depth!r}")
    for what, value in zip(("dropout", "drop_path"), drops, strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
            raise SpaceError(f"the space {name!r}: expected a {what} in [0, 1), got {value!r}")
    dropout, drop_path = drops
    steps = fitting_strides(_STRIDES, min(shape[1:]))
    start = rounded_channels(name, [_STEM], width)[0]
    end = rounded_channels(name, [_LAST], width)[0] if width > 1 else _LAST
    channels: list[Any] = [start]
    stages: list[DeferredCall] = []
    counts = [_scaled_depth(f"stages.{i}.depth", blocks, depth) for i, blocks in enumerate(depths)]
    for i, base in enumerate(widths):
        # Only where it is asked for, since a stage then depends on how many blocks all others have.
        dropped = (drop_path, sum(counts[:i], start=0), sum(counts, start=0)) if drop_path else ()
        channels.append(_scaled_width(name, f"stages.{i}.width", base, width))
        stages.append(
            layer(
                MobileStage,
                channels[i],
                channels[i + 1],
                counts[i],
                categorical([3, 5], name=f"stages.{i}.kernel_size", default=default.kernels[i]),
                categorical([1, 3, 6], name=f"stages.{i}.expansion", default=default.expansions[i]),
                steps[i + 1],
                categorical([0.0, 0.25], name=f"stages.{i}.squeeze", default=0.25 * default.squeezed[i]),
                activation,
                *dropped,
            )
        )
    network = layer(
        nn.Sequential,
        layer(ConvNorm, shape[0], start, 3, steps[0], activation),
        *stages,
        layer(ConvNorm, channels[-1], end, 1, 1, activation),
        *pooled_head(end, outputs, layer(nn.Dropout, dropout)),
    )
    return Space(network, name=name)


def _scaled_width(space: str, address: str, base: int, width: float) -> Any:
    """Decided channels as the network of scale 1 has them, each multiplied."""
    options = sorted(
        {base, *rounded_channels(space, [base], _SHARES[0]), *rounded_channels(space, [base], _SHARES[2])}
    )
    found = rounded_channels(space, options, width) if width != 1 else options
    return switch(categorical(options, name=address, default=base), dict(zip(options, found, strict=True)))


def _scaled_depth(address: str, base: int, depth: float) -> Any:
    """Decided blocks as the network of scale 1 has them, each multiplied and rounded up."""
    options = [blocks for blocks in (base - 1, base, base + 1) if blocks > 0]
    found = {blocks: math.ceil(blocks * Fraction(str(depth))) for blocks in options}
    return switch(categorical(options, name=address, default=base), found)
