"""Sizes, parameters and values of the DARTS operations."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.spaces.zoo.blocks import (
    DartsDilatedConv,
    DartsSeparableConv,
    FactorizedReduce,
    PoolNorm,
    ReLUConvNorm,
    Zero,
)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_parameters(kernel_size: int) -> None:
    channels, taps = 6, kernel_size**2
    once = channels * taps + channels * channels + 2 * channels
    assert parameters(DartsSeparableConv(channels, kernel_size)) == 2 * once
    assert parameters(DartsDilatedConv(channels, kernel_size)) == once
    assert parameters(ReLUConvNorm(5, 7)) == 5 * 7 + 2 * 7
    assert parameters(FactorizedReduce(5, 7)) == 5 * 7 + 2 * 7
    assert parameters(PoolNorm(nn.MaxPool2d(3, 1, 1), channels)) == 0


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 9), (2, 1), (1, 1)])
def test_all_operations_agree_on_sizes(stride: int, height: int, width: int) -> None:
    x = torch.randn(2, 4, height, width)
    operations = [
        DartsSeparableConv(4, 3, stride),
        DartsSeparableConv(4, 5, stride),
        DartsDilatedConv(4, 3, stride),
        DartsDilatedConv(4, 5, stride),
        PoolNorm(nn.MaxPool2d(3, stride, 1), 4),
        PoolNorm(nn.AvgPool2d(3, stride, 1, count_include_pad=False), 4),
        Zero(stride),
        nn.Identity() if stride == 1 else FactorizedReduce(4, 4),
    ]
    for operation in operations:
        expected = (2, 4, -(-height // stride), -(-width // stride))
        assert operation.eval()(x).shape == expected, operation


@pytest.mark.parametrize("size", [6, 7])
def test_factorized_reduce_reads_even_and_odd_pixels(size: int) -> None:
    reduce = FactorizedReduce(3, 5).eval()
    x = torch.randn(2, 3, size, size)
    positive = x.clamp(min=0)
    even = torch.einsum("nchw,oc->nohw", positive[:, :, ::2, ::2], reduce.even.weight[:, :, 0, 0])
    odd = torch.einsum("nchw,oc->nohw", positive[:, :, 1::2, 1::2], reduce.odd.weight[:, :, 0, 0])
    odd = nn.functional.pad(odd, (0, size % 2, 0, size % 2))
    assert (reduce.even.out_channels, reduce.odd.out_channels) == (2, 3)
    torch.testing.assert_close(reduce(x), reduce.norm(torch.cat([even, odd], dim=1)))


def test_a_dilated_convolution_spans_twice_the_kernel() -> None:
    x = torch.randn(1, 1, 11, 11, requires_grad=True)
    DartsDilatedConv(1, 5)[1](x)[0, 0, 5, 5].backward()
    assert x.grad is not None
    assert x.grad[0, 0].nonzero()[:, 0].unique().tolist() == [1, 3, 5, 7, 9]


def test_a_pool_is_normalised_without_weights() -> None:
    torch.manual_seed(0)
    pooled = PoolNorm(nn.AvgPool2d(3, 1, 1), 4)(5 * torch.randn(32, 4, 6, 6) + 3)
    torch.testing.assert_close(pooled.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(pooled.var(dim=(0, 2, 3)), torch.ones(4), atol=1e-2, rtol=0)


def test_zero_gives_zeros_and_no_gradient() -> None:
    x = torch.randn(2, 3, 5, 5, requires_grad=True)
    output = Zero(2)(x)
    output.sum().backward()
    assert not output.any()
    assert x.grad is not None
    assert not x.grad.any()
