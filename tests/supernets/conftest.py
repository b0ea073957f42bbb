"""A small smooth cell space on images of 6x6 pixels, and a task for it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.spaces.zoo.blocks import CellNetwork, Zero
from archwright.spaces.zoo.cells import cell, cell_decisions
from archwright.tasks import Task, from_arrays

OPERATIONS = ("none", "skip_connect", "avg_pool_3x3", "conv_3x3")


class SmoothConv(nn.Sequential):
    """Tanh, depthwise and pointwise convolution, batch normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.Tanh(),
            nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )


def _operation(channels: int, label: str, state: int) -> Any:
    return {
        "none": aw.layer(Zero),
        "skip_connect": aw.layer(nn.Identity),
        "avg_pool_3x3": aw.layer(nn.AvgPool2d, 3, 1, 1, count_include_pad=False),
        "conv_3x3": aw.layer(SmoothConv, channels),
    }[label]


def _cells(cells: int = 2, channels: int = 8, nodes: int = 2) -> aw.Space:
    decisions = cell_decisions("normal", OPERATIONS, nodes=nodes)
    stem = aw.layer(
        nn.Sequential, aw.layer(nn.Conv2d, 2, channels, 3, 1, 1), aw.layer(nn.BatchNorm2d, channels)
    )
    before, last, stack = channels, channels, []
    for _ in range(cells):
        prepare = [aw.layer(nn.Conv2d, before, channels, 1), aw.layer(nn.Conv2d, last, channels, 1)]
        stack.append(cell(decisions, prepare, partial(_operation, channels)))
        before, last = last, nodes * channels
    head = aw.layer(
        nn.Sequential, aw.layer(nn.AdaptiveAvgPool2d, 1), aw.layer(nn.Flatten), aw.layer(nn.Linear, last, 3)
    )
    network = aw.layer(CellNetwork, stem, stack, head)
    return aw.Space(network, name="smooth", scaled=partial(_cells, channels=channels, nodes=nodes))


@pytest.fixture
def cells() -> aw.Space:
    """Two cells of two nodes, 8 channels; `scale(cells=...)` makes more."""
    return _cells()


@pytest.fixture
def images() -> Task:
    """Three classes that differ in how fast the pixels change; 90 images to train on."""
    drawn = torch.Generator().manual_seed(7)
    targets = torch.arange(150) % 3
    phase = torch.rand(150, 2, 1, 1, generator=drawn) * 6
    waves = torch.sin((1.0 + targets.view(-1, 1, 1, 1)) * torch.arange(36).view(1, 1, 6, 6) + phase)
    inputs = waves + 0.3 * torch.randn(150, 2, 6, 6, generator=drawn)
    return from_arrays(inputs.numpy(), targets.numpy(), name="waves")
