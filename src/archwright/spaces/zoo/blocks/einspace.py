"""The parts of einspace (Ericsson et al. 2024, arXiv:2405.20838).

Images have the shape (N, C, H, W), series (N, C, L), tokens (N, S, D).
"""

from __future__ import annotations

import math

import torch
from torch import nn

__all__ = [
    "Branches",
    "Clone",
    "ConcatBranches",
    "FoldTokens",
    "Group",
    "MultiplyBranches",
    "Permute",
    "PositionalEncoding",
    "SumBranches",
    "TokenMean",
    "Transpose",
    "UnfoldImage",
    "UnfoldSeries",
]


class Clone(nn.Module):
    """The input, several times.

    Args:
        branches: How often.
    """

    def __init__(self, branches: int) -> None:
        super().__init__()
        self.branches = branches

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """From any shape to a list of the same tensor."""
        return [x] * self.branches


class Group(nn.Module):
    """The input in parts of equal size along an axis.

    Args:
        branches: How many parts.
        axis: Which axis, counted with the batch's.
    """

    def __init__(self, branches: int, axis: int) -> None:
        super().__init__()
        self.branches, self.axis = branches, axis

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """From a tensor whose axis can be divided to a list of its parts."""
        return list(x.chunk(self.branches, dim=self.axis))


class SumBranches(nn.Module):
    """The sum of tensors of one shape."""

    def forward(self, tensors: list[torch.Tensor]) -> torch.Tensor:
        """From tensors of one shape to one of that shape."""
        total: torch.Tensor = sum(tensors[1:], start=tensors[0])
        return total


class ConcatBranches(nn.Module):
    """Tensors one behind the other.

    Args:
        axis: Along which axis, counted with the batch's.
    """

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, tensors: list[torch.Tensor]) -> torch.Tensor:
        """From tensors that differ along the axis alone to one."""
        return torch.cat(tensors, dim=self.axis)


class MultiplyBranches(nn.Module):
    """The matrix product of two tensors, over their last two axes.

    Args:
        scaled: Whether it is divided by the root of the length of the sums, as in attention.
    """

    def __init__(self, scaled: bool) -> None:
        super().__init__()
        self.scaled = scaled

    def forward(self, tensors: list[torch.Tensor]) -> torch.Tensor:
        """From shapes (..., a, b) and (..., b, c) to (..., a, c)."""
        first, second = tensors
        product = first @ second
        return product / math.sqrt(first.shape[-1]) if self.scaled else product


class Branches(nn.Module):
    """A branching module: the input is split, each part goes through its own branch, and the results are joined.

    Args:
        split: From a tensor to a list of them.
        branches: A module for each part.
        join: From a list of tensors to one.
    """

    def __init__(self, split: nn.Module, branches: list[nn.Module], join: nn.Module) -> None:
        super().__init__()
        self.split, self.join = split, join
        self.branches = nn.ModuleList(branches)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From the split's input to the join's output."""
        parts = self.split(x)
        joined: torch.Tensor = self.join([branch(parts[i]) for i, branch in enumerate(self.branches)])
        return joined


class UnfoldImage(nn.Module):
    """An image's patches as tokens: a convolution's im2col. (N, C, H, W) to (N, patches, C * kernel ** 2).

    Args:
        kernel: Side of a patch.
        stride: Step from patch to patch.
        padding: Pixels of zeros round the image.
    """

    def __init__(self, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.unfold = nn.Unfold(kernel, stride=stride, padding=padding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, C, H, W) to (N, patches, features)."""
        tokens: torch.Tensor = self.unfold(x)
        return tokens.transpose(1, 2)


class UnfoldSeries(nn.Module):
    """A series' windows as tokens. (N, C, L) to (N, windows, C * kernel).

    Args:
        kernel: Length of a window.
        stride: Step from window to window.
        padding: Zeros at each end.
    """

    def __init__(self, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.unfold = nn.Unfold((1, kernel), stride=(1, stride), padding=(0, padding))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, C, L) to (N, windows, features)."""
        tokens: torch.Tensor = self.unfold(x.unsqueeze(2))
        return tokens.transpose(1, 2)


class FoldTokens(nn.Module):
    """Tokens as the pixels of an image, (N, height * width, D) to (N, D, height, width), or as a series.

    Args:
        sides: Height and width of the image, or the length of the series.
    """

    def __init__(self, *sides: int) -> None:
        super().__init__()
        self.sides = sides

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, S, D) to (N, D, H, W) or (N, D, L)."""
        return x.transpose(1, 2).reshape(x.shape[0], -1, *self.sides)


class Transpose(nn.Module):
    """The last two axes exchanged."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (..., a, b) to (..., b, a)."""
        return x.transpose(-2, -1)


class Permute(nn.Module):
    """The axes of an image in another order.

    Args:
        order: The axes of the input, counted with the batch's, that become axes 1, 2 and 3.
    """

    def __init__(self, *order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, C, H, W) to these in the order."""
        return x.permute(0, *self.order)


class PositionalEncoding(nn.Module):
    """Adds a learned number to each place; they begin as standard normal ones.

    Args:
        sizes: Shape of one input, without the batch.
    """

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.encoding = nn.Parameter(torch.randn(1, *sizes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, sizes) to the same shape."""
        return x + self.encoding


class TokenMean(nn.Module):
    """The mean along an axis.

    Args:
        axis: Counted with the batch's.
    """

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, S, D) to what is left of it."""
        return x.mean(dim=self.axis)
