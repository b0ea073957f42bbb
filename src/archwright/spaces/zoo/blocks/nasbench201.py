"""The parts of NAS-Bench-201 (Dong & Yang 2020, arXiv:2001.00326), on images of shape (N, C, H, W)."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["ReLUConv3x3Norm", "ResidualReduction", "SummedCell"]


class ReLUConv3x3Norm(nn.Sequential):
    """ReLU, 3x3 convolution, batch normalisation: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Step of the kernel in pixels.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )


class ResidualReduction(nn.Module):
    """A residual block that halves height and width, rounding up (He et al. 2016, arXiv:1512.03385).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ReLUConv3x3Norm(in_channels, out_channels, stride=2),
            ReLUConv3x3Norm(out_channels, out_channels),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True),  # rounds up as the convolution does, so that odd sizes agree
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, in, H, W) to (N, out, ceil(H / 2), ceil(W / 2))."""
        reduced: torch.Tensor = self.body(x) + self.shortcut(x)
        return reduced


class SummedCell(nn.Module):
    """A directed acyclic graph whose last node is its output. State 0 is the input, state k the k-th node.

    Args:
        nodes: `CellNode` modules, first to last; node k may read the states 0 to k - 1.
    """

    def __init__(self, nodes: list[nn.Module]) -> None:
        super().__init__()
        self.nodes = nn.ModuleList(nodes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The last node's state, of the input's shape."""
        states = [x]
        for node in self.nodes:
            states.append(node(states))
        return states[-1]
