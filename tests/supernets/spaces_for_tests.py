"""Spaces written with every node, that no zoo space has in this form."""

from __future__ import annotations

import torch
from torch import nn

import archwright as aw

SHAPE = (3, 7, 9)
"""Odd, and not square."""


class Block(nn.Module):
    """A user's own class: nothing of it is known to Archwright."""

    def __init__(
        self, inputs: int, outputs: int, kernel_size: int = 3, activation: type[nn.Module] = nn.ReLU
    ) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(outputs, 1, 1))
        self.convolution = nn.Conv2d(inputs, outputs, kernel_size, padding="same")
        self.norm = nn.BatchNorm2d(outputs)
        self.activation = activation()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(self.norm(self.convolution(x))) * self.scale


class Sum(nn.Module):
    """The sum of what its branches give; zeros without any. With a bias of its own."""

    def __init__(self, *branches: nn.Module, bias: nn.Module | None = None) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.bias = bias
        self.offset = nn.Parameter(torch.randn(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = torch.zeros_like(x) + self.offset
        for branch in self.branches:
            total = total + branch(x)
        return total if self.bias is None else total + self.bias(x)


def head(width: object) -> list[aw.spaces.DeferredCall]:
    """From feature maps to three numbers."""
    return [aw.layer(nn.AdaptiveAvgPool2d, 1), aw.layer(nn.Flatten), aw.layer(nn.Linear, width, 3)]


def elastic_layers() -> aw.Space:
    """Torch's own layers with decided width, kernel (not square) and groups, depthwise too, and a layer norm."""
    width = aw.integer(4, 12, step=4, name="width")
    kernel = aw.choice(1, 3, 5, name="kernel")
    groups = aw.choice(1, 2, 4, name="groups")
    return aw.Space(
        aw.layer(
            nn.Sequential,
            aw.layer(nn.Conv2d, 3, width, (1, kernel), padding=(0, kernel // 2)),
            aw.layer(nn.BatchNorm2d, width),
            aw.layer(nn.Conv2d, width, width, kernel, padding=kernel // 2, groups=width, bias=False),
            aw.layer(nn.ReLU),
            aw.layer(nn.Conv2d, width, 2 * width, 3, padding=1, groups=groups),
            aw.layer(nn.AdaptiveAvgPool2d, 1),
            aw.layer(nn.Flatten),
            aw.layer(nn.LayerNorm, 2 * width),
            aw.layer(nn.Linear, 2 * width, 3),
        )
    )


def depth() -> aw.Space:
    """A repeat of nought to three bodies that each decide for themselves; one is shared by two places."""
    width = aw.categorical([4, 6], name="width")

    def body(i: int) -> aw.spaces.Expression:
        return aw.choice(
            {
                "own": aw.layer(Block, width, width, aw.choice(1, 3, name="kernel")),
                "plain": aw.layer(nn.Conv2d, width, width, 1),
                "skip": aw.layer(nn.Identity),
            },
            name="operation",
        )

    blocks = aw.repeat(body, times=aw.integer(0, 3, name="times"), name="blocks")
    return aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Conv2d, 3, width, 1), blocks, *head(width)))


def edges() -> aw.Space:
    """Optional parts in a list, in a keyword, in a sequence, and a tied one; shared decisions at two widths."""
    operation = aw.categorical(["convolution", "pool", "none"], name="operation")
    taken = aw.subset(3, (0, 2), name="taken")
    biased = aw.boolean(name="biased")

    def branches(width: int) -> list[aw.spaces.Expression]:
        def mixed() -> aw.spaces.Expression:
            return aw.switch(
                operation,
                {
                    "convolution": aw.layer(nn.Conv2d, width, width, 3, padding=1),
                    "pool": aw.layer(nn.AvgPool2d, 3, 1, 1),
                    "none": aw.layer(nn.Threshold, float("inf"), 0.0),
                },
            )

        return [aw.when(taken.has(i), mixed()) for i in range(3)]

    def stage(width: int) -> aw.spaces.DeferredCall:
        bias = aw.when(biased, aw.layer(nn.Conv2d, width, width, 1))
        return aw.layer(Sum, *branches(width), bias=bias)

    tied = aw.tied(aw.layer(nn.Conv2d, 6, 6, 1))
    return aw.Space(
        aw.layer(
            nn.Sequential,
            aw.layer(nn.Conv2d, 3, 4, 1),
            stage(4),
            aw.when(aw.boolean(name="norm"), aw.layer(nn.BatchNorm2d, 4)),
            aw.layer(nn.Conv2d, 4, 6, 1),
            tied,
            stage(6),
            aw.when(aw.boolean(name="again"), tied),
            *head(6),
        )
    )


def activations() -> aw.Space:
    """Classes, numbers and real numbers as arguments of a user's own class."""
    activation = aw.choice({"relu": nn.ReLU, "tanh": nn.Tanh}, name="activation")
    width = aw.integer(2, 5, name="width")
    return aw.Space(
        aw.layer(
            nn.Sequential,
            aw.layer(Block, 3, width, activation=activation),
            aw.layer(nn.AdaptiveAvgPool2d, (3, 2)),
            aw.layer(nn.Conv2d, width, 4, 1),
            aw.layer(nn.Dropout, aw.real(0.0, 0.5, name="dropout")),
            aw.layer(nn.Flatten),
            aw.layer(nn.LazyLinear, 3),
        )
    )


def sums() -> aw.Space:
    """What every method can mix: two sums of three branches with the same decisions, at two widths."""
    operations = [aw.categorical(["convolution", "pool", "none"], name=f"operation_{i}") for i in range(3)]
    taken = aw.subset(3, 2, name="taken")

    def stage(width: int) -> aw.spaces.DeferredCall:
        def mixed(i: int) -> aw.spaces.Expression:
            return aw.switch(
                operations[i],
                {
                    "convolution": aw.layer(nn.Conv2d, width, width, 3, padding=1),
                    "pool": aw.layer(nn.AvgPool2d, 3, 1, 1),
                    "none": aw.layer(nn.Threshold, float("inf"), 0.0),
                },
            )

        return aw.layer(Sum, *[aw.when(taken.has(i), mixed(i)) for i in range(3)])

    body = [aw.layer(nn.Conv2d, 3, 4, 1), stage(4), aw.layer(nn.Conv2d, 4, 6, 1), stage(6)]
    return aw.Space(aw.layer(nn.Sequential, *body, *head(6)))


SPACES = {
    "elastic layers": elastic_layers,
    "depth": depth,
    "edges": edges,
    "activations": activations,
    "sums": sums,
}
