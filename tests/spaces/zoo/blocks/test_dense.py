"""Parameters and shortcut of the fully connected block."""

from __future__ import annotations

import torch
from torch import nn

from archwright.spaces.zoo.blocks import DenseBlock


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters() -> None:
    plain = DenseBlock(10, 20, nn.LayerNorm(20), nn.ReLU(), dropout=0.5)
    assert parameters(plain) == 10 * 20 + 20 + 2 * 20
    assert parameters(DenseBlock(10, 20, nn.Identity(), nn.ReLU(), residual=True)) == 2 * 10 * 20 + 20
    assert parameters(DenseBlock(20, 20, nn.Identity(), nn.ReLU(), residual=True)) == 20 * 20 + 20


def test_the_order_is_linear_norm_activation_dropout() -> None:
    block = DenseBlock(3, 4, nn.LayerNorm(4), nn.Tanh(), dropout=0.25).eval()
    linear, norm, _, dropout = block.body
    x = torch.randn(5, 3)
    torch.testing.assert_close(block(x), torch.tanh(norm(linear(x))))
    assert dropout.p == 0.25


def test_the_shortcut_is_added() -> None:
    x = torch.randn(5, 4)
    same = DenseBlock(4, 4, nn.Identity(), nn.ReLU(), residual=True)
    torch.testing.assert_close(same(x), x + same.body(x))
    other = DenseBlock(4, 6, nn.Identity(), nn.ReLU(), residual=True)
    assert isinstance(other.shortcut, nn.Linear)
    torch.testing.assert_close(other(x), x @ other.shortcut.weight.T + other.body(x))
