"""That a chain reads what its skips say, checked number by number."""

from __future__ import annotations

import torch
from torch import nn

from archwright.spaces.zoo.blocks import Chain, ChainLayer


class Times(nn.Module):
    """Multiplies by a number that tells the layers apart."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


def test_without_skips_it_is_a_sequence() -> None:
    layers = [nn.Conv2d(2, 3, 3), nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)]
    x = torch.randn(2, 2, 9, 9)
    torch.testing.assert_close(Chain(*map(ChainLayer, layers))(x), nn.Sequential(*layers)(x))


def test_skips_are_concatenated_in_order_before_the_last_output() -> None:
    chain = Chain(
        ChainLayer(Times(2.0)),
        ChainLayer(Times(3.0)),
        ChainLayer(Times(5.0), skips=(0,)),
        ChainLayer(Times(7.0), skips=(0, 1)),
    )
    x = torch.randn(2, 1, 4, 4)
    first, second = 2 * x, 6 * x
    third = torch.cat([5 * first, 5 * second], dim=1)
    expected = 7 * torch.cat([first, second, third], dim=1)
    torch.testing.assert_close(chain(x), expected)


def test_pooling_reduces_what_is_skipped_to_as_well() -> None:
    chain = Chain(
        ChainLayer(Times(2.0)),
        ChainLayer(Times(3.0), pool=nn.AvgPool1d(2)),
        ChainLayer(Times(5.0), skips=(0,), pool=nn.AvgPool1d(2)),
        ChainLayer(Times(7.0), skips=(0, 2)),
    )
    x = torch.randn(2, 1, 8)
    once = nn.functional.avg_pool1d(x, 2)
    twice = nn.functional.avg_pool1d(once, 2)
    third = torch.cat([10 * twice, 30 * twice], dim=1)
    torch.testing.assert_close(chain(x), 7 * torch.cat([2 * twice, third, third], dim=1))


def test_a_layer_adds_its_output_and_leaves_the_list_it_was_given() -> None:
    x = torch.randn(2, 1, 4)
    given = [x]
    outputs = ChainLayer(Times(2.0))(given)
    assert len(given) == 1
    assert len(outputs) == 2
    torch.testing.assert_close(outputs[1], 2 * x)
