"""A small residual network, as users bring them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class ResidualBlock(nn.Module):
    """Two convolutions with norms, and what goes around them."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.inner = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.inner_norm = nn.BatchNorm2d(after)
        self.outer = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.outer_norm = nn.BatchNorm2d(after)
        self.around = nn.Identity() if before == after else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.inner_norm(self.inner(x)), inplace=True)
        y = self.outer_norm(self.outer(y))
        y += self.around(x)
        return functional.relu(y, inplace=True)


class ResidualNetwork(nn.Module):
    """A stem, three residual blocks, a head: for images of shape (N, 1, H, W)."""

    def __init__(self, width: int = 16, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, 1, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.layers = nn.Sequential(
            ResidualBlock(width, width),
            ResidualBlock(width, 2 * width, 2),
            ResidualBlock(2 * width, 2 * width),
        )
        self.head = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(self.stem(x)).mean((2, 3)))
