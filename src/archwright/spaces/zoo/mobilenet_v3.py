"""The space of once-for-all (Cai et al. 2020, arXiv:1908.09791), MobileNetV3 (Howard et al. 2019, arXiv:1905.02244)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.decisions import categorical
from archwright.spaces.nodes import DeferredCall, layer, repeat, switch
from archwright.spaces.scale import scalable
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import ConvNorm, MobileBlock, Resize
from archwright.spaces.zoo.parts import pooled_head
from archwright.spaces.zoo.shapes import (
    check_kernels,
    check_numbers,
    check_shape,
    fitting_strides,
    rounded_channels,
)

__all__ = ["mobilenet_v3_space"]


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is fixed in a unit, and what its blocks are by default."""

    width: int
    stride: int
    activation: str
    has_gate: bool
    depth: int
    kernel_size: int
    expansions: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Size:
    """A published size: the first block, the units, the last 1x1 convolution and the layer before the classifier."""

    first_stride: int
    first_has_gate: bool
    units: tuple[_Unit, ...]
    last: int
    features: int


_RELU, _SWISH = "relu", "hard_swish"
_SIZES = {
    "large": _Size(
        1,
        False,
        (
            _Unit(24, 2, _RELU, False, 2, 3, (4, 3)),
            _Unit(40, 2, _RELU, True, 3, 5, (3,)),
            _Unit(80, 2, _SWISH, False, 4, 3, (6, 2.5, 2.3, 2.3)),
            _Unit(112, 1, _SWISH, True, 2, 3, (6,)),
            _Unit(160, 2, _SWISH, True, 3, 5, (6,)),
        ),
        960,
        1280,
    ),
    "small": _Size(
        2,
        True,
        (
            _Unit(24, 2, _RELU, False, 2, 3, (4.5, 88 / 24)),
            _Unit(40, 2, _SWISH, True, 3, 5, (4, 6, 6)),
            _Unit(48, 1, _SWISH, True, 2, 5, (3,)),
            _Unit(96, 2, _SWISH, True, 3, 5, (6,)),
        ),
        576,
        1024,
    ),
}
_STEM = 16
_DIVISOR = 8
_GATE = 4


@scalable
def mobilenet_v3_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    size: str = "large",
    kernel_sizes: Sequence[int] = (3, 5, 7),
    expansions: Sequence[float] = (3, 4, 6),
    depths: Sequence[int] = (2, 3, 4),
    resolutions: Sequence[int] = (),
    width: float = 1.0,
    bias: bool = False,
    dropout: float = 0.1,
) -> Space:
    """The space of once-for-all (Cai et al. 2020, arXiv:1908.09791): MobileNetV3 with elastic blocks.

    A 3x3 convolution, a block without widening, five units of inverted residual blocks, a 1x1 convolution, a global
    average, a linear layer with hard swish, dropout and a linear layer (Howard et al. 2019, arXiv:1905.02244). Of each
    unit the number of blocks is decided, of each block the side of its depthwise kernel and how many times it widens
    its input, and of the whole the side that images are brought to, where several are given. With the defaults there
    are (9^2 + 9^3 + 9^4)^5 networks a side. The default architecture is the published one, as near as the options let
    it be.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        size: "large" with five units, or "small" with four.
        kernel_sizes: Sides of the depthwise kernels in pixels, odd.
        expansions: How many times the depthwise convolution is wider than the block's input.
        depths: Numbers of blocks of a unit.
        resolutions: Sides of the images in pixels; none leaves them as they are.
        width: Multiplies all channels, which are rounded to multiples of 8.
        bias: Whether the layer before the classifier has a bias, as in MobileNetV3 and not in once-for-all.
        dropout: Probability of dropping a feature before the last linear layer, in [0, 1).

    Returns:
        The space, with the addresses `units.UNIT.depth`, `units.UNIT.BLOCK.kernel_size` and `.expansion`, and
        `resolution` where sides are given.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is out of range.
    """
    name = "mobilenet_v3"
    shape = check_shape(name, input_shape, outputs, [3])
    if size not in _SIZES:
        raise SpaceError(f"the space {name!r} has no size {size!r}.{did_you_mean(size, _SIZES)}")
    kernels = check_kernels(name, kernel_sizes)
    check_numbers(name, "depths", depths, ["blocks of a unit", "..."])
    ratios = _checked_ratios(name, expansions)
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise SpaceError(f"the space {name!r}: expected a dropout in [0, 1), got {dropout!r}")
    sides = check_numbers(name, "resolutions", resolutions, ["side", "..."]) if resolutions else ()
    made = _SIZES[size]
    smallest = min(sides or shape[1:])
    strides = (2, made.first_stride, *(unit.stride for unit in made.units))
    steps = fitting_strides(strides, smallest)
    start, last, features, *channels = rounded_channels(
        name, (_STEM, made.last, made.features, *(unit.width for unit in made.units)), width
    )
    gate = _gate(name, start) if made.first_has_gate else 0
    units: list[DeferredCall] = []
    for number, (unit, step) in enumerate(zip(made.units, steps[2:], strict=True)):
        before = channels[number - 1] if number else start
        body = partial(_block, unit, before, channels[number], step, kernels, ratios)
        times = categorical(depths, name="depth", default=_nearest(depths, unit.depth))
        units.append(layer(nn.Sequential, repeat(body, times=times, name=f"units.{number}")))
    network = layer(
        nn.Sequential,
        *_resized(sides),
        layer(ConvNorm, shape[0], start, 3, steps[0], _SWISH),
        layer(MobileBlock, start, start, 3, start, steps[1], gate, _RELU, "hard_sigmoid"),
        *units,
        layer(ConvNorm, channels[-1], last, 1, 1, _SWISH),
        *pooled_head(
            features,
            outputs,
            layer(nn.Linear, last, features, bias=bias),
            layer(nn.Hardswish),
            layer(nn.Dropout, dropout),
        ),
    )
    return Space(network, name=name)


def _checked_ratios(space: str, expansions: Sequence[float]) -> tuple[float, ...]:
    ratios = tuple(expansions)
    if not ratios or not all(
        isinstance(r, int | float) and not isinstance(r, bool) and r > 1 for r in ratios
    ):
        raise SpaceError(f"the space {space!r}: expected expansions to be numbers > 1, got {expansions!r}")
    return ratios


def _resized(sides: Sequence[int]) -> list[DeferredCall]:
    if not sides:
        return []
    return [layer(Resize, categorical(sides, name="resolution", default=max(sides)))]


def _block(
    unit: _Unit,
    before: int,
    after: int,
    stride: int,
    kernels: Sequence[int],
    ratios: Sequence[float],
    position: int,
) -> DeferredCall:
    """A block of a unit; the first has the stride and changes the channels."""
    inputs = after if position else before
    kernel = _nearest(kernels, unit.kernel_size)
    side = categorical(kernels, name="kernel_size", default=kernel)
    published = unit.expansions[min(position, len(unit.expansions) - 1)]
    chosen = categorical(ratios, name="expansion", default=_nearest(ratios, published))
    widths = {ratio: rounded_channels("mobilenet_v3", [inputs], ratio)[0] for ratio in ratios}
    width = switch(chosen, widths)
    squeezed = (
        switch(chosen, {r: _gate("mobilenet_v3", w) for r, w in widths.items()}) if unit.has_gate else 0
    )
    step = 1 if position else stride
    return layer(MobileBlock, inputs, after, side, width, step, squeezed, unit.activation, "hard_sigmoid")


def _gate(space: str, width: int) -> int:
    return rounded_channels(space, [width], 1 / _GATE)[0]


def _nearest(options: Sequence[Any], wanted: float) -> Any:
    return min(options, key=lambda option: (abs(option - wanted), -option))
