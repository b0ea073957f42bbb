"""A small space of the user's own, in a file of its own, as users have it."""

from __future__ import annotations

from torch import nn

import archwright as aw


class Block(nn.Module):
    """A block of the user's."""

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        """Shape (N, C, H, W) to the same."""
        return x + self.norm(self.conv(x)).relu()


def make() -> aw.Space:
    """12 networks for 8 x 8 images and 10 classes."""
    width = aw.integer(4, 8, step=4, name="width")

    def block(i: int) -> object:
        return aw.choice(
            {"conv": aw.layer(Block, width, aw.choice(1, 3, name="kernel")), "skip": aw.layer(nn.Identity)},
            name="op",
        )

    return aw.Space(
        aw.layer(
            nn.Sequential,
            aw.layer(nn.Conv2d, 1, width, 3, padding=1),
            aw.repeat(block, times=aw.integer(1, 2, name="depth"), name="blocks"),
            aw.layer(nn.AdaptiveAvgPool2d, 2),
            aw.layer(nn.Flatten),
            aw.layer(nn.LazyLinear, 10),
        ),
        name="small",
    )


space = make()


def broken() -> aw.Space:
    """Networks that do not run on images."""
    return aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Linear, 3, aw.choice(4, 5, name="width"))))


def of_width(width: object) -> object:
    """One convolution of a width."""
    pooled = [aw.layer(nn.AdaptiveAvgPool2d, 1), aw.layer(nn.Flatten), aw.layer(nn.Linear, width, 10)]
    return aw.layer(nn.Sequential, aw.layer(nn.Conv2d, 1, width, 3), *pooled)


def mixed() -> aw.Space:
    """Four networks of two mixed operations, which every one-shot method can search."""

    def operation(i: int) -> object:
        options = {"conv": aw.layer(Block, 4, 3), "skip_connect": aw.layer(nn.Identity)}
        return aw.choice(options, name=f"op_{i}")

    first = aw.layer(nn.Conv2d, 1, 4, 3, stride=2, padding=1)
    last = [aw.layer(nn.AdaptiveAvgPool2d, 2), aw.layer(nn.Flatten), aw.layer(nn.Linear, 16, 10)]
    return aw.Space(aw.layer(nn.Sequential, first, operation(0), operation(1), *last), name="mixed")
