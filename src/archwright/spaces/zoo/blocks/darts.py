"""The operations of the DARTS cell (Liu et al. 2019, arXiv:1806.09055), on images of shape (N, C, H, W).

At stride 2 each halves height and width, rounding up, so that all edges into a node agree at any size.
"""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["DartsDilatedConv", "DartsSeparableConv", "FactorizedReduce", "PoolNorm", "ReLUConvNorm", "Zero"]


class ReLUConvNorm(nn.Sequential):
    """ReLU, 1x1 convolution, batch normalisation: (N, in, H, W) to (N, out, H, W) at stride 1.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: 1, or 2 to halve height and width.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
            nn.BatchNorm2d(out_channels),
        )


class FactorizedReduce(nn.Module):
    """Halves height and width without losing pixels: two 1x1 convolutions at stride 2, one pixel apart.

    Half of the output's channels come from each.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output, at least 2.
        relu: Whether a ReLU comes first.
    """

    def __init__(self, in_channels: int, out_channels: int, relu: bool = True) -> None:
        super().__init__()
        self.relu = relu
        self.even = nn.Conv2d(in_channels, out_channels // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(in_channels, out_channels - out_channels // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, in, H, W) to (N, out, ceil(H / 2), ceil(W / 2))."""
        x = nn.functional.relu(x) if self.relu else x
        shifted = nn.functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]  # padded, so that odd sizes agree
        reduced: torch.Tensor = self.norm(torch.cat([self.even(x), self.odd(shifted)], dim=1))
        return reduced


class DartsSeparableConv(nn.Sequential):
    """ReLU, depthwise and pointwise convolution, batch normalisation, all of it twice; the stride in the first.

    Args:
        channels: Channels of input and output.
        kernel_size: Side of the depthwise kernels in pixels, odd.
        stride: 1 or 2.
    """

    def __init__(self, channels: int, kernel_size: int, stride: int = 1) -> None:
        padding = kernel_size // 2
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(channels, channels, kernel_size, stride, padding, groups=channels, bias=False),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, kernel_size, 1, padding, groups=channels, bias=False),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )


class DartsDilatedConv(nn.Sequential):
    """ReLU, depthwise convolution of dilation 2, pointwise convolution, batch normalisation.

    Args:
        channels: Channels of input and output.
        kernel_size: Side of the depthwise kernel in taps, odd; it spans 2 * kernel_size - 1 pixels.
        stride: 1 or 2.
    """

    def __init__(self, channels: int, kernel_size: int, stride: int = 1) -> None:
        padding = 2 * (kernel_size // 2)
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(
                channels, channels, kernel_size, stride, padding, dilation=2, groups=channels, bias=False
            ),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )


class PoolNorm(nn.Sequential):
    """A pooling and a batch normalisation without weights, which keeps its scale beside the convolutions'.

    Args:
        pool: The pooling.
        channels: Channels of input and output.
    """

    def __init__(self, pool: nn.Module, channels: int) -> None:
        super().__init__(pool, nn.BatchNorm2d(channels, affine=False))


class Zero(nn.Module):
    """No connection: zeros of the shape that an operation of this stride gives.

    Args:
        stride: 1 or 2.
    """

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Zeros of shape (N, C, ceil(H / stride), ceil(W / stride))."""
        return x[:, :, :: self.stride, :: self.stride] * 0.0
