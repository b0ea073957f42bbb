"""The cell space of DARTS (Liu et al. 2019, arXiv:1806.09055)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import nn

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.expression import Expression
from archwright.spaces.nodes import DeferredCall, layer
from archwright.spaces.scale import scalable
from archwright.spaces.space import Space
from archwright.spaces.zoo import parts
from archwright.spaces.zoo.blocks import (
    CellNetwork,
    DartsDilatedConv,
    DartsSeparableConv,
    DropPath,
    FactorizedReduce,
    PoolNorm,
    Zero,
)
from archwright.spaces.zoo.cells import cell, cell_decisions, stacked_cells
from archwright.spaces.zoo.parts import pooled_head
from archwright.spaces.zoo.shapes import check_labels, check_shape, check_widths

__all__ = ["OPERATIONS", "cell_space", "darts_operation", "darts_space"]

OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""The eight operations of DARTS, by the paper's names."""

_STEM_MULTIPLIER = 3
_STEMS = ("cifar", "imagenet")


def darts_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    cells: int = 8,
    channels: int | Expression = 16,
    nodes: int = 4,
    operations: Sequence[str] = OPERATIONS,
    pool_norm: bool = True,
    drop_path: float = 0.0,
    stem: str = "cifar",
) -> Space:
    """The space of DARTS: a normal and a reduction cell, each repeated (Liu et al. 2019, arXiv:1806.09055).

    All normal cells have one wiring and all reduction cells another, every cell its own weights. A cell reads the
    outputs of the two cells before it. Each node reads two earlier states, each through one operation. Reduction
    cells stand at one and two thirds of the depth; they halve the sizes and double the channels.

    The defaults are the paper's search network. Its evaluation networks on CIFAR-10 are the same space at another
    scale: `space.scale(cells=20, channels=36, pool_norm=False, drop_path=0.2)`. The paper trains these with an
    auxiliary head too, which a network here has not: the loss of a task reads one output. Published counts of
    parameters go without it.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        cells: Number of cells, at least 3.
        channels: Channels of the first cell's nodes, at least 2; may be a decision, such as
            `aw.integer(8, 32, step=8, name="channels")`.
        nodes: Number of nodes in a cell.
        operations: Some of `OPERATIONS`.
        pool_norm: Whether a batch normalisation without weights follows each pooling, as in the paper's search.
        drop_path: Probability that an operation's output is dropped for an image while training, in [0, 1). Skip
            connections of stride 1 stay. The paper raises it from 0 over the epochs; here it is the same in all.
        stem: "cifar", a 3x3 convolution to three times the channels, with a stride and a larger kernel for images of
            more than 56 pixels; or "imagenet", the paper's three 3x3 convolutions of stride 2, the last two of which
            the first cell reads.

    Returns:
        The space, with the addresses `normal.NODE.inputs`, `normal.NODE.from_STATE` and the same for `reduction`.
        States 0 and 1 are the outputs of the cell before the last and of the last; state k + 2 is node k.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is unknown or out of range.
    """
    return _cells_stacked(
        "darts", input_shape, outputs, cells, channels, nodes, operations, pool_norm, drop_path, stem
    )


def cell_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    cells: int = 6,
    channels: int | Expression = 16,
    nodes: int = 4,
    operations: Sequence[str] = OPERATIONS[1:],
) -> Space:
    """The space of `darts_space` as its networks are derived: without "none", and smaller, to train each from scratch.

    An edge is left out by not being among a node's two inputs. A cell has 1,037,664,180 wirings, the paper's count,
    and the space the square of it.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        cells: Number of cells, at least 3.
        channels: Channels of the first cell's nodes, at least 2; may be a decision.
        nodes: Number of nodes in a cell.
        operations: Some of `OPERATIONS`.

    Returns:
        The space, with the addresses of `darts_space`.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is unknown or out of range.
    """
    return _cells_stacked("cell", input_shape, outputs, cells, channels, nodes, operations)


@scalable
def _cells_stacked(
    name: str,
    input_shape: Sequence[int],
    outputs: int,
    cells: int,
    channels: int | Expression,
    nodes: int,
    operations: Sequence[str],
    pool_norm: bool = True,
    drop_path: float = 0.0,
    stem: str = "cifar",
) -> Space:
    shape = check_shape(name, input_shape, outputs, [3])
    labels = check_labels(name, "operation", operations, OPERATIONS)
    if cells < 3:
        raise SpaceError(
            f"the space {name!r}: expected at least 3 cells, so that both kinds occur, got {cells}"
        )
    check_widths(name, channels, "a probability drop_path", drop_path)
    check_labels(name, "stem", [stem], _STEMS)
    decisions = {kind: cell_decisions(kind, labels, nodes=nodes) for kind in ("normal", "reduction")}

    stem_channels = _STEM_MULTIPLIER * channels if stem == "cifar" else channels

    def make(reduces: bool, prepare: list[DeferredCall], now: Any) -> tuple[DeferredCall, Any]:
        operation = partial(_edge, now, reduces, pool_norm, drop_path)
        return cell(decisions["reduction" if reduces else "normal"], prepare, operation), nodes * now

    reduces = [position in (cells // 3, 2 * cells // 3) for position in range(cells)]
    stack, last_channels = stacked_cells(
        reduces, channels, stem_channels, make, is_reduced=stem == "imagenet"
    )
    head = layer(nn.Sequential, *pooled_head(last_channels, outputs))
    first_stem, *second_stem = _stems(stem, shape, stem_channels)
    return Space(layer(CellNetwork, first_stem, stack, head, *second_stem), name=name)


def _stems(kind: str, shape: tuple[int, ...], channels: Any) -> list[DeferredCall]:
    """The stem, and the second one where there is one."""
    if kind == "cifar":
        return [layer(nn.Sequential, *parts.stem(shape, channels))]

    def halving(before: Any, after: Any) -> list[DeferredCall]:
        return [layer(nn.Conv2d, before, after, 3, 2, 1, bias=False), layer(nn.BatchNorm2d, after)]

    half, relu = channels // 2, layer(nn.ReLU)
    first = layer(nn.Sequential, *halving(shape[0], half), relu, *halving(half, channels))
    return [first, layer(nn.Sequential, relu, *halving(channels, channels))]


def _edge(
    channels: int | Expression, reduces: bool, pool_norm: bool, drop_path: float, label: str, state: int
) -> DeferredCall:
    stride = 2 if reduces and state < 2 else 1
    operation = darts_operation(label, channels, stride, pool_norm=pool_norm)
    if not drop_path or label == "none" or (label == "skip_connect" and stride == 1):
        return operation
    return layer(nn.Sequential, operation, layer(DropPath, drop_path))


def darts_operation(
    label: str, channels: int | Expression, stride: int = 1, *, pool_norm: bool = True
) -> DeferredCall:
    """The expression of one operation of DARTS.

    Args:
        label: One of `OPERATIONS`.
        channels: Channels of input and output.
        stride: 1, or 2 to halve height and width.
        pool_norm: Whether a batch normalisation without weights follows a pooling.

    Raises:
        SpaceError: When the label is unknown.
    """
    match label:
        case "none":
            return layer(Zero, stride)
        case "max_pool_3x3" | "avg_pool_3x3":
            pool = layer(nn.MaxPool2d, 3, stride, 1)
            if label == "avg_pool_3x3":
                pool = layer(nn.AvgPool2d, 3, stride, 1, count_include_pad=False)
            return layer(PoolNorm, pool, channels) if pool_norm else pool
        case "skip_connect":
            return layer(nn.Identity) if stride == 1 else layer(FactorizedReduce, channels, channels)
        case "sep_conv_3x3" | "sep_conv_5x5":
            return layer(DartsSeparableConv, channels, int(label[-1]), stride)
        case "dil_conv_3x3" | "dil_conv_5x5":
            return layer(DartsDilatedConv, channels, int(label[-1]), stride)
    raise SpaceError(f"DARTS has no operation {label!r}.{did_you_mean(label, OPERATIONS)}")
