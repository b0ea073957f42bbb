"""Networks around a function that is searched: two families, small enough to be trained many times."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.nodes import DeferredCall, layer
from archwright.spaces.zoo.parts import pooled_head, pooling
from archwright.spaces.zoo.shapes import check_labels, check_numbers, check_shape, halvings

__all__ = ["FAMILIES", "InvertedBlock", "ResidualBlock", "network_around"]

FAMILIES = ("residual", "plain", "inverted", "perceptron")
"""Residual, plain and inverted bottleneck convolutional networks, for images, and perceptrons, for any input."""

_SMALLEST = 4
_STAGES = 3
_EXPANSION = 4


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2016, arXiv:1512.03385): (N, in, H, W) to (N, out, H', W').

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        first: Normalisation and activation after the first convolution.
        last: Normalisation after the second convolution.
        after: Activation of the sum.
        stride: Of the first convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        first: nn.Module,
        last: nn.Module,
        after: nn.Module,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
            first,
            nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False),
            last,
        )
        same = stride == 1 and in_channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
        self.after = after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        y: torch.Tensor = self.after(self.body(x) + self.shortcut(x))
        return y


class InvertedBlock(nn.Module):
    """An inverted bottleneck (Sandler et al. 2018, arXiv:1801.04381): (N, in, H, W) to (N, out, H', W').

    A 1x1 convolution to more channels, a 3x3 one of each channel by itself, and a 1x1 one to the output; the input is
    added where the shape stays.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        inside: Channels between them.
        first: Normalisation and activation after the first convolution.
        second: The same after the second one.
        last: Normalisation after the third one.
        stride: Of the second convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        inside: int,
        first: nn.Module,
        second: nn.Module,
        last: nn.Module,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, inside, 1, bias=False),
            first,
            nn.Conv2d(inside, inside, 3, stride, 1, groups=inside, bias=False),
            second,
            nn.Conv2d(inside, out_channels, 1, bias=False),
            last,
        )
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        y: torch.Tensor = self.body(x)
        return x + y if self.has_shortcut else y


Part = Callable[[Any], Any]
"""From the channels at a place of a network to the expression that stands there."""


def network_around(
    space: str,
    input_shape: Sequence[int],
    outputs: int,
    *,
    family: str | None,
    channels: int,
    blocks: int,
    normalized: Part,
    norm: Part,
    activation: Part,
) -> DeferredCall:
    """A network whose hidden layers hold what is searched.

    Args:
        space: Name of the space, for errors.
        input_shape: Shape of one input, without the batch.
        outputs: Numbers that the network gives.
        family: Of `FAMILIES`; None takes "residual" for images and "perceptron" for all else.
        channels: Of the first stage, or features of hidden layers. Each further stage of an image's network has twice
            as many at half the size.
        blocks: Of each stage, or hidden layers.
        normalized: Normalisation and activation for so many channels.
        norm: Normalisation alone, at the end of a residual branch.
        activation: What follows the sum of a residual block.

    Raises:
        SpaceError: When the family is unknown, or is one for images and the inputs are none.
    """
    shape = check_shape(space, input_shape, outputs, [1, 2, 3])
    check_numbers(space, "(channels, blocks)", (channels, blocks), ("channels", "blocks"))
    is_image = len(shape) == 3
    if family is None:
        family = "residual" if is_image else "perceptron"
    check_labels(space, "family", [family], FAMILIES)
    if family == "perceptron":
        flat = [layer(nn.Flatten)] if len(shape) > 1 else []
        widths = [math.prod(shape), *[channels] * blocks]
        hidden = [
            part
            for before, width in pairwise(widths)
            for part in (layer(nn.Linear, before, width), normalized(width))
        ]
        return layer(nn.Sequential, *flat, *hidden, layer(nn.Linear, channels, outputs))
    if not is_image:
        raise SpaceError(
            f"the space {space!r}: the family {family!r} is for images (channels, height, width), got inputs of shape "
            f"{shape}; take the family 'perceptron'"
        )
    parts = [layer(nn.Conv2d, shape[0], channels, 3, 1, 1, bias=False), normalized(channels)]
    before = channels
    for stage in range(min(_STAGES, halvings(min(shape[1:]), _SMALLEST) + 1)):
        width = channels * 2**stage
        for block in range(blocks):
            shrinks = stage > 0 and block == 0
            parts += _block(family, before, width, shrinks, normalized, norm, activation)
            before = width
    return layer(nn.Sequential, *parts, *pooled_head(before, outputs))


def _block(
    family: str, before: int, width: int, shrinks: bool, normalized: Part, norm: Part, activation: Part
) -> list[Any]:
    """The layers of a block of a convolutional network, which halves height and width where it shrinks."""
    if family == "plain":
        pool = [layer(pooling("Max", 2), 2)] if shrinks else []
        return [*pool, layer(nn.Conv2d, before, width, 3, 1, 1, bias=False), normalized(width)]
    stride = 1 + shrinks
    if family == "inverted":
        inside = before * _EXPANSION
        between = normalized(inside), normalized(inside), norm(width)
        return [layer(InvertedBlock, before, width, inside, *between, stride=stride)]
    return [
        layer(ResidualBlock, before, width, normalized(width), norm(width), activation(width), stride=stride)
    ]
