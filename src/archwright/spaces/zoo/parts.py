"""Where the zoo's networks for images begin and end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.decisions import Integer
from archwright.spaces.expression import Expression, maximum
from archwright.spaces.nodes import DeferredCall, layer, switch
from archwright.spaces.zoo.shapes import stem_stride

__all__ = ["last_width", "pooled_head", "pooling", "scaled_widths", "stem"]

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


def pooling(kind: str, axes: int) -> type[nn.Module]:
    """The class that pools over so many axes; the kind is "Max", "Avg" or "AdaptiveAvg"."""
    found: type[nn.Module] = getattr(nn, f"{kind}Pool{axes}d")
    return found


def scaled_widths(space: str, widths: Sequence[Expression], times: float) -> list[Expression]:
    """Decided widths, each so many times as wide: rounded down, and at least 1.

    Args:
        space: Name of the space, for the error's text.
        widths: The widths.
        times: A number > 0; for 1 they stay as they are.

    Raises:
        SpaceError: When it is no such number.
    """
    if isinstance(times, bool) or not isinstance(times, int | float) or not 0 < times < math.inf:
        raise SpaceError(f"the space {space!r}: expected a width > 0, got {times!r}")
    if times == 1:
        return list(widths)
    share = Fraction(str(times))
    return [maximum(1, width * share.numerator // share.denominator) for width in widths]


def last_width(times: Integer, widths: Sequence[Expression]) -> Expression:
    """The width of the last of some layers, whose number is decided.

    It is named as the layers are, since a decision's address begins with what all its places have in common: so
    every width is at `layers.I.width`, whether the head reads it or not.
    """
    return switch(times, {depth: widths[depth - 1] for depth in times.values()}, name="layers")


def pooled_head(channels: Any, outputs: int, *between: DeferredCall, axes: int = 2) -> list[DeferredCall]:
    """A global average, then a linear layer.

    Args:
        channels: Of the input.
        outputs: Numbers that the network gives.
        between: What stands before the linear layer.
        axes: 2 for images, 1 for sequences.
    """
    return [
        layer(pooling("AdaptiveAvg", axes), 1),
        layer(nn.Flatten),
        *between,
        layer(nn.Linear, channels, outputs),
    ]
