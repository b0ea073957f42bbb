"""Stages of the networks of MnasNet and EfficientNet, on images of shape (N, C, H, W)."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["ConvNorm", "MobileBlock", "MobileStage", "SqueezeExcitation"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU}


class ConvNorm(nn.Sequential):
    """Convolution, batch normalisation, activation: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Side of the kernel in pixels, odd.
        stride: Step of the kernel in pixels.
        activation: "relu" or "silu".
        groups: Groups of channels; as many as channels for a depthwise convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        activation: str = "relu",
        groups: int = 1,
    ) -> None:
        super().__init__(
            nn.Conv2d(
                in_channels, out_channels, kernel_size, stride, kernel_size // 2, groups=groups, bias=False
            ),
            nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.01),
            _ACTIVATIONS[activation](),
        )


class SqueezeExcitation(nn.Module):
    """Multiplies each channel by a number in [0, 1] that all channels' means decide (Hu et al. 2018).

    Args:
        channels: Channels of the input and the output.
        squeezed: Channels between the two 1x1 convolutions.
        activation: "relu" or "silu", between them.
    """

    def __init__(self, channels: int, squeezed: int, activation: str = "relu") -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, squeezed, 1),
            _ACTIVATIONS[activation](),
            nn.Conv2d(squeezed, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, C, H, W) to the same shape."""
        gate: torch.Tensor = self.gate(x)
        return x * gate


class MobileBlock(nn.Module):
    """Widen by a 1x1, filter by a depthwise, gate the channels, narrow by a 1x1 convolution without activation.

    Where input and output have one shape, the input is added.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Side of the depthwise kernel in pixels, odd.
        expansion: How many times the input's channels the depthwise convolution has; 1 leaves out the widening.
        stride: Step of the depthwise kernel in pixels.
        squeeze: Channels inside of the gate as a share of the block's *input*, rounded down; 0 means no gate.
        activation: "relu" or "silu".
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        expansion: int,
        stride: int = 1,
        squeeze: float = 0.0,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        width = expansion * in_channels
        squeezed = max(1, int(in_channels * squeeze))
        # By name, so that a layer has the same weights in a block without those before it.
        self.body = nn.Sequential()
        if expansion > 1:
            self.body.add_module("widen", ConvNorm(in_channels, width, 1, 1, activation))
        self.body.add_module("filter", ConvNorm(width, width, kernel_size, stride, activation, width))
        if squeeze:
            self.body.add_module("gate", SqueezeExcitation(width, squeezed, activation))
        self.body.add_module("narrow", nn.Conv2d(width, out_channels, 1, bias=False))
        self.body.add_module("norm", nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.01))
        self.adds_input = stride == 1 and in_channels == out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        y: torch.Tensor = self.body(x)
        return x + y if self.adds_input else y


class MobileStage(nn.Sequential):
    """Blocks of one kind, of which the first has the stride and changes the channels.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        depth: Number of blocks.
        kernel_size: Side of the depthwise kernels in pixels, odd.
        expansion: How many times a block's input the depthwise convolution is wide.
        stride: Step of the first block in pixels.
        squeeze: Channels inside of the gates as a share of the block's input; 0 means no gates.
        activation: "relu" or "silu".
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        depth: int,
        kernel_size: int,
        expansion: int,
        stride: int = 1,
        squeeze: float = 0.0,
        activation: str = "relu",
    ) -> None:
        first = MobileBlock(in_channels, out_channels, kernel_size, expansion, stride, squeeze, activation)
        more = (
            MobileBlock(out_channels, out_channels, kernel_size, expansion, 1, squeeze, activation)
            for _ in range(1, depth)
        )
        super().__init__(first, *more)
