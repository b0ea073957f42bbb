"""Chain-structured spaces: layers in a row, each with its own operation, width and skip connections.

After Zoph & Le 2017, arXiv:1611.01578, where a controller decides kernel and width of every layer and which earlier
outputs it reads. As there, outputs that are skipped to are concatenated along the channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from archwright.spaces.decisions import integer, subset
from archwright.spaces.expression import Expression
from archwright.spaces.nodes import DeferredCall, choice, layer, repeat, when
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import (
    Chain,
    ChainLayer,
    Conv1dNormAct,
    ConvNormAct,
    SeparableConv,
    SeparableConv1d,
)
from archwright.spaces.zoo.parts import last_width, pooled_head, pooling, scaled_widths
from archwright.spaces.zoo.shapes import (
    check_kernels,
    check_labels,
    check_numbers,
    check_shape,
    halvings,
    stem_stride,
)

__all__ = ["OPERATIONS", "chain", "conv1d"]

OPERATIONS = ("conv", "separable", "dilated", "max_pool", "average_pool")
"""The operations a layer of a chain can have."""

_SMALLEST = 4
_SMALL = 16
_WIDEST = 4


@dataclass(frozen=True, slots=True)
class _Kind:
    """What tells a chain over images from one over sequences."""

    name: str
    rank: int
    longest: int
    most_pools: int
    convolution: Callable[..., nn.Module]
    separable: Callable[..., nn.Module]


_IMAGES = _Kind("chain", 3, 56, 3, ConvNormAct, SeparableConv)
_SEQUENCES = _Kind("conv1d", 2, 512, 4, Conv1dNormAct, SeparableConv1d)


def chain(
    input_shape: Sequence[int],
    outputs: int,
    *,
    depth: tuple[int, int] | None = None,
    width: tuple[int, int, int] | None = None,
    operations: Sequence[str] | None = None,
    kernel_sizes: Sequence[int] = (3, 5),
    skips: bool = True,
) -> Space:
    """The chain-structured space over images (Zoph & Le 2017, arXiv:1611.01578).

    Layer 0 is a convolution. Each later layer decides its operation, kernel and width, and which layers before the
    last it reads besides the last. Pooling p halves all sizes after layer 2p or 2p + 1, as decided. The range of
    the widths doubles every two layers as far as there are poolings, up to four times, so that layers cost alike
    wherever they stand. There are as many poolings as leave a side of at least 4 pixels, up to 3; an image of more
    than 56 pixels is first reduced by a stride of layer 0. The last layer's output is averaged over the image and read
    by a linear layer.

    The default ranges for small images are made for one CPU core: on scikit-learn's 8x8 digits two thirds of the
    networks have at most 60,000 parameters and learn in seconds. Narrower ones score worse there, and deeper ones
    cost more without scoring better.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        depth: Fewest and most layers; None means 3 to twice the number of poolings + 2, at least 5.
        width: Smallest, largest and step of the first layers' channels; None means (16, 32, 8) where the side of an
            image (the length of a sequence) is below 16, else (16, 48, 16).
        operations: Some of `OPERATIONS`: "conv", "separable" (Chollet 2017, arXiv:1610.02357), "dilated" (kernel 3,
            dilation 2), "max_pool" and "average_pool" (window 3, then a 1x1 convolution). None means the first
            two for images whose side is below 16 pixels, since a dilated kernel spans more than the 4 pixels that
            pooling leaves there, else the first three.
        kernel_sizes: Sides in pixels, odd, for layer 0 and the operations "conv" and "separable".
        skips: Whether layers may read earlier outputs.

    Returns:
        The space, with the addresses `depth`, `layers.I.width`, `layers.I.operation`,
        `layers.I.operation.conv.kernel_size`, `layers.I.skips`, `layers.pool_P`. `space.scale(width=0.5)` halves the
        channels of every layer.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is unknown or out of range.
    """
    return _scaled(_Options(_IMAGES, input_shape, outputs, kernel_sizes, depth, width, operations, skips))


def conv1d(
    input_shape: Sequence[int],
    outputs: int,
    *,
    kernel_sizes: Sequence[int] = (3, 5, 9),
    **options: Any,
) -> Space:
    """The chain-structured space over sequences: `chain` with 1-D convolutions.

    There are as many poolings as leave a length of at least 4 steps, up to 4; a sequence of more than 512 steps is
    first reduced by a stride of layer 0.

    Args:
        input_shape: Shape of one sequence: (channels, length).
        outputs: Number of numbers the network gives for one sequence.
        kernel_sizes: Lengths in steps, odd, for layer 0 and the operations "conv" and "separable".
        options: Of `chain`.

    Returns:
        The space, with the same addresses as `chain`.

    Raises:
        SpaceError: When the shape is not that of a sequence, or an option is unknown or out of range.
    """
    return _scaled(_Options(_SEQUENCES, input_shape, outputs, kernel_sizes, **options))


@dataclass(frozen=True, slots=True)
class _Options:
    """Those of `chain`."""

    kind: _Kind
    input_shape: Sequence[int]
    outputs: int
    kernel_sizes: Sequence[int]
    depth: tuple[int, int] | None = None
    width: tuple[int, int, int] | None = None
    operations: Sequence[str] | None = None
    skips: bool = True


def _scaled(given: _Options, *, width: float = 1.0) -> Space:
    """The space whose layers have so many times the channels that are decided."""
    kind = given.kind
    shape = check_shape(kind.name, given.input_shape, given.outputs, [kind.rank])
    sizes = check_kernels(kind.name, given.kernel_sizes)
    stride = stem_stride(min(shape[1:]), kind.longest)
    side = -(-min(shape[1:]) // stride)
    pools = min(kind.most_pools, halvings(side, _SMALLEST))
    depth = (3, max(5, 2 * pools + 2)) if given.depth is None else given.depth
    fewest, most = check_numbers(kind.name, "depth", depth, ["fewest", "most"])
    pools = min(pools, most // 2)
    small = side < _SMALL
    channels = ((16, 32, 8) if small else (16, 48, 16)) if given.width is None else given.width
    low, high, step = check_numbers(kind.name, "width", channels, ["smallest", "largest", "step"])
    usual = ("conv", "separable") if small else OPERATIONS[:3]
    operations = usual if given.operations is None else given.operations
    labels = check_labels(kind.name, "operation", operations, OPERATIONS)

    times = integer(fewest, most, name="depth")
    scales = [min(2 ** min(i // 2, pools), _WIDEST) for i in range(most)]
    decided = [integer(low * s, high * s, step=step * s, name=f"{i}.width") for i, s in enumerate(scales)]
    widths = scaled_widths(kind.name, decided, width)
    pool_after = [integer(2 * p, 2 * p + 1, name=f"pool_{p}") for p in range(pools)]

    def chain_layer(i: int) -> DeferredCall:
        options: dict[str, Any] = {}
        if i == 0:
            kernel_size = choice(*sizes, name="kernel_size")
            strides = [stride] if stride > 1 else []
            operation: Expression = layer(kind.convolution, shape[0], widths[0], kernel_size, *strides)
        else:
            in_channels: Expression = widths[i - 1]
            if given.skips and i > 1:
                options["skips"] = chosen = subset(i - 1, name="skips")
                for earlier in range(i - 1):
                    in_channels = in_channels + chosen.has(earlier) * widths[earlier]
            operation = choice(
                {label: _operation(kind, label, in_channels, widths[i], sizes) for label in labels},
                name="operation",
            )
        if i // 2 < pools:
            options["pool"] = when(pool_after[i // 2].equals(i), layer(pooling("Max", kind.rank - 1), 2))
        return layer(ChainLayer, operation, **options)

    network = layer(
        nn.Sequential,
        layer(Chain, repeat(chain_layer, times, name="layers")),
        *pooled_head(last_width(times, widths), given.outputs, axes=kind.rank - 1),
    )
    return Space(network, name=kind.name, scaled=partial(_scaled, given))


def _operation(
    kind: _Kind, label: str, in_channels: Expression, out_channels: Expression, kernel_sizes: Sequence[int]
) -> DeferredCall:
    if label in ("conv", "separable"):
        block = kind.convolution if label == "conv" else kind.separable
        return layer(block, in_channels, out_channels, choice(*kernel_sizes, name="kernel_size"))
    if label == "dilated":
        return layer(kind.convolution, in_channels, out_channels, 3, dilation=2)
    pool = pooling("Max" if label == "max_pool" else "Avg", kind.rank - 1)
    return layer(nn.Sequential, layer(pool, 3, 1, 1), layer(kind.convolution, in_channels, out_channels, 1))
