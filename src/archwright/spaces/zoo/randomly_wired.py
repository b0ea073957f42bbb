"""Randomly wired networks (Xie et al. 2019, arXiv:1904.01569): what is decided is the generator of the wiring."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.decisions import integer, real
from archwright.spaces.expression import Expression
from archwright.spaces.nodes import DeferredCall, choice, generated, layer
from archwright.spaces.scale import scalable
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import (
    ConvNormAct,
    ReLUConv3x3Norm,
    ReLUSeparableConvNorm,
    WiredGraph,
    WiredNode,
)
from archwright.spaces.zoo.parts import pooled_head, stem
from archwright.spaces.zoo.random_graphs import (
    Edges,
    Wiring,
    barabasi_albert,
    connected,
    erdos_renyi,
    watts_strogatz,
    wired,
)
from archwright.spaces.zoo.shapes import check_labels, check_numbers, check_shape, fitting_strides

__all__ = ["GENERATORS", "graph_call", "randomly_wired_space", "stage_wiring"]

GENERATORS = ("watts_strogatz", "erdos_renyi", "barabasi_albert")
"""The three generators, the best of the paper first."""

_STAGES = 3


@scalable
def randomly_wired_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    nodes: int = 32,
    channels: int = 16,
    last_channels: int = 1280,
    generators: Sequence[str] = GENERATORS,
    seeds: int = 1000,
    regular: bool = False,
) -> Space:
    """Networks wired as random graphs (Xie et al. 2019, arXiv:1904.01569), in the two regimes of its table 1.

    What is decided is the generator, its parameters and the seed: Watts-Strogatz by K and P, Erdős-Rényi by P,
    Barabási-Albert by M. Two convolutions are followed by three stages, each a random graph of its own, of C, 2C and 4C
    channels, that halve height and width where the image has them to give; then a 1x1 convolution, a global average and
    a linear layer. In the regular regime a graph of half the nodes and C channels stands for the second convolution,
    and the three stages have 2C, 4C and 8C channels.

    Edges lead from the lower to the higher node: Watts-Strogatz nodes are numbered around the ring, Barabási-Albert
    nodes as they are added. A node is the sum of its inputs, each times the sigmoid of a weight, then ReLU, separable
    3x3 convolution and normalisation; nodes that read the stage's input have stride 2, and the mean of the nodes that
    nobody reads is the stage's output. Unconnected graphs are drawn again.

    The paper has 32 nodes, and 78 channels in the small regime, 109 or 154 in the regular one; it compares generators
    by the mean over five seeds.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        nodes: Nodes of each stage, at least 3.
        channels: Channels of the first stage, C; the first convolution has half as many. At least 2.
        last_channels: Channels before the global average.
        generators: Some of `GENERATORS`.
        seeds: How many seeds there are.
        regular: Whether to take the regular regime; the nodes must then be at least 6.

    Returns:
        The space, with the addresses `wiring`, the generator; `wiring.GENERATOR.NAME` for its parameters `k`, `p`, `m`;
        and `seed`.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is unknown or out of range.
    """
    shape = check_shape("randomly_wired", input_shape, outputs, [3])
    labels = check_labels("randomly_wired", "generator", generators, GENERATORS)
    parts = "nodes", "channels", "last_channels", "seeds"
    check_numbers("randomly_wired", f"({', '.join(parts)})", (nodes, channels, last_channels, seeds), parts)
    least = nodes // 2 if regular else nodes
    if least < 3 or channels < 2:
        raise SpaceError(
            f"the space 'randomly_wired': expected at least {6 if regular else 3} nodes and 2 channels, got "
            f"nodes={nodes} and channels={channels}"
        )
    generator = choice({label: _PARAMETERS[label](least) for label in labels}, name="wiring")
    seed = integer(0, seeds - 1, name="seed")
    strides = fitting_strides([2] * (1 + _STAGES), min(shape[1:]))
    body: list[DeferredCall] = stem(shape, channels // 2)
    before = channels // 2
    for stage, stride in enumerate(strides):
        if stage or regular:
            size, width = nodes if stage else nodes // 2, channels * 2 ** (stage if regular else stage - 1)
            body.append(generated(_stage, generator, size, seed, stage - 1, before, width, stride))
        else:
            width = channels
            body.append(layer(ReLUConv3x3Norm, before, width, stride))
        before = width
    last = [layer(nn.ReLU), layer(ConvNormAct, before, last_channels, 1)]
    network = layer(nn.Sequential, *body, *last, *pooled_head(last_channels, outputs))
    return Space(network, name="randomly_wired")


def _ws_parameters(nodes: int) -> tuple[Any, ...]:
    most = max(2, min(8, (nodes - 1) // 2 * 2))
    return (
        "watts_strogatz",
        integer(2, most, step=2, name="k", default=min(4, most)),
        real(0.0, 1.0, name="p", default=0.75),
    )


def _er_parameters(nodes: int) -> tuple[Any, ...]:
    # Below log(N) / N nearly no graph is connected.
    least = math.ceil(100 * math.log(nodes) / nodes) / 100
    return "erdos_renyi", real(least, 1.0, name="p", default=max(0.2, least))


def _ba_parameters(nodes: int) -> tuple[Any, ...]:
    most = min(7, nodes - 1)
    return "barabasi_albert", integer(1, most, name="m", default=min(5, most))


_PARAMETERS: dict[str, Callable[[int], tuple[Any, ...]]] = {
    "watts_strogatz": _ws_parameters,
    "erdos_renyi": _er_parameters,
    "barabasi_albert": _ba_parameters,
}
_DRAWN: dict[str, Callable[..., Edges]] = {
    "watts_strogatz": watts_strogatz,
    "erdos_renyi": erdos_renyi,
    "barabasi_albert": barabasi_albert,
}


def stage_wiring(generator: str, parameters: Sequence[float], nodes: int, seed: int, stage: object) -> Wiring:
    """The wiring of a stage, which depends on the arguments alone.

    Args:
        generator: One of `GENERATORS`.
        parameters: Its own, in order: k and p, p, or m.
        nodes: How many nodes.
        seed: The architecture's seed.
        stage: What has this graph, such as the number of the stage: each draws one of its own.
    """

    def draw(random: Random) -> Edges:
        return _DRAWN[generator](nodes, *parameters, random=random)

    return wired(connected(draw, nodes, Random(f"{seed} {stage}")), nodes)


def graph_call(
    wiring: Wiring,
    operation: Callable[[int], Expression],
    edge: Callable[[int | None, int | None], Expression] = lambda _, __: layer(nn.Identity),
) -> DeferredCall:
    """The call of a `WiredGraph`.

    Args:
        wiring: The graph.
        operation: From the number of a node to its operation.
        edge: From two nodes to what is done to the state of the first before the second reads it; None stands for the
            graph's input and for its output.
    """

    def node(number: int, reads: Sequence[int]) -> DeferredCall:
        edges = {str(read + 1): edge(read, number) for read in reads} or {"0": edge(None, number)}
        return layer(WiredNode, edges, operation(number))

    outputs = {str(number + 1): edge(number, None) for number in wiring.outputs}
    return layer(WiredGraph, [node(number, reads) for number, reads in enumerate(wiring.reads)], outputs)


def _stage(
    generator: Sequence[Any], nodes: int, seed: int, stage: int, before: int, width: int, stride: int
) -> DeferredCall:
    name, *parameters = generator
    wiring = stage_wiring(name, parameters, nodes, seed, stage)

    def operation(node: int) -> DeferredCall:
        if wiring.reads[node]:
            return layer(ReLUSeparableConvNorm, width, width)
        return layer(ReLUSeparableConvNorm, before, width, stride)

    return graph_call(wiring, operation)
