"""The macro space of ENAS (Pham et al. 2018, arXiv:1802.03268): whole networks of layers and skip connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.decisions import categorical, subset
from archwright.spaces.nodes import DeferredCall, layer, switch, when
from archwright.spaces.scale import scalable
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import (
    ConvNormAct,
    FactorizedReduce,
    SeparableConv,
    SkipLayer,
    SkipNetwork,
    StateReduction,
)
from archwright.spaces.zoo.parts import pooled_head, stem
from archwright.spaces.zoo.shapes import check_labels, check_numbers, check_shape, check_widths

__all__ = ["OPERATIONS", "enas_space"]

OPERATIONS = ("conv_3x3", "sep_conv_3x3", "conv_5x5", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")
"""The six operations of a layer, in the order of the published code."""


@scalable
def enas_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    layers: int = 12,
    channels: int = 36,
    doubling: bool = False,
    operations: Sequence[str] = OPERATIONS,
    dropout: float = 0.0,
) -> Space:
    """The macro space of ENAS (Pham et al. 2018, arXiv:1802.03268).

    Every layer has an operation of its own on the output of the layer before, and adds any of the earlier outputs to
    what that gives; a batch normalisation follows. Each operation begins with a 1x1 convolution, normalisation and
    ReLU. After one and two thirds of the layers all outputs so far are halved in size by a factorised reduction of
    their own, read later or not. With the defaults there are 6^12 * 2^66, about 1.6 * 10^29 networks.

    This is the network in which the published code searches. To train what it found, that code concatenates the skips
    and brings them back to the layer's width by a 1x1 convolution, where this one goes on adding them: an absent skip
    then is a zero, and weights can be shared. An image of more than 56 pixels is first reduced by a stride of the
    stem.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        layers: Number of layers, at least 3.
        channels: Channels of every layer, at least 2.
        doubling: Double the channels where sizes are halved, as the published code does with what it found.
        operations: Some of `OPERATIONS`.
        dropout: Probability of dropping a feature before the last linear layer, in [0, 1).

    Returns:
        The space, with the addresses `layers.LAYER.operation` and, from layer 1 on, `layers.LAYER.skips`: a subset of
        states 0 to LAYER - 1. State 0 is the output of the stem, state k + 1 that of layer k; the layer's operation
        reads state LAYER.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is unknown or out of range.
    """
    shape = check_shape("enas", input_shape, outputs, [3])
    labels = check_labels("enas", "operation", operations, OPERATIONS)
    check_numbers("enas", "(layers, channels)", (layers, channels), ("layers", "channels"))
    if layers < 3:
        raise SpaceError(
            f"the space 'enas': expected at least 3 layers, between which to reduce twice, got layers={layers}"
        )
    check_widths("enas", channels, "a dropout", dropout)
    first = layer(nn.Sequential, *stem(shape, channels))
    stack: list[DeferredCall] = []
    width = channels
    for position in range(layers):
        stack.append(_skip_layer(position, labels, width))
        if position + 1 in (layers // 3, 2 * (layers // 3)):
            before, width = width, 2 * width if doubling else width
            reductions = [layer(FactorizedReduce, before, width, relu=False) for _ in range(position + 2)]
            stack.append(layer(StateReduction, reductions))
    dropped = [layer(nn.Dropout, dropout)] if dropout else []
    head = pooled_head(width, outputs, *dropped)
    network = layer(SkipNetwork, first, stack, layer(nn.Sequential, *head))
    return Space(network, name="enas")


def _skip_layer(position: int, labels: Sequence[str], channels: int) -> DeferredCall:
    decision = categorical(labels, name=f"layers.{position}.operation")
    operation = switch(decision, {label: _operation(label, channels) for label in labels})
    skips: dict[str, Any] = {}
    if position:
        chosen = subset(position, name=f"layers.{position}.skips")
        skips = {str(state): when(chosen.has(state), layer(nn.Identity)) for state in range(position)}
    # The first layer has nothing to skip to, and so no sum to normalise.
    norm = layer(nn.BatchNorm2d, channels) if position else layer(nn.Identity)
    return layer(SkipLayer, operation, skips, norm)


def _operation(label: str, channels: int) -> DeferredCall:
    parts = {
        "conv_3x3": layer(ConvNormAct, channels, channels, 3),
        "sep_conv_3x3": layer(SeparableConv, channels, channels, 3),
        "conv_5x5": layer(ConvNormAct, channels, channels, 5),
        "sep_conv_5x5": layer(SeparableConv, channels, channels, 5),
        "avg_pool_3x3": layer(nn.AvgPool2d, 3, 1, 1, count_include_pad=False),
        "max_pool_3x3": layer(nn.MaxPool2d, 3, 1, 1),
    }
    return layer(nn.Sequential, layer(ConvNormAct, channels, channels, 1), parts[label])
