"""NAGO's generator: a graph of graphs of graphs, from eight numbers (Ru et al. 2020, arXiv:2004.01395)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.decisions import integer, real
from archwright.spaces.expression import children_of
from archwright.spaces.nodes import DeferredCall, generated, layer
from archwright.spaces.scale import scalable
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import ConvNormAct, ReLUConv3x3Norm
from archwright.spaces.zoo.parts import pooled_head, stem
from archwright.spaces.zoo.randomly_wired import graph_call, stage_wiring
from archwright.spaces.zoo.shapes import check_numbers, check_shape, check_widths, fitting_strides

__all__ = ["nago_space"]

_RATIOS = (1, 2, 4)
"""Channels of the three stages, as multiples of the first's."""

_Level = tuple[str, tuple[float, ...], int]
"""Generator, its parameters and the number of nodes."""


@scalable
def nago_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    nodes: Sequence[int] = (3, 10),
    channels: int = 8,
    parameters: int | None = None,
    last_channels: int = 1280,
    dropout: float = 0.2,
    seeds: int = 1,
) -> Space:
    """The hierarchical generator of NAGO (Ru et al. 2020, arXiv:2004.01395): three nested random graphs, eight numbers.

    Each node of the top graph is a graph, each of whose nodes is a graph again, whose nodes are ReLU, 3x3 convolution
    and normalisation. The top and the bottom graphs are Watts-Strogatz ones, those between Erdős-Rényi; all are drawn
    on their own, and again where they are not connected. A node adds its inputs, each times the sigmoid of a weight;
    the mean of the nodes that nobody reads is a graph's output. The first, second and last third of the top graph's
    nodes have channels in the ratio 1 : 2 : 4 and, where the image has them to give, halve height and width; what they
    read from an earlier third is averaged, and its channels brought to those of the last input by a 1x1 convolution.
    Networks have up to 1,000 convolutions. K is at most the number of nodes less one, and an odd K counts as the even
    one below, as in the authors' program, whose operations and merging these are.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        nodes: Fewest and most nodes of each graph, at least 3.
        channels: Channels of the first stage.
        parameters: About how many weights the convolutions of the graphs have together: the channels of the first
            stage then are the most that keep to it, as in the paper (4,000,000). None takes `channels`.
        last_channels: Channels before the global average.
        dropout: Probability of dropping a feature before the last linear layer, in [0, 1).
        seeds: How many networks each eight numbers stand for; with more than 1, `seed` is decided too.

    Returns:
        The space, with the addresses `top.nodes`, `top.k`, `top.p`, `middle.nodes`, `middle.p`, `bottom.nodes`,
        `bottom.k` and `bottom.p`.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is out of range.
    """
    shape = check_shape("nago", input_shape, outputs, [3])
    parts = "channels", "last_channels", "seeds"
    check_numbers("nago", f"({', '.join(parts)})", (channels, last_channels, seeds), parts)
    fewest, most = check_numbers("nago", "nodes", nodes, ("fewest", "most"))
    if not 3 <= fewest <= most:
        raise SpaceError(f"the space 'nago': expected 3 <= fewest <= most nodes, got {nodes!r}")
    check_widths("nago", None, "a dropout", dropout)
    if parameters is not None and (not isinstance(parameters, int) or parameters < 1):
        raise SpaceError(
            f"the space 'nago': expected parameters to be a whole number >= 1 or None, got {parameters!r}"
        )
    network = generated(
        _network,
        shape,
        outputs,
        _graph_numbers("top", (fewest, most), (0.1, 1.0), with_k=True),
        _graph_numbers("middle", (fewest, most), (0.2, 1.0), with_k=False),
        _graph_numbers("bottom", (fewest, most), (0.1, 1.0), with_k=True),
        seed=integer(0, seeds - 1, name="seed") if seeds > 1 else 0,
        channels=channels,
        parameters=parameters,
        last_channels=last_channels,
        dropout=dropout,
    )
    return Space(network, name="nago")


def _graph_numbers(name: str, nodes: tuple[int, int], p: tuple[float, float], *, with_k: bool) -> list[Any]:
    """What is decided of one of the three graphs: nodes, K where it has one, and P."""
    k = [integer(2, 5, name=f"{name}.k")] if with_k else []
    return [integer(*nodes, name=f"{name}.nodes"), *k, real(*p, name=f"{name}.p")]


def _network(
    shape: Sequence[int],
    outputs: int,
    top: Sequence[Any],
    middle: Sequence[Any],
    bottom: Sequence[Any],
    *,
    seed: int,
    channels: int,
    parameters: int | None,
    last_channels: int,
    dropout: float,
) -> DeferredCall:
    levels = [_level(*top), _level(*middle), _level(*bottom)]
    strides = [1, *fitting_strides([2, 2], min(shape[1:]))]
    if parameters is not None:
        channels = max(1, math.isqrt(parameters // _weights(_top_graph(levels, seed, strides, 1))))
    first = [*stem(shape, channels), layer(ReLUConv3x3Norm, channels, channels)]
    last = _RATIOS[-1] * channels
    head = [layer(nn.ReLU), layer(ConvNormAct, last, last_channels, 1)]
    dropped = [layer(nn.Dropout, dropout)] if dropout else []
    graph = _top_graph(levels, seed, strides, channels)
    return layer(nn.Sequential, *first, graph, *head, *pooled_head(last_channels, outputs, *dropped))


def _level(nodes: int, *parameters: float) -> _Level:
    if len(parameters) == 1:
        return "erdos_renyi", parameters, nodes
    return "watts_strogatz", (min(parameters[0], nodes - 1), parameters[1]), nodes


def _top_graph(levels: Sequence[_Level], seed: int, strides: Sequence[int], channels: int) -> DeferredCall:
    generator, parameters, nodes = levels[0]
    wiring = stage_wiring(generator, parameters, nodes, seed, "top")
    stages = [len(_RATIOS) * node // nodes for node in range(nodes)]
    widths = [_RATIOS[stage] * channels for stage in stages]

    def read_width(node: int) -> int:
        reads = wiring.reads[node]
        return widths[reads[-1]] if reads else channels

    def operation(node: int) -> DeferredCall:
        return _nested(levels[1:], seed, f"{node}", read_width(node), widths[node])

    def edge(read: int | None, node: int | None) -> DeferredCall:
        begin, before = (0, channels) if read is None else (stages[read], widths[read])
        end, after = (stages[-1], widths[-1]) if node is None else (stages[node], read_width(node))
        side = math.prod(strides[begin + 1 : end + 1])
        parts = [layer(nn.AvgPool2d, side, side, ceil_mode=True)] if side > 1 else []
        parts += [layer(nn.Conv2d, before, after, 1)] if before != after else []
        return layer(nn.Sequential, *parts) if len(parts) > 1 else parts[0] if parts else layer(nn.Identity)

    return graph_call(wiring, operation, edge)


def _nested(levels: Sequence[_Level], seed: int, path: str, before: int, after: int) -> DeferredCall:
    """The graph at a node of the level above; below the last level, its convolution."""
    if not levels:
        return layer(ReLUConv3x3Norm, before, after)
    generator, parameters, nodes = levels[0]
    wiring = stage_wiring(generator, parameters, nodes, seed, path)

    def operation(node: int) -> DeferredCall:
        return _nested(levels[1:], seed, f"{path}.{node}", after if wiring.reads[node] else before, after)

    return graph_call(wiring, operation)


def _weights(node: Any) -> int:
    """How many weights the 3x3 convolutions in an expression have."""
    if isinstance(node, DeferredCall) and node.fn is ReLUConv3x3Norm:
        return 9 * int(node.args[0]) * int(node.args[1])
    return sum(map(_weights, children_of(node)))
