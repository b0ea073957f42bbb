"""That cells and networks of cells are wired as they say, checked number by number."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.spaces.zoo.blocks import Cell, CellNetwork, CellNode, DropPath


class Times(nn.Module):
    """Multiplies by a number that tells the operations apart."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


class Difference(nn.Module):
    """Stands in for a cell: ten times the first input, and the second."""

    def forward(self, before: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
        return 10 * before + last


def test_a_node_sums_its_edges() -> None:
    states = [torch.randn(2, 3) for _ in range(4)]
    node = CellNode({"0": Times(2.0), "3": Times(-5.0)})
    torch.testing.assert_close(node(states), 2 * states[0] - 5 * states[3])
    torch.testing.assert_close(CellNode({"1": nn.Identity()})(states), states[1])


def test_a_cell_concatenates_its_nodes() -> None:
    cell = Cell(
        [Times(2.0), Times(3.0)],
        [CellNode({"0": Times(5.0), "1": Times(7.0)}), CellNode({"1": Times(11.0), "2": Times(13.0)})],
    )
    a, b = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    first = 10 * a + 21 * b
    second = 33 * b + 13 * first
    torch.testing.assert_close(cell(a, b), torch.cat([first, second], dim=1))
    with pytest.raises(ValueError, match="shorter"):
        cell(a)


def test_each_cell_of_a_network_reads_the_two_before() -> None:
    network = CellNetwork(Times(2.0), [Difference() for _ in range(3)], Times(3.0))
    x = torch.randn(2, 5)
    stem = 2 * x
    first = 10 * stem + stem
    second = 10 * stem + first
    third = 10 * first + second
    torch.testing.assert_close(network(x), 3 * third)


def test_the_first_cell_reads_a_second_stem() -> None:
    network = CellNetwork(Times(2.0), [Difference()], Times(3.0), Times(5.0))
    x = torch.randn(2, 5)
    torch.testing.assert_close(network(x), 3 * (10 * (2 * x) + 5 * (2 * x)))


def test_a_dropped_path_keeps_the_mean_and_drops_whole_examples() -> None:
    torch.manual_seed(0)
    drop, x = DropPath(0.25), torch.rand(4_000, 2, 3) + 1
    factors = drop(x) / x
    torch.testing.assert_close(factors, factors[:, :1, :1].expand_as(factors))
    kept = factors[:, 0, 0] > 0
    torch.testing.assert_close(factors[kept], torch.full_like(factors[kept], 1 / 0.75))
    assert 0.72 < kept.float().mean() < 0.78
    assert drop.eval()(x) is x
    assert DropPath(0.0)(x) is x
