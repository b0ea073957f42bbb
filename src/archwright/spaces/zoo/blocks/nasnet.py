"""The NASNet cell (Zoph et al. 2018, arXiv:1707.07012), on images of shape (N, C, H, W)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["BottleneckConv", "CellBlock", "NasnetCell"]


class BottleneckConv(nn.Sequential):
    """1x1 convolution to fewer channels, convolutions there, 1x1 convolution back; ReLU before, norm after each.

    Args:
        channels: Channels of input and output.
        kernel_sizes: (height, width) of each convolution in the middle, in pixels, odd: `[(1, 7), (7, 1)]`, say.
        stride: 1, or 2 to halve height and width, rounding up; along an axis it is in the first convolution that
            spans that axis.
        dilation: Distance of the taps of the convolutions in the middle, in pixels.
        share: Channels in the middle as a share of `channels`, rounded down; below one channel there are no 1x1
            convolutions.
    """

    def __init__(
        self,
        channels: int,
        kernel_sizes: Sequence[tuple[int, int]],
        stride: int = 1,
        dilation: int = 1,
        share: float = 0.25,
    ) -> None:
        narrow = int(share * channels)
        middle = narrow or channels
        layers: list[nn.Module] = []
        if narrow:
            layers += [nn.ReLU(), nn.Conv2d(channels, middle, 1, bias=False), nn.BatchNorm2d(middle)]
        down, across = stride, stride
        for height, width in kernel_sizes:
            strides = (down if height > 1 else 1, across if width > 1 else 1)
            down, across = (1 if height > 1 else down), (1 if width > 1 else across)
            padding = (dilation * (height // 2), dilation * (width // 2))
            layers += [
                nn.ReLU(),
                nn.Conv2d(middle, middle, (height, width), strides, padding, dilation, bias=False),
                nn.BatchNorm2d(middle),
            ]
        if narrow:
            layers += [nn.ReLU(), nn.Conv2d(middle, channels, 1, bias=False), nn.BatchNorm2d(channels)]
        super().__init__(*layers)


class CellBlock(nn.Module):
    """A block of a cell: two hands, each an operation on an earlier state, and what they give taken together.

    Args:
        left: The first hand, a `CellNode` of one edge.
        right: The second hand; it may read the same state.
        join: From both outputs, concatenated along the channels, to the block's; None adds them.
    """

    def __init__(self, left: nn.Module, right: nn.Module, join: nn.Module | None = None) -> None:
        super().__init__()
        self.left = left
        self.right = right
        self.join = join

    def forward(self, states: list[torch.Tensor]) -> torch.Tensor:
        """The block's state, from the states before it."""
        left: torch.Tensor = self.left(states)
        right: torch.Tensor = self.right(states)
        if self.join is None:
            return left + right
        joined: torch.Tensor = self.join(torch.cat([left, right], dim=1))
        return joined


class NasnetCell(nn.Module):
    """A directed acyclic graph of blocks. Its states are the prepared inputs, then one per block.

    Args:
        prepare: One module per input: brings it to the cell's channels and size.
        blocks: `CellBlock` modules, first to last; block k may read the inputs and blocks 0 to k - 1.
        concatenate: Numbers of the states that make the cell's output.
        reduce: Number of an input, as text, to the module that brings it to the size of the cell's output, for
            inputs that are part of it where the blocks halve height and width.
    """

    def __init__(
        self,
        prepare: list[nn.Module],
        blocks: list[nn.Module],
        concatenate: Sequence[int],
        reduce: dict[str, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.prepare = nn.ModuleList(prepare)
        self.blocks = nn.ModuleList(blocks)
        self.concatenate = tuple(concatenate)
        self.reduce = nn.ModuleDict(reduce or {})

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """The states of `concatenate`, one behind the other along the channels."""
        states = [prepare(x) for prepare, x in zip(self.prepare, inputs, strict=True)]
        for block in self.blocks:
            states.append(block(states))
        for state, reduce in self.reduce.items():
            states[int(state)] = reduce(states[int(state)])
        return torch.cat([states[state] for state in self.concatenate], dim=1)

    def extra_repr(self) -> str:
        """What the modules inside do not show."""
        return f"concatenate={self.concatenate}"
