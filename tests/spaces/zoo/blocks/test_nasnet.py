"""That the blocks of NASNet are wired as they say, and their sizes and parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.spaces.zoo.blocks import BottleneckConv, CellBlock, CellNode, NasnetCell, ReLUConvNorm


class Times(nn.Module):
    """Multiplies by a number that tells the operations apart."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


def hand(state: int, factor: float) -> nn.Module:
    return CellNode({str(state): Times(factor)})


def test_a_block_adds_its_hands_or_joins_them() -> None:
    states = [torch.randn(2, 3) for _ in range(3)]
    torch.testing.assert_close(CellBlock(hand(0, 2.0), hand(0, 5.0))(states), 7 * states[0])
    torch.testing.assert_close(
        CellBlock(hand(2, 2.0), hand(0, 5.0), Times(3.0))(states),
        torch.cat([6 * states[2], 15 * states[0]], dim=1),
    )


def test_a_cell_concatenates_the_states_it_is_told() -> None:
    blocks = [CellBlock(hand(0, 2.0), hand(1, 3.0)), CellBlock(hand(2, 5.0), hand(0, 1.0))]
    a, b = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    before, last = 10 * a, 100 * b
    first = 2 * before + 3 * last
    second = 5 * first + before
    prepare: list[nn.Module] = [Times(10.0), Times(100.0)]
    torch.testing.assert_close(NasnetCell(prepare, blocks, [3])(a, b), second)
    torch.testing.assert_close(
        NasnetCell(prepare, blocks, [0, 2, 3])(a, b), torch.cat([before, first, second], dim=1)
    )
    reduced = NasnetCell(prepare, blocks, [1, 3], {"1": Times(7.0)})(a, b)
    torch.testing.assert_close(reduced, torch.cat([7 * last, second], dim=1))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel_sizes", [[(3, 3)], [(1, 7), (7, 1)], [(1, 3), (3, 1)]])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_bottleneck_keeps_or_halves_the_size(
    stride: int, kernel_sizes: list[tuple[int, int]], dilation: int
) -> None:
    module = BottleneckConv(8, kernel_sizes, stride, dilation)
    assert module(torch.randn(2, 8, 9, 6)).shape == (2, 8, -(-9 // stride), 6 // stride)


def test_parameters_of_a_bottleneck() -> None:
    def parameters(module: nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    assert parameters(BottleneckConv(16, [(3, 3)])) == (16 * 4 + 8) + (4 * 4 * 9 + 8) + (4 * 16 + 32)
    assert parameters(BottleneckConv(16, [(1, 7), (7, 1)])) == (16 * 4 + 8) + 2 * (4 * 4 * 7 + 8) + (64 + 32)
    assert parameters(BottleneckConv(16, [(1, 3), (3, 1)], share=3 / 8)) == (
        (16 * 6 + 12) + 2 * (6 * 6 * 3 + 12) + (6 * 16 + 32)
    )
    assert parameters(BottleneckConv(3, [(3, 3)])) == 3 * 3 * 9 + 6


def test_a_projection_at_stride_two_reads_every_second_pixel() -> None:
    halved, full = ReLUConvNorm(3, 5, 2).eval(), ReLUConvNorm(3, 5).eval()
    full.load_state_dict(halved.state_dict())
    x = torch.randn(2, 3, 7, 6)
    torch.testing.assert_close(halved(x), full(x)[:, :, ::2, ::2])
