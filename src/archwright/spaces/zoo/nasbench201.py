"""The cell space of NAS-Bench-201 (Dong & Yang 2020, arXiv:2001.00326), and its architecture strings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.architecture import Architecture
from archwright.spaces.decisions import Categorical, categorical
from archwright.spaces.nodes import DeferredCall, layer, switch
from archwright.spaces.scale import scalable
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import (
    CellNode,
    ReLUConv3x3Norm,
    ReLUConvNorm,
    ResidualReduction,
    SummedCell,
    Zero,
)
from archwright.spaces.zoo.parts import pooled_head, stem
from archwright.spaces.zoo.shapes import check_numbers, check_shape

__all__ = ["EDGES", "OPERATIONS", "address", "from_string", "graph_string", "nasbench201_space", "to_string"]

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""The five operations, in the benchmark's order and by its names."""

_NODES = (1, 2, 3)
EDGES = tuple((node, earlier) for node in _NODES for earlier in range(node))
"""The edges of a cell in the benchmark's order, as (node, the state that it reads)."""

_STAGES = 3
_EXAMPLE = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"


@scalable
def nasbench201_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    channels: int = 16,
    cells: int = 5,
    unique: bool = False,
) -> Space:
    """The space of NAS-Bench-201 (Dong & Yang 2020, arXiv:2001.00326): one cell of 4 nodes, stacked.

    Each of the cell's 6 edges has one of 5 operations; a node is the sum of the edges into it, and the last node is
    the cell's output. Convolutions are ReLU, convolution, batch normalisation. A 3x3 convolution to 16 channels is
    followed by three stages of 5 cells, with a residual block between them that halves the sizes and doubles the
    channels, then normalisation, ReLU, a global average and a linear layer. With the defaults, on (3, 32, 32) and
    10 classes, the networks have between 73,306 and 1,531,546 parameters, as in the benchmark's table; an edge that
    leads nowhere counts, as it does there. An image of more than 56 pixels is first reduced by a stride of the stem.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        channels: Channels of the first stage.
        cells: Cells in each of the three stages.
        unique: Count cells with the same `graph_string` as one architecture: 6,466 are left of 15,625. The benchmark's
            table lists all.

    Returns:
        The space, with the addresses `cell.node_NODE.from_STATE`: node 0 is the cell's input, node 3 its output.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is out of range.
    """
    shape = check_shape("nasbench201", input_shape, outputs, [3])
    check_numbers("nasbench201", "(channels, cells)", (channels, cells), ("channels", "cells a stage"))
    decisions = {
        (node, earlier): categorical(OPERATIONS, name=address(node, earlier)) for node, earlier in EDGES
    }
    body = stem(shape, channels)
    width = channels
    for stage in range(_STAGES):
        if stage:
            body.append(layer(ResidualReduction, width, 2 * width))
            width *= 2
        body += [_cell(decisions, width) for _ in range(cells)]
    head = [layer(nn.BatchNorm2d, width), layer(nn.ReLU), *pooled_head(width, outputs)]
    network = layer(nn.Sequential, *body, *head)
    canonicalize = graph_string if unique else None
    return Space(network, canonicalize=canonicalize, name="nasbench201")


def _cell(decisions: Mapping[tuple[int, int], Categorical], channels: int) -> DeferredCall:
    nodes = []
    for node in _NODES:
        edges = {}
        for earlier in range(node):
            options = {label: _operation(label, channels) for label in OPERATIONS}
            edges[str(earlier)] = switch(decisions[node, earlier], options)
        nodes.append(layer(CellNode, edges))
    return layer(SummedCell, nodes)


def _operation(label: str, channels: int) -> DeferredCall:
    return {
        "none": layer(Zero),
        "skip_connect": layer(nn.Identity),
        "nor_conv_1x1": layer(ReLUConvNorm, channels, channels),
        "nor_conv_3x3": layer(ReLUConv3x3Norm, channels, channels),
        "avg_pool_3x3": layer(nn.AvgPool2d, 3, 1, 1, count_include_pad=False),
    }[label]


def address(node: int, earlier: int) -> str:
    """The address of the decision on an edge, see `EDGES`."""
    return f"cell.node_{node}.from_{earlier}"


def to_string(architecture: Mapping[str, Any]) -> str:
    """The benchmark's string of an architecture: `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`.

    Args:
        architecture: One of `nasbench201_space`.

    Raises:
        SpaceError: When it is of another space.
    """
    parts = []
    for node in _NODES:
        labels = []
        for earlier in range(node):
            label = architecture.get(address(node, earlier))
            if label not in OPERATIONS:
                raise SpaceError(
                    f"expected an architecture of NAS-Bench-201, with one of {', '.join(OPERATIONS)} at "
                    f"{address(node, earlier)!r}, got {label!r}; make one with nasbench201_space or from_string"
                )
            labels.append(f"{label}~{earlier}")
        parts.append(f"|{'|'.join(labels)}|")
    return "+".join(parts)


def from_string(text: str) -> Architecture:
    """The architecture of one of the benchmark's strings, the inverse of `to_string`.

    Args:
        text: Such as `|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|`. The
            edges of a node may stand in any order.

    Raises:
        SpaceError: When it has another form, an operation is unknown, or an edge is missing or stands twice.
    """
    parts = [part.strip() for part in text.split("+")] if isinstance(text, str) else []
    if len(parts) != len(_NODES) or not all(re.fullmatch(r"\|.+\|", part) for part in parts):
        raise SpaceError(
            f"expected a NAS-Bench-201 string of {len(_NODES)} nodes joined by '+', each between bars, such as "
            f"{_EXAMPLE!r}, got {text!r}"
        )
    values: dict[str, str] = {}
    for node, part in zip(_NODES, parts, strict=True):
        for edge in part[1:-1].split("|"):
            label, _, earlier = edge.strip().partition("~")
            if label not in OPERATIONS:
                raise SpaceError(
                    f"NAS-Bench-201 has no operation {label!r}, in {edge!r} of node {node}."
                    f"{did_you_mean(label, OPERATIONS)}"
                )
            if earlier not in map(str, range(node)):
                raise SpaceError(
                    f"node {node} of a NAS-Bench-201 cell reads the nodes 0 to {node - 1}, got {edge!r}; write "
                    f"'{label}~0'"
                )
            place = address(node, int(earlier))
            if place in values:
                raise SpaceError(
                    f"expected one operation an edge, got a second one from node {earlier} to node {node}: {edge!r}"
                )
            values[place] = label
        if missing := [n for n in range(node) if address(node, n) not in values]:
            raise SpaceError(
                f"node {node} of a NAS-Bench-201 cell reads each node before it, but {part!r} says nothing of node "
                f"{missing[0]}; write 'none~{missing[0]}' where there is no connection"
            )
    return Architecture({address(*edge): values[address(*edge)] for edge in EDGES})


def graph_string(architecture: Mapping[str, Any]) -> str:
    """What the benchmark calls two cells isomorphic by: the output written as an expression of the input.

    A `skip_connect` stands for the node that it reads, `none` and whatever follows from zeros alone for zero, and the
    terms of a sum are sorted. 6,466 different strings exist. As published, it does not tell one convolution that is
    read twice from two convolutions of the same input.

    Args:
        architecture: One of `nasbench201_space`.

    Example:
        >>> cell = from_string("|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|")
        >>> graph_string(cell)
        '#+#+#+(0)@nor_conv_3x3'
    """
    written = {0: "0"}
    for node in _NODES:
        terms = []
        for earlier in range(node):
            label, source = architecture[address(node, earlier)], written[earlier]
            if label == "none" or source == "#":
                terms.append("#")
            else:
                terms.append(source if label == "skip_connect" else f"({source})@{label}")
        written[node] = "+".join(sorted(terms))
    return written[_NODES[-1]]
