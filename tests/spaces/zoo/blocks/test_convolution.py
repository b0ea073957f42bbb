"""Sizes, parameters and receptive fields of the convolution blocks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.spaces.zoo.blocks import Conv1dNormAct, ConvNormAct, SeparableConv, SeparableConv1d


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def touched(module: nn.Module, shape: tuple[int, ...]) -> list[list[int]]:
    """Where the input is read for the output's middle: one sorted list of coordinates an axis."""
    x = torch.randn(1, *shape, requires_grad=True)
    convolution = module[0]
    output = convolution(x)
    middle = tuple(size // 2 for size in output.shape[2:])
    output[(0, 0, *middle)].backward()
    assert x.grad is not None
    used = x.grad[0].abs().sum(dim=0).nonzero()
    return [sorted(set(column.tolist())) for column in used.T]


def test_parameters_are_weights_scale_and_shift() -> None:
    assert parameters(ConvNormAct(3, 8, 5)) == 3 * 8 * 5 * 5 + 2 * 8
    assert parameters(Conv1dNormAct(3, 8, 5)) == 3 * 8 * 5 + 2 * 8
    assert parameters(SeparableConv(3, 8, 5)) == 3 * 5 * 5 + 3 * 8 + 2 * 8
    assert parameters(SeparableConv1d(3, 8, 5)) == 3 * 5 + 3 * 8 + 2 * 8


@pytest.mark.parametrize("size", [1, 2, 7, 8])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_sizes_are_kept_and_a_stride_rounds_up(size: int, kernel_size: int) -> None:
    image, sequence = torch.randn(2, 3, size, size + 1), torch.randn(2, 3, size + 1)
    for dilation in (1, 2):
        assert ConvNormAct(3, 4, kernel_size, dilation=dilation)(image).shape == (2, 4, size, size + 1)
        assert Conv1dNormAct(3, 4, kernel_size, dilation=dilation)(sequence).shape == (2, 4, size + 1)
    assert SeparableConv(3, 4, kernel_size)(image).shape == (2, 4, size, size + 1)
    assert SeparableConv1d(3, 4, kernel_size)(sequence).shape == (2, 4, size + 1)
    half, other_half = -(-size // 2), -(-(size + 1) // 2)
    assert ConvNormAct(3, 4, kernel_size, stride=2)(image).shape == (2, 4, half, other_half)
    assert Conv1dNormAct(3, 4, kernel_size, stride=2)(sequence).shape == (2, 4, other_half)


def test_dilation_spreads_the_taps() -> None:
    assert touched(ConvNormAct(2, 1, 3), (2, 9, 9)) == [[3, 4, 5], [3, 4, 5]]
    assert touched(ConvNormAct(2, 1, 3, dilation=2), (2, 9, 9)) == [[2, 4, 6], [2, 4, 6]]
    assert touched(Conv1dNormAct(2, 1, 3, dilation=2), (2, 9)) == [[2, 4, 6]]


def test_a_separable_convolution_is_depthwise_then_pointwise() -> None:
    block = SeparableConv(2, 3, 3).eval()
    x = torch.randn(1, 2, 5, 5)
    alone = [nn.functional.conv2d(x[:, i : i + 1], block[0].weight[i : i + 1], padding=1) for i in range(2)]
    mixed = torch.einsum("nchw,oc->nohw", torch.cat(alone, dim=1), block[1].weight[:, :, 0, 0])
    torch.testing.assert_close(block(x), nn.functional.relu(block[2](mixed)))


def test_outputs_are_normalised_and_rectified() -> None:
    torch.manual_seed(0)
    block = ConvNormAct(3, 4)
    x = 100 * torch.randn(64, 3, 8, 8) + 7
    normed = block[1](block[0](x))
    torch.testing.assert_close(normed.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(normed.var(dim=(0, 2, 3)), torch.ones(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(block(x), normed.clamp(min=0))
