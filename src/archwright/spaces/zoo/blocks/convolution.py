"""Convolution, normalisation and activation, for images (N, C, H, W) and sequences (N, C, L)."""

from __future__ import annotations

from torch import nn

__all__ = ["Conv1dNormAct", "ConvNormAct", "SeparableConv", "SeparableConv1d"]


class ConvNormAct(nn.Sequential):
    """Convolution, batch normalisation, ReLU: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Side of the kernel in pixels, odd.
        stride: Step of the kernel in pixels.
        dilation: Distance between the kernel's taps in pixels.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1, dilation: int = 1
    ) -> None:
        padding = dilation * (kernel_size // 2)
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )


class SeparableConv(nn.Sequential):
    """Depthwise, then pointwise convolution, batch normalisation, ReLU: (N, in, H, W) to (N, out, H, W).

    Chollet 2017, arXiv:1610.02357.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Side of the depthwise kernel in pixels, odd.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3) -> None:
        padding = kernel_size // 2
        super().__init__(
            nn.Conv2d(in_channels, in_channels, kernel_size, 1, padding, groups=in_channels, bias=False),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )


class Conv1dNormAct(nn.Sequential):
    """Convolution, batch normalisation, ReLU: (N, in, L) to (N, out, ceil(L / stride)).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Length of the kernel in steps, odd.
        stride: Step of the kernel.
        dilation: Distance between the kernel's taps in steps.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1, dilation: int = 1
    ) -> None:
        padding = dilation * (kernel_size // 2)
        super().__init__(
            nn.Conv1d(in_channels, out_channels, kernel_size, stride, padding, dilation, bias=False),
            nn.BatchNorm1d(out_channels),
            nn.ReLU(),
        )


class SeparableConv1d(nn.Sequential):
    """Depthwise, then pointwise convolution, batch normalisation, ReLU: (N, in, L) to (N, out, L).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Length of the depthwise kernel in steps, odd.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3) -> None:
        padding = kernel_size // 2
        super().__init__(
            nn.Conv1d(in_channels, in_channels, kernel_size, 1, padding, groups=in_channels, bias=False),
            nn.Conv1d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm1d(out_channels),
            nn.ReLU(),
        )
