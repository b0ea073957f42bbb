"""Randomly wired networks and NAGO's: the contract, the published form, and what they compute."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import networkx as nx
import pytest
import torch
from torch import Tensor, nn

from archwright.errors import SpaceError
from archwright.spaces import Space
from archwright.spaces.zoo import SPACES, make_space, nago_space, randomly_wired_space
from archwright.spaces.zoo.blocks import ReLUConv3x3Norm, ReLUSeparableConvNorm, WiredGraph, WiredNode
from archwright.spaces.zoo.randomly_wired import GENERATORS, stage_wiring
from archwright.surrogates.graf import cells_of
from archwright.testing import NetworkSpaceContract


def _wired(**options: Any) -> Space:
    return randomly_wired_space((2, 9, 7), 4, **{"nodes": 6, "channels": 4, "last_channels": 8, **options})


def _nago(**options: Any) -> Space:
    return nago_space((2, 9, 7), 4, **{"channels": 2, "last_channels": 8, "nodes": (3, 4), **options})


class TestRandomlyWired(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = _wired
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(2, 2, 9, 7)
    outputs: ClassVar[tuple[int, ...]] = (2, 4)


class TestNago(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = _nago
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(2, 2, 9, 7)
    outputs: ClassVar[tuple[int, ...]] = (2, 4)


def _graphs(network: nn.Module) -> list[WiredGraph]:
    return [module for module in network.modules() if isinstance(module, WiredGraph)]


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("make", [_wired, lambda **options: _wired(nodes=20, **options)])
def test_a_network_is_wired_as_its_graph(generator: str, make: Callable[..., Space]) -> None:
    space = make(generators=[generator])
    for seed in range(5):
        architecture = space.sample(seed)
        parameters = [value for address, value in architecture.items() if address.count(".") == 2]
        stages = _graphs(space.build(architecture))
        assert len(stages) == 3
        for stage, graph in enumerate(stages):
            wiring = stage_wiring(generator, parameters, len(graph.nodes), architecture["seed"], stage)
            joined = nx.Graph((a, b) for b, reads in enumerate(wiring.reads) for a in reads)
            assert nx.is_connected(joined)
            assert len(joined) == len(graph.nodes)
            for node, reads in zip(graph.nodes, wiring.reads, strict=True):
                assert list(node.edges) == ([str(read + 1) for read in reads] or ["0"])
            assert list(graph.outputs) == [str(node + 1) for node in wiring.outputs]


def test_a_node_is_the_papers() -> None:
    """Each input times the sigmoid of its weight, summed; ReLU, depthwise and pointwise convolution, normalisation."""
    node = WiredNode({"0": nn.Identity(), "2": nn.Identity()}, ReLUSeparableConvNorm(3, 5)).double().eval()
    assert node.weights is not None
    node.weights.data = torch.tensor([0.3, -1.2]).double()
    states = [torch.randn(2, 3, 5, 4).double() for _ in range(3)]
    total = states[0] / (1 + math.exp(-0.3)) + states[2] / (1 + math.exp(1.2))
    _, depthwise, pointwise, norm = node.operation
    padded = nn.functional.pad(total.clamp(min=0), (1, 1, 1, 1))
    filtered = torch.zeros_like(total)
    for row in range(3):
        for column in range(3):
            weight = depthwise.weight[:, 0, row, column].view(1, 3, 1, 1)
            filtered += weight * padded[:, :, row : row + 5, column : column + 4]
    mixed = torch.einsum("oc,nchw->nohw", pointwise.weight[:, :, 0, 0], filtered)
    torch.testing.assert_close(node(states), mixed / (1 + norm.eps) ** 0.5)


def test_a_graphs_output_is_the_mean_of_its_sinks() -> None:
    add = [WiredNode({"0": nn.Identity()}, nn.ReLU()), WiredNode({"0": nn.Identity()}, nn.Tanh())]
    graph = WiredGraph(add, {"1": nn.Identity(), "2": nn.Identity()})
    x = torch.randn(2, 1, 3, 3)
    torch.testing.assert_close(graph(x), (x.relu() + x.tanh()) / 2)


def test_the_small_regime_has_the_papers_strides_and_widths() -> None:
    space = randomly_wired_space((3, 224, 224), 1000, channels=78)
    network = space.build(space.default)
    shapes: list[tuple[int, ...]] = []
    for part in network:
        part.register_forward_hook(lambda *seen: shapes.append(tuple(seen[2].shape[1:])))
    with torch.no_grad():
        network.eval()(torch.randn(1, 3, 224, 224))
    assert (39, 56, 56) in shapes  # the stem of the zoo halves a photograph twice
    assert [shape for shape in shapes if shape[0] in (78, 156, 312)][:4] == [
        (78, 28, 28),
        (78, 14, 14),
        (156, 7, 7),
        (312, 4, 4),
    ]


def test_the_regular_regime_is_wired_from_the_second_stage_on() -> None:
    network = _wired(regular=True, nodes=8).build(_wired(regular=True, nodes=8).sample(1))
    graphs = _graphs(network)
    assert [len(graph.nodes) for graph in graphs] == [4, 8, 8, 8]
    assert [graph.nodes[-1].operation[2].out_channels for graph in graphs] == [4, 8, 16, 32]


def test_defaults_are_the_papers_best() -> None:
    default = randomly_wired_space((3, 32, 32), 10).default
    assert dict(default) == {
        "wiring": "watts_strogatz",
        "wiring.watts_strogatz.k": 4,
        "wiring.watts_strogatz.p": 0.75,
        "seed": 0,
    }


def test_nago_is_eight_numbers() -> None:
    space = _nago()
    assert list(space.decisions) == [
        "top.nodes",
        "top.k",
        "top.p",
        "middle.nodes",
        "middle.p",
        "bottom.nodes",
        "bottom.k",
        "bottom.p",
    ]
    assert list(_nago(seeds=5).decisions)[-1] == "seed"


@pytest.mark.parametrize("seed", range(5))
def test_nago_is_a_graph_of_graphs_of_graphs(seed: int) -> None:
    space = _nago()
    architecture = space.sample(seed)
    network = space.build(architecture)
    top, middle, bottom = (architecture[f"{level}.nodes"] for level in ("top", "middle", "bottom"))
    sizes = [len(graph.nodes) for graph in _graphs(network)]
    assert sorted(sizes) == sorted([top, *[middle] * top, *[bottom] * top * middle])
    graphs = [module for module in _graphs(network)[0].modules() if isinstance(module, ReLUConv3x3Norm)]
    assert len(graphs) == top * middle * bottom
    widths = [graph[1].out_channels for graph in graphs]
    stages = [3 * node // top for node in range(top)]
    assert widths == [2 * 2**stage for stage in stages for _ in range(middle * bottom)]


def test_nago_keeps_to_its_parameters() -> None:
    space = _nago(parameters=60_000)
    for seed in range(5):
        network = space.build(space.sample(seed))
        convolutions = [
            module[1].weight.numel()
            for module in _graphs(network)[0].modules()
            if isinstance(module, ReLUConv3x3Norm)
        ]
        assert sum(convolutions) <= 60_000
        wider = 1 + 1 / network[0].out_channels
        assert sum(convolutions) * wider**2 > 60_000


@pytest.mark.parametrize("name", ["randomly_wired", "nago"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 4), (1, 70, 60)])
def test_every_parameter_learns_at_any_size(name: str, shape: tuple[int, ...]) -> None:
    options: dict[str, Any] = {"nodes": 5} if name == "randomly_wired" else {"nodes": (3, 4)}
    space = make_space(name, shape, 3, channels=2, last_channels=4, **options)
    for seed in range(2):
        network = space.build(space.sample(seed))
        output = network(torch.randn(2, *shape))
        output.square().sum().backward()
        assert output.shape == (2, 3)
        assert all(parameter.grad is not None for parameter in network.parameters())


def test_surrogates_read_the_wiring() -> None:
    space = _wired()
    architecture = space.sample(0)
    cells = list(cells_of(space.graph(architecture)).values())
    assert [cell.nodes for cell in cells] == [6, 6, 6]
    for cell, graph in zip(cells, _graphs(space.build(architecture)), strict=True):
        read = [(int(state), number) for number, node in enumerate(graph.nodes, 1) for state in node.edges]
        assert [(a, b) for a, b, _ in cell.edges] == read


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("randomly_wired", {"nodes": 2}, "at least 3 nodes and 2 channels"),
        ("randomly_wired", {"nodes": 5, "regular": True}, "at least 6 nodes"),
        ("randomly_wired", {"seeds": 0}, "whole numbers >= 1"),
        ("randomly_wired", {"generators": ["watts"]}, "Did you mean 'watts_strogatz'"),
        ("nago", {"nodes": (2, 5)}, "3 <= fewest <= most"),
        ("nago", {"channels": 0}, "whole numbers >= 1"),
        ("nago", {"parameters": -1}, "whole number >= 1 or None"),
        ("nago", {"dropout": 1.5}, r"dropout in \[0, 1\)"),
    ],
)
def test_wrong_options_are_told(name: str, options: dict[str, Any], told: str) -> None:
    assert name in SPACES
    with pytest.raises(SpaceError, match=told):
        make_space(name, (1, 8, 8), 3, **options)
