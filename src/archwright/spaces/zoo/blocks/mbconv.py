"""Blocks and stages of MnasNet, EfficientNet and MobileNetV3, on images of shape (N, C, H, W)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import interpolate

from archwright.spaces.zoo.blocks.cell import DropPath

__all__ = ["ConvNorm", "MobileBlock", "MobileStage", "Resize", "SqueezeExcitation"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "hard_swish": nn.Hardswish,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
}
_GATES: dict[str, type[nn.Module]] = {"hard_sigmoid": nn.Hardsigmoid, "sigmoid": nn.Sigmoid}


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
        gate: "sigmoid" or "hard_sigmoid", after them.
    """

    def __init__(self, channels: int, squeezed: int, activation: str = "relu", gate: str = "sigmoid") -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, squeezed, 1),
            _ACTIVATIONS[activation](),
            nn.Conv2d(squeezed, channels, 1),
            _GATES[gate](),
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
        width: Channels of the depthwise convolution; as many as the input's leave out the widening.
        stride: Step of the depthwise kernel in pixels.
        squeezed: Channels inside of the gate; 0 means no gate.
        activation: "relu", "silu" or "hard_swish".
        gate: "sigmoid", with the block's activation inside of the gate, or "hard_sigmoid", with ReLU as in MobileNetV3.
        drop_path: Probability that an example goes around the block in training (Huang et al. 2016,
            arXiv:1603.09382), in [0, 1); only where the input is added.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        width: int,
        stride: int = 1,
        squeezed: int = 0,
        activation: str = "relu",
        gate: str = "sigmoid",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        # By name, so that a layer has the same weights in a block without those before it.
        self.body = nn.Sequential()
        if width != in_channels:
            self.body.add_module("widen", ConvNorm(in_channels, width, 1, 1, activation))
        self.body.add_module("filter", ConvNorm(width, width, kernel_size, stride, activation, width))
        if squeezed:
            inside = activation if gate == "sigmoid" else "relu"
            self.body.add_module("gate", SqueezeExcitation(width, squeezed, inside, gate))
        self.body.add_module("narrow", nn.Conv2d(width, out_channels, 1, bias=False))
        self.body.add_module("norm", nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.01))
        self.adds_input = stride == 1 and in_channels == out_channels
        if self.adds_input and drop_path:
            self.body.add_module("drop", DropPath(drop_path))

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
        drop_path: Probability of going around a block, which grows with its position among all blocks of the network:
            0 for the first, this times (blocks - 1) / blocks for the last.
        before: Blocks of the network before this stage.
        blocks: Blocks of the network.
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
        drop_path: float = 0.0,
        before: int = 0,
        blocks: int = 1,
    ) -> None:
        super().__init__()
        for block in range(depth):
            inputs = out_channels if block else in_channels
            squeezed = max(1, int(inputs * squeeze)) if squeeze else 0
            step = 1 if block else stride
            width, dropped = expansion * inputs, drop_path * (before + block) / blocks
            made = MobileBlock(
                inputs, out_channels, kernel_size, width, step, squeezed, activation, drop_path=dropped
            )
            self.append(made)


class Resize(nn.Module):
    """Brings images to one side, (N, C, H, W) to (N, C, side, side), by bilinear interpolation.

    Args:
        side: Height and width of the result in pixels; where images are smaller, they become larger.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images of that side as they are."""
        if x.shape[2:] == (self.side, self.side):
            return x
        return interpolate(x, size=(self.side, self.side), mode="bilinear", antialias=True)
