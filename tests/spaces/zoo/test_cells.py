"""Cells as expressions: what is decided, what is shared, and that the network follows."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from archwright.errors import SpaceError
from archwright.spaces import Expression, Space, layer
from archwright.spaces.zoo import cell, cell_decisions


class Times(nn.Module):
    """Multiplies by a number that tells the operations apart."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


class Pair(nn.Module):
    """Two cells side by side."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second


FACTORS = {"double": 2.0, "triple": 3.0, "minus": -1.0}


def operation(label: str, state: int) -> Expression:
    return layer(Times, FACTORS[label] * 10**state)


def prepare(inputs: int) -> list[Expression]:
    return [layer(nn.Identity) for _ in range(inputs)]


def test_size_is_the_product_over_the_nodes() -> None:
    decisions = cell_decisions("cell", list(FACTORS), nodes=3)
    space = Space(cell(decisions, prepare(2), operation))
    assert space.size == math.comb(2, 2) * math.comb(3, 2) * math.comb(4, 2) * 3**6


def test_any_number_of_edges() -> None:
    decisions = cell_decisions("cell", list(FACTORS), nodes=2, inputs=1, edges=(1, 2))
    space = Space(cell(decisions, prepare(1), operation))
    first = math.comb(1, 1) * 3
    second = math.comb(2, 1) * 3 + math.comb(2, 2) * 9
    assert space.size == first * second
    assert sum(1 for _ in space) == first * second


def test_a_cell_computes_what_its_architecture_says() -> None:
    decisions = cell_decisions("cell", list(FACTORS), nodes=2)
    space = Space(cell(decisions, prepare(2), operation))
    architecture = space.architecture(
        {
            "cell.0.inputs": (0, 1),
            "cell.0.from_0": "double",
            "cell.0.from_1": "minus",
            "cell.1.inputs": (1, 2),
            "cell.1.from_1": "triple",
            "cell.1.from_2": "double",
        }
    )
    a, b = torch.randn(3, 2), torch.randn(3, 2)
    first = 2 * a - 10 * b
    second = 30 * b + 200 * first
    torch.testing.assert_close(space.build(architecture)(a, b), torch.cat([first, second], dim=1))


def test_only_the_operations_on_the_chosen_edges_are_decided() -> None:
    decisions = cell_decisions("cell", list(FACTORS), nodes=3)
    space = Space(cell(decisions, prepare(2), operation))
    for seed in range(20):
        architecture = space.sample(seed)
        for node in range(3):
            decided = {
                int(address.rpartition("_")[2])
                for address in architecture
                if address.startswith(f"cell.{node}.from_")
            }
            assert decided == set(architecture[f"cell.{node}.inputs"])


def test_cells_of_the_same_decisions_share_wiring_but_not_weights() -> None:
    def linear(label: str, state: int) -> Expression:
        return layer(nn.Linear, 3, 3, bias=label == "with bias")

    shared = cell_decisions("cell", ["plain", "with bias"], nodes=2)
    pair = Space(layer(Pair, cell(shared, prepare(2), linear), cell(shared, prepare(2), linear)))
    assert pair.size == Space(cell(shared, prepare(2), linear)).size
    assert set(pair.decisions) == {
        f"cell.{node}.{decision}"
        for node, states in ((0, 2), (1, 3))
        for decision in ("inputs", *(f"from_{state}" for state in range(states)))
    }
    network = pair.build(pair.sample(0))
    assert str(network.first) == str(network.second)
    weights = {id(parameter) for parameter in network.first.parameters()}
    assert weights.isdisjoint(id(parameter) for parameter in network.second.parameters())


def test_cells_of_their_own_decisions_are_wired_apart() -> None:
    cells = [cell(cell_decisions(name, list(FACTORS), nodes=1), prepare(2), operation) for name in "ab"]
    space = Space(layer(Pair, *cells))
    assert space.size == (3**2) ** 2
    assert {address.partition(".")[0] for address in space.decisions} == {"a", "b"}


def test_a_wrong_number_of_inputs_is_told() -> None:
    decisions = cell_decisions("cell", list(FACTORS))
    with pytest.raises(SpaceError, match="2 inputs, got 3"):
        cell(decisions, prepare(3), operation)


@pytest.mark.parametrize("options", [{"nodes": 0}, {"inputs": 0}, {"edges": 0}, {"edges": (2, 1)}])
def test_impossible_cells_are_told(options: dict[str, int]) -> None:
    with pytest.raises(SpaceError, match="expected at least one node, one input and"):
        cell_decisions("cell", list(FACTORS), **options)


def test_a_cell_needs_operations() -> None:
    with pytest.raises(SpaceError, match="at least one label"):
        cell_decisions("cell", [])
