"""The cell space of DARTS (Liu et al. 2019, arXiv:1806.09055)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.expression import Expression
from archwright.spaces.nodes import Layer, layer
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import (
    CellNetwork,
    DartsDilatedConv,
    DartsSeparableConv,
    FactorizedReduce,
    PoolNorm,
    ReLUConvNorm,
    Zero,
)
from archwright.spaces.zoo.cells import CellDecisions, cell, cell_decisions
from archwright.spaces.zoo.shapes import check_labels, check_shape, stem_stride

__all__ = ["OPERATIONS", "cell_space", "darts_operation"]

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

_LARGEST_IMAGE = 56
_STEM_MULTIPLIER = 3


def cell_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    cells: int = 6,
    channels: int | Expression = 16,
    nodes: int = 4,
    operations: Sequence[str] = OPERATIONS[1:],
) -> Space:
    """The DARTS space: a normal and a reduction cell, each repeated (Liu et al. 2019, arXiv:1806.09055).

    All normal cells have one wiring and all reduction cells another, every cell its own weights. A cell reads the
    outputs of the two cells before it. Each node reads two earlier states, each through one operation. Reduction
    cells stand at one and two thirds of the depth; they halve the sizes and double the channels.

    With the defaults a cell has 1,037,664,180 wirings, the paper's count, and the space the square of it. The paper
    trains its found networks with 20 cells and 36 channels on CIFAR-10. An image of more than 56 pixels is first
    reduced by a stride of the stem.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        cells: Number of cells, at least 3.
        channels: Channels of the first cell's nodes, at least 2; may be a decision, such as
            `aw.integer(8, 32, step=8, name="channels")`.
        nodes: Number of nodes in a cell.
        operations: Some of `OPERATIONS`. Without "none" by default: as the paper derives networks, an edge is left
            out by not being among a node's two inputs.

    Returns:
        The space, with the addresses `normal.NODE.inputs`, `normal.NODE.from_STATE` and the same for `reduction`.
        States 0 and 1 are the outputs of the cell before the last and of the last; state k + 2 is node k.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is unknown or out of range.
    """
    shape = check_shape("cell", input_shape, outputs, [3])
    labels = check_labels("cell", "operation", operations, OPERATIONS)
    if cells < 3:
        raise SpaceError(
            f"the space 'cell': expected at least 3 cells, so that both kinds occur, got {cells}"
        )
    if isinstance(channels, int) and channels < 2:
        raise SpaceError(f"the space 'cell': expected at least 2 channels, got {channels}")
    normal = cell_decisions("normal", labels, nodes=nodes)
    reduction = cell_decisions("reduction", labels, nodes=nodes)

    stem_channels = _STEM_MULTIPLIER * channels
    before_channels, last_channels, now = stem_channels, stem_channels, channels
    reduced_before = False
    stack = []
    for position in range(cells):
        reduces = position in (cells // 3, 2 * cells // 3)
        now = 2 * now if reduces else now
        first = FactorizedReduce if reduced_before else ReLUConvNorm
        prepare = [layer(first, before_channels, now), layer(ReLUConvNorm, last_channels, now)]
        stack.append(_darts_cell(reduction if reduces else normal, prepare, now, reduces))
        before_channels, last_channels, reduced_before = last_channels, nodes * now, reduces

    stride = stem_stride(min(shape[1:]), _LARGEST_IMAGE)
    kernel_size = max(3, 2 * stride - 1)
    stem = layer(
        nn.Sequential,
        layer(nn.Conv2d, shape[0], stem_channels, kernel_size, stride, kernel_size // 2, bias=False),
        layer(nn.BatchNorm2d, stem_channels),
    )
    head = layer(
        nn.Sequential,
        layer(nn.AdaptiveAvgPool2d, 1),
        layer(nn.Flatten),
        layer(nn.Linear, last_channels, outputs),
    )
    return Space(layer(CellNetwork, stem, stack, head), name="cell")


def _darts_cell(decisions: CellDecisions, prepare: list[Layer], channels: Any, reduces: bool) -> Layer:
    def operation(label: str, state: int) -> Layer:
        return darts_operation(label, channels, stride=2 if reduces and state < 2 else 1)

    return cell(decisions, prepare, operation)


def darts_operation(label: str, channels: int | Expression, stride: int = 1) -> Layer:
    """The expression of one operation of DARTS.

    Args:
        label: One of `OPERATIONS`.
        channels: Channels of input and output.
        stride: 1, or 2 to halve height and width.

    Raises:
        SpaceError: When the label is unknown.
    """
    match label:
        case "none":
            return layer(Zero, stride)
        case "max_pool_3x3":
            return layer(PoolNorm, layer(nn.MaxPool2d, 3, stride, 1), channels)
        case "avg_pool_3x3":
            return layer(PoolNorm, layer(nn.AvgPool2d, 3, stride, 1, count_include_pad=False), channels)
        case "skip_connect":
            return layer(nn.Identity) if stride == 1 else layer(FactorizedReduce, channels, channels)
        case "sep_conv_3x3" | "sep_conv_5x5":
            return layer(DartsSeparableConv, channels, int(label[-1]), stride)
        case "dil_conv_3x3" | "dil_conv_5x5":
            return layer(DartsDilatedConv, channels, int(label[-1]), stride)
    raise SpaceError(f"DARTS has no operation {label!r}.{did_you_mean(label, OPERATIONS)}")
