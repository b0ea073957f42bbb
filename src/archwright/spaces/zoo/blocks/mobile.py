"""Blocks of mobile networks (Sandler et al. 2018, arXiv:1801.04381), on images of shape (N, C, H, W)."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["ConvNormReLU6", "InvertedResidual"]


class ConvNormReLU6(nn.Sequential):
    """Convolution, batch normalisation, ReLU6: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Side of the kernel in pixels, odd.
        stride: Step of the kernel in pixels.
        groups: Groups of channels; as many as channels for a depthwise convolution.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(
            nn.Conv2d(
                in_channels, out_channels, kernel_size, stride, kernel_size // 2, groups=groups, bias=False
            ),
            nn.BatchNorm2d(out_channels),
            nn.ReLU6(),
        )


class InvertedResidual(nn.Module):
    """The block of MobileNetV2: widen by a 1x1, filter by a depthwise, narrow by a 1x1 convolution without activation.

    Where input and output have one shape, the input is added.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Side of the depthwise kernel in pixels, odd.
        expansion: How many times the input's channels the depthwise convolution has; 1 leaves out the widening.
        stride: Step of the depthwise kernel in pixels.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, expansion: int, stride: int = 1
    ) -> None:
        super().__init__()
        width = expansion * in_channels
        widen = [ConvNormReLU6(in_channels, width, 1)] if expansion > 1 else []
        self.body = nn.Sequential(
            *widen,
            ConvNormReLU6(width, width, kernel_size, stride, groups=width),
            nn.Conv2d(width, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.adds_input = stride == 1 and in_channels == out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        y: torch.Tensor = self.body(x)
        return x + y if self.adds_input else y
