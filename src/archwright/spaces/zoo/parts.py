"""Where the zoo's networks for images begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from archwright.spaces.nodes import DeferredCall, layer
from archwright.spaces.zoo.shapes import stem_stride

__all__ = ["pooled_head", "stem"]

_LARGEST_IMAGE = 56


def stem(shape: Sequence[int], channels: Any) -> list[DeferredCall]:
    """A 3x3 convolution and its norm, with a stride and a larger kernel for images of more than 56 pixels.

    Args:
        shape: Of one image: (channels, height, width).
        channels: Of the output.
    """
    stride = stem_stride(min(shape[1:]), _LARGEST_IMAGE)
    kernel_size = max(3, 2 * stride - 1)
    convolution = layer(nn.Conv2d, shape[0], channels, kernel_size, stride, kernel_size // 2, bias=False)
    return [convolution, layer(nn.BatchNorm2d, channels)]


def pooled_head(
    channels: Any, outputs: int, *between: DeferredCall, pool: type[nn.Module] = nn.AdaptiveAvgPool2d
) -> list[DeferredCall]:
    """A global average, then a linear layer.

    Args:
        channels: Of the input.
        outputs: Numbers that the network gives.
        between: What stands before the linear layer.
        pool: Pools to a given size.
    """
    return [layer(pool, 1), layer(nn.Flatten), *between, layer(nn.Linear, channels, outputs)]
