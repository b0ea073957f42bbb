"""The NASNet cell space (Zoph et al. 2018, arXiv:1707.07012)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

from torch import nn

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.decisions import Categorical, categorical
from archwright.spaces.expression import Expression
from archwright.spaces.nodes import DeferredCall, layer, switch, when
from archwright.spaces.scale import scalable
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import (
    BottleneckConv,
    CellBlock,
    CellNetwork,
    CellNode,
    DartsSeparableConv,
    DropPath,
    FactorizedReduce,
    NasnetCell,
    ReLUConvNorm,
)
from archwright.spaces.zoo.cells import stacked_cells
from archwright.spaces.zoo.parts import pooled_head, stem
from archwright.spaces.zoo.shapes import check_labels, check_numbers, check_shape, check_widths

__all__ = ["COMBINATIONS", "OPERATIONS", "Concatenated", "nasnet_operation", "nasnet_space"]

OPERATIONS = (
    "skip_connect",
    "conv_1x3_3x1",
    "conv_1x7_7x1",
    "dil_conv_3x3",
    "avg_pool_3x3",
    "max_pool_3x3",
    "max_pool_5x5",
    "max_pool_7x7",
    "conv_1x1",
    "conv_3x3",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
)
"""The thirteen operations of the paper, by the names the field has taken up since."""

COMBINATIONS = ("add", "concat")
"""The two ways of the paper to combine what a block's hands give."""

Concatenated = str | Mapping[str, Sequence[int]]
"""Which states a cell's output is made of: "unused", "all", or numbers of states for "normal" and "reduction"."""

_INPUTS = 2
_STEM_MULTIPLIER = 3
_KINDS = ("normal", "reduction")


@scalable
def nasnet_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    repeats: int = 3,
    channels: int | Expression = 24,
    blocks: int = 5,
    operations: Sequence[str] = OPERATIONS,
    combinations: Sequence[str] = ("add",),
    concatenate: Concatenated = "unused",
    drop_path: float = 0.0,
) -> Space:
    """The NASNet space: a normal and a reduction cell of blocks, each repeated (Zoph et al. 2018, arXiv:1707.07012).

    A block applies one operation to each of two earlier states, which may be the same, and combines the two results.
    All normal cells have one wiring and all reduction cells another, every cell its own weights. A cell reads the
    outputs of the two cells before it. There are `repeats` normal cells, a reduction cell, and so on: reduction cells
    halve the sizes and double the channels.

    The defaults are the scale at which Real et al. 2019, arXiv:1802.01548, searched (N=3, F=24). NASNet-A (6 @ 768)
    is `space.scale(repeats=6, channels=32)`. Convolutions other than the separable ones run on a quarter of the
    channels (3/8 for `conv_1x3_3x1`) between 1x1 convolutions, as in the authors' programs.

    An image of more than 56 pixels is first reduced by a stride of the stem.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        repeats: Number of normal cells before, between and after the two reduction cells: the paper's N.
        channels: Channels of the first cells' blocks, at least 2: the paper's F. May be a decision.
        blocks: Number of blocks in a cell: the paper's B.
        operations: Some of `OPERATIONS`.
        combinations: Some of `COMBINATIONS`; with both, each block decides. A concatenation is brought back to the
            cell's channels by ReLU, 1x1 convolution and norm.
        concatenate: Which states a cell's output is made of: "unused", those that no block of the cell reads, as in
            the paper; "all", so that widths are the same in all architectures; or numbers of states, such as
            `{"normal": [0, 2, 3], "reduction": [2, 3]}`. An input of a reduction cell is halved for it.
        drop_path: Probability that an operation's output is dropped for an image while training, in [0, 1). Skip
            connections stay. The papers raise it from 0 over the steps and the depth; here it is the same in all.

    Returns:
        The space, with the addresses `normal.BLOCK.left_input`, `normal.BLOCK.left_operation`, the same for `right`,
        `normal.BLOCK.combine` where there is a choice, and all these for `reduction`. States 0 and 1 are the outputs
        of the cell before the last and of the last; state k + 2 is block k.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is unknown or out of range.
    """
    shape = check_shape("nasnet", input_shape, outputs, [3])
    labels = check_labels("nasnet", "operation", operations, OPERATIONS)
    ways = check_labels("nasnet", "combination", combinations, COMBINATIONS)
    check_numbers("nasnet", "(repeats, blocks)", (repeats, blocks), ["repeats", "blocks"])
    check_widths("nasnet", channels, "a probability drop_path", drop_path)
    kinds = {kind: _decide(kind, labels, ways, blocks, concatenate) for kind in _KINDS}
    stem_channels = _STEM_MULTIPLIER * channels
    reduces = [position in (repeats, 2 * repeats + 1) for position in range(3 * repeats + 2)]
    stack, last_channels = stacked_cells(reduces, channels, stem_channels, partial(_cell, kinds, drop_path))
    head = layer(nn.Sequential, layer(nn.ReLU), *pooled_head(last_channels, outputs))
    network = layer(CellNetwork, layer(nn.Sequential, *stem(shape, stem_channels)), stack, head)
    return Space(network, name="nasnet")


@dataclass(frozen=True, slots=True)
class _Hand:
    """What is decided about one hand of a block: the state it reads and the operation on it."""

    state: Categorical
    operation: Categorical


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is decided about one kind of cell, and the states that its output is made of."""

    hands: tuple[tuple[_Hand, _Hand], ...]
    joins: tuple[Expression | bool, ...]
    outputs: Mapping[int, Expression | bool]
    """State to whether it is part of the cell's output."""

    @property
    def width(self) -> Any:
        """Number of states in the cell's output."""
        return sum(self.outputs.values())


def _decide(
    name: str, labels: Sequence[str], ways: Sequence[str], blocks: int, concatenate: Concatenated
) -> _Kind:
    def hand(block: int, side: str) -> _Hand:
        return _Hand(
            categorical(range(_INPUTS + block), name=f"{name}.{block}.{side}_input"),
            categorical(labels, name=f"{name}.{block}.{side}_operation"),
        )

    hands = tuple((hand(block, "left"), hand(block, "right")) for block in range(blocks))
    if len(ways) == 1:
        joins: tuple[Expression | bool, ...] = (ways[0] == "concat",) * blocks
    else:
        joins = tuple(
            categorical(ways, name=f"{name}.{block}.combine").equals("concat") for block in range(blocks)
        )
    states = range(_INPUTS + blocks)
    if concatenate == "unused":
        return _Kind(hands, joins, {state: _unused(state, hands) for state in states})
    fixed = states if concatenate == "all" else _fixed(name, concatenate, states)
    return _Kind(hands, joins, dict.fromkeys(fixed, True))


def _unused(state: int, hands: Sequence[tuple[_Hand, _Hand]]) -> Expression | bool:
    """The condition that no hand reads a state; True where none can."""
    able = [hand for pair in hands for hand in pair if state in hand.state.labels]
    return ~reduce(lambda a, b: a | b, [hand.state.equals(state) for hand in able]) if able else True


def _fixed(name: str, concatenate: Concatenated, known: range) -> tuple[int, ...]:
    """The numbers of states asked for, checked."""
    states = tuple(concatenate.get(name, ())) if isinstance(concatenate, Mapping) else ()
    if not states or any(s not in known for s in states) or len(set(states)) < len(states):
        raise SpaceError(
            "the space 'nasnet': expected concatenate to be 'unused', 'all' or a dict of 'normal' and 'reduction' to "
            f"different states, from 0 to {known[-1]}, got {concatenate!r}"
        )
    return states


def _cell(
    kinds: Mapping[str, _Kind], drop_path: float, reduces: bool, prepare: list[DeferredCall], channels: Any
) -> tuple[DeferredCall, Any]:
    """A cell, and the channels of its output."""
    kind = kinds["reduction" if reduces else "normal"]
    operation = partial(_hand_operation, channels, drop_path)

    def node(hand: _Hand) -> DeferredCall:
        options = {
            stride: switch(
                hand.operation, {label: operation(label, stride) for label in hand.operation.labels}
            )
            for stride in ((1, 2) if reduces else (1,))
        }
        edges = {
            str(state): when(hand.state.equals(state), options[2 if reduces and state < _INPUTS else 1])
            for state in hand.state.labels
        }
        return layer(CellNode, edges)

    def present(condition: Expression | bool, part: Any) -> Any:
        return when(condition, part) if isinstance(condition, Expression) else part

    made = []
    for (left, right), joins in zip(kind.hands, kind.joins, strict=True):
        join = [] if joins is False else [present(joins, layer(ReLUConvNorm, 2 * channels, channels))]
        made.append(layer(CellBlock, node(left), node(right), *join))
    concatenate = [present(part, state) for state, part in kind.outputs.items()]
    smaller = {
        str(state): present(part, layer(FactorizedReduce, channels, channels))
        for state, part in kind.outputs.items()
        if reduces and state < _INPUTS
    }
    cell = layer(NasnetCell, prepare, made, concatenate, *([smaller] if smaller else []))
    return cell, channels * kind.width


def _hand_operation(channels: int | Expression, drop_path: float, label: str, stride: int) -> DeferredCall:
    operation = nasnet_operation(label, channels, stride)
    if not drop_path or label == "skip_connect":
        return operation
    return layer(nn.Sequential, operation, layer(DropPath, drop_path))


def nasnet_operation(label: str, channels: int | Expression, stride: int = 1) -> DeferredCall:
    """The expression of one operation of NASNet.

    Args:
        label: One of `OPERATIONS`.
        channels: Channels of input and output.
        stride: 1, or 2 to halve height and width.

    Raises:
        SpaceError: When the label is unknown.
    """
    size = int(label[-1]) if label[-1:].isdigit() else 0
    match label:
        case "skip_connect":
            return layer(nn.Identity) if stride == 1 else layer(ReLUConvNorm, channels, channels, stride)
        case "conv_1x1":
            return layer(ReLUConvNorm, channels, channels, stride)
        case "conv_3x3":
            return layer(BottleneckConv, channels, [(3, 3)], stride)
        case "conv_1x3_3x1":
            return layer(BottleneckConv, channels, [(1, 3), (3, 1)], stride, share=3 / 8)
        case "conv_1x7_7x1":
            return layer(BottleneckConv, channels, [(1, 7), (7, 1)], stride)
        case "dil_conv_3x3":
            return layer(BottleneckConv, channels, [(3, 3)], stride, dilation=2)
        case "avg_pool_3x3":
            return layer(nn.AvgPool2d, 3, stride, 1, count_include_pad=False)
        case "max_pool_3x3" | "max_pool_5x5" | "max_pool_7x7":
            return layer(nn.MaxPool2d, size, stride, size // 2)
        case "sep_conv_3x3" | "sep_conv_5x5" | "sep_conv_7x7":
            return layer(DartsSeparableConv, channels, size, stride)
    raise SpaceError(f"NASNet has no operation {label!r}.{did_you_mean(label, OPERATIONS)}")
