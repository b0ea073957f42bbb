"""Hand-made networks, one for each kind of input: what a search must beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.nodes import DeferredCall, layer
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import Conv1dNormAct, ConvNormAct, LSTMNetwork
from archwright.spaces.zoo.parts import pooled_head, pooling
from archwright.spaces.zoo.perceptrons import embedded
from archwright.spaces.zoo.shapes import AXES, check_shape, halvings, stem_stride

__all__ = ["IMAGE_WIDTHS", "SEQUENCE_WIDTHS", "Learnable", "baseline"]

_HIDDEN = 128
IMAGE_WIDTHS = (32, 56, 112, 224)
"""Channels by stage of the hand-made network for images."""

SEQUENCE_WIDTHS = (32, 64, 64, 128, 128)
"""The same for sequences."""

_SYMBOL_FEATURES = 64
_CATEGORY_FEATURES = 8


class Learnable(Protocol):
    """Anything that says what goes into a network and what comes out, such as a task."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input, without the batch."""

    @property
    def outputs(self) -> int:
        """Number of numbers a network gives for one input."""


def baseline(task: Learnable | Sequence[int], outputs: int | None = None) -> Space:
    """A sensible hand-made network as a space of size 1, so that it is trained and measured as any other.

    - Image: in the manner of VGG (Simonyan & Zisserman 2015, arXiv:1409.1556) with batch normalisation (Ioffe &
      Szegedy 2015, arXiv:1502.03167): pairs of 3x3 convolutions, pooling between them while a side of 4 pixels is
      left, then a global average and a linear layer. 54,000 parameters on 8x8 digits.
    - Sequence: convolutions of length 5 with pooling between them, as the fully convolutional network of Wang et
      al. 2017, arXiv:1611.06455, then a global average and a linear layer.
    - Vector: a perceptron of two hidden layers of 128 with ReLU; of a task with `cardinalities`, on amounts and vectors
      of 8 for the categories (Guo & Berkhahn 2016, arXiv:1604.06737).
    - Symbols: a long short-term memory (Hochreiter & Schmidhuber 1997) of 128 units on vectors of 64; only for a task
      that says `has_symbols`. Where one thing is told of a whole row of symbols, the mean of their vectors and two
      layers, in the manner of fastText (Joulin et al. 2016, arXiv:1607.01759).

    Args:
        task: A task, or the shape of one input: (features,), (channels, length) or (channels, height, width).
        outputs: Number of numbers the network gives for one input; only beside a shape.

    Raises:
        SpaceError: When the shape has another number of axes, or a size is no whole number >= 1.
    """
    has_symbols = False
    if hasattr(task, "input_shape"):
        has_symbols = getattr(task, "has_symbols", False)
        task = cast("Learnable", task)
        input_shape, outputs = task.input_shape, task.outputs
    else:
        input_shape = tuple(task)
    if outputs is None:
        raise SpaceError(
            "baseline: expected the number of outputs beside an input shape, got none; or give a task"
        )
    shape = check_shape("baseline", input_shape, outputs, [1] if has_symbols else AXES)
    if has_symbols and len(getattr(task, "output_shape", ())) == 1:
        symbols = cast("Any", task).preprocessing.symbols
        mean = layer(nn.EmbeddingBag, symbols, _SYMBOL_FEATURES)
        hidden = [
            layer(nn.Linear, _SYMBOL_FEATURES, _HIDDEN),
            layer(nn.ReLU),
            layer(nn.Linear, _HIDDEN, outputs),
        ]
        return Space(layer(nn.Sequential, mean, *hidden), name="baseline")
    if has_symbols:
        return Space(layer(LSTMNetwork, outputs, _SYMBOL_FEATURES, _HIDDEN), name="baseline")
    if cardinalities := getattr(task, "cardinalities", ()):
        begin, width = embedded("baseline", shape, cardinalities, [_CATEGORY_FEATURES])
        return Space(layer(nn.Sequential, *begin, *_hidden(width, outputs)), name="baseline")
    network = {1: _vector, 2: _sequence, 3: _image}[len(shape)](shape, outputs)
    return Space(network, name="baseline")


def _image(shape: tuple[int, ...], outputs: int) -> DeferredCall:
    return _convolutions(shape, outputs, 56, IMAGE_WIDTHS, [(ConvNormAct, 3)] * 2)


def _sequence(shape: tuple[int, ...], outputs: int) -> DeferredCall:
    return _convolutions(shape, outputs, 512, SEQUENCE_WIDTHS, [(Conv1dNormAct, 5)])


def _convolutions(
    shape: tuple[int, ...], outputs: int, longest: int, widths: Sequence[int], blocks: Sequence[Any]
) -> DeferredCall:
    """Stages of blocks, with pooling between them while 4 pixels or steps are left."""
    channels, side, axes = shape[0], min(shape[1:]), len(shape) - 1
    stride = stem_stride(side, longest)
    layers: list[DeferredCall] = []
    for stage, width in enumerate(widths[: halvings(-(-side // stride), 4) + 1]):
        layers += [layer(pooling("Max", axes), 2)] if stage else []
        for block, kernel_size in blocks:
            strides = [stride] if stride > 1 and not layers else []
            layers.append(layer(block, channels, width, kernel_size, *strides))
            channels = width
    return layer(nn.Sequential, *layers, *pooled_head(channels, outputs, axes=axes))


def _vector(shape: tuple[int, ...], outputs: int) -> DeferredCall:
    return layer(nn.Sequential, *_hidden(shape[0], outputs))


def _hidden(width: int, outputs: int) -> list[DeferredCall]:
    first, second = layer(nn.Linear, width, _HIDDEN), layer(nn.Linear, _HIDDEN, _HIDDEN)
    return [first, layer(nn.ReLU), second, layer(nn.ReLU), layer(nn.Linear, _HIDDEN, outputs)]
