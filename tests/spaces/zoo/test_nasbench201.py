"""NAS-Bench-201's space: published counts, the architecture strings, and cells that compute what they say."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from archwright.errors import SpaceError
from archwright.spaces import Space
from archwright.spaces.zoo import nasbench201_space
from archwright.spaces.zoo.blocks import SummedCell
from archwright.spaces.zoo.nasbench201 import OPERATIONS, from_string, graph_string, to_string
from archwright.testing import NetworkSpaceContract

_EDGES = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]


def _string(*labels: str) -> str:
    first, second, third = labels[:1], labels[1:3], labels[3:]
    return "+".join(
        "|" + "|".join(f"{label}~{earlier}" for earlier, label in enumerate(node)) + "|"
        for node in (first, second, third)
    )


cells = st.lists(st.sampled_from(OPERATIONS), min_size=6, max_size=6).map(lambda labels: _string(*labels))


class TestContract(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = lambda: nasbench201_space((3, 9, 8), 4, channels=4, cells=1)
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(2, 3, 9, 8)
    outputs: ClassVar[tuple[int, ...]] = (2, 4)


class TestUniqueContract(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = lambda: nasbench201_space(
        (1, 8, 8), 4, channels=4, cells=1, unique=True
    )
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(2, 1, 8, 8)
    outputs: ClassVar[tuple[int, ...]] = (2, 4)


def _parameters(text: str, outputs: int = 10) -> int:
    network = nasbench201_space((3, 32, 32), outputs).build(from_string(text))
    return sum(parameter.numel() for parameter in network.parameters())


# The smallest and the largest of the benchmark's table, and one that its issue tracker quotes (NATS-Bench, 36).
@pytest.mark.parametrize(
    ("text", "outputs", "parameters"),
    [
        (_string(*["none"] * 6), 10, 73_306),
        (_string(*["nor_conv_3x3"] * 6), 10, 1_531_546),
        (_string(*["none"] * 6), 100, 79_156),
        (_string(*["nor_conv_3x3"] * 6), 100, 1_537_396),
        (
            "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
            10,
            802_426,
        ),
        # Two convolutions of each cell, by the former; docs/zoo.md says it.
        ("|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|", 10, 559_386),
    ],
)
def test_published_parameter_counts(text: str, outputs: int, parameters: int) -> None:
    assert _parameters(text, outputs) == parameters


def test_sizes() -> None:
    assert nasbench201_space((3, 32, 32), 10).size == 15_625
    assert nasbench201_space((3, 32, 32), 10, unique=True).size == 6_466


def test_the_addresses_name_both_ends_of_an_edge() -> None:
    assert list(nasbench201_space((3, 32, 32), 10).decisions) == [
        f"cell.node_{node}.from_{earlier}" for node, earlier in _EDGES
    ]


@given(text=cells)
@settings(deadline=None)
def test_strings_go_both_ways(text: str) -> None:
    architecture = from_string(text)
    assert nasbench201_space((3, 32, 32), 10).contains(architecture)
    assert to_string(architecture) == text


@given(text=cells, order=st.permutations(range(3)))
@settings(deadline=None)
def test_the_edges_of_a_node_may_stand_in_any_order(text: str, order: list[int]) -> None:
    first, second, third = text.split("+")
    edges = third.strip("|").split("|")
    turned = "|" + "|".join(edges[place] for place in order) + "|"
    assert from_string(f"{first}+{second}+{turned}") == from_string(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "string of 3 nodes joined by"),
        ("|none~0|+|none~0|none~1|", "string of 3 nodes"),
        ("none~0+|none~0|none~1|+|none~0|none~1|none~2|", "each between bars"),
        (
            "|nor_conv_3x4~0|+|none~0|none~1|+|none~0|none~1|none~2|",
            "no operation 'nor_conv_3x4'.*Did you mean 'nor_conv_3x3'",
        ),
        ("|none~1|+|none~0|none~1|+|none~0|none~1|none~2|", "node 1 .* reads the nodes 0 to 0, got 'none~1'"),
        ("|none~0|+|none~0|none~0|+|none~0|none~1|none~2|", "second one from node 0 to node 2"),
        ("|none~0|+|none~0|none~1|+|none~0|none~2|", "says nothing of node 1; write 'none~1'"),
        ("|none|+|none~0|none~1|+|none~0|none~1|none~2|", "got 'none'; write 'none~0'"),
        ("|none~0||+|none~0|none~1|+|none~0|none~1|none~2|", "no operation ''"),
    ],
)
def test_wrong_strings_are_told(text: str, told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        from_string(text)


def test_an_architecture_of_another_space_has_no_string() -> None:
    with pytest.raises(SpaceError, match=r"expected an architecture of NAS-Bench-201.*'cell.node_1.from_0'"):
        to_string({"depth": 3})


@pytest.mark.parametrize("option", [{"channels": 0}, {"cells": 0}, {"channels": 1.5}])
def test_wrong_options_are_told(option: dict[str, object]) -> None:
    with pytest.raises(SpaceError, match=r"expected \(channels, cells\) to be"):
        nasbench201_space((3, 32, 32), 10, **option)  # type: ignore[arg-type]


def _value(labels: tuple[str, ...]) -> float:
    """What a cell of numbers gives for 1, each operation a function of its own: no word of the graph strings."""
    functions: dict[str, Callable[[float], float]] = {
        "none": lambda x: 0.0,
        "skip_connect": lambda x: x,
        "nor_conv_1x1": lambda x: x * math.sqrt(2) + 0.1 * x * x,
        "nor_conv_3x3": lambda x: x * math.pi + 0.1 * x * x,
        "avg_pool_3x3": lambda x: x * math.e / 3,
    }
    values = [1.0, 0.0, 0.0, 0.0]
    for (node, earlier), label in zip(_EDGES, labels, strict=True):
        values[node] += functions[label](values[earlier])
    return values[3]


def test_equal_graph_strings_compute_the_same() -> None:
    found: dict[str, float] = {}
    for labels in itertools.product(OPERATIONS, repeat=6):
        value = _value(labels)
        written = graph_string(from_string(_string(*labels)))
        assert found.setdefault(written, value) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_a_cell_sums_its_edges(seed: int) -> None:
    space = nasbench201_space((3, 8, 8), 4, channels=4, cells=1)
    architecture = space.sample(seed)
    network = space.build(architecture).eval()
    cell = next(module for module in network.modules() if isinstance(module, SummedCell))
    x = torch.randn(2, 4, 8, 8)
    states = [x, *[torch.zeros_like(x)] * 3]
    for node, earlier in _EDGES:
        operation = cell.nodes[node - 1].edges[str(earlier)]
        if architecture[f"cell.node_{node}.from_{earlier}"] != "none":
            states[node] = states[node] + operation(states[earlier])
    torch.testing.assert_close(cell(x), states[3])


def test_every_parameter_that_the_output_depends_on_learns() -> None:
    space = nasbench201_space((3, 8, 8), 4, channels=4, cells=1)
    full = from_string(_string(*["nor_conv_3x3"] * 6))
    network = space.build(full)
    network(torch.randn(2, 3, 8, 8)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_an_average_does_not_count_the_border() -> None:
    space = nasbench201_space((3, 8, 8), 4, channels=4, cells=1)
    network = space.build(from_string(_string(*["avg_pool_3x3"] * 6)))
    pools = [m for m in network.modules() if isinstance(m, nn.AvgPool2d) and m.kernel_size == 3]
    assert len(pools) == 18
    for pool in pools:
        torch.testing.assert_close(pool(torch.ones(1, 4, 5, 5)), torch.ones(1, 4, 5, 5))
