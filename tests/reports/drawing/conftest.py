"""Networks to draw: a chain, a residual block, cells."""

import pytest
import torch
from torch import nn

import archwright.spaces as aw
from archwright.spaces.zoo.blocks import Cell, CellNetwork, CellNode, Chain, ChainLayer

IMAGES = torch.zeros(2, 1, 8, 8)
COLOURS = torch.zeros(2, 3, 8, 8)


class Residual(nn.Module):
    """A body plus a shortcut around it, as a user writes it."""

    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


OPERATIONS = ("sep_conv_3x3", "skip_connect")


def cells_space(cells=8):
    """DARTS-like: normal cells with two reductions; operations decided once a kind."""
    kinds = {
        kind: [[aw.categorical(OPERATIONS, name=f"{kind}.node{k}.op{i}") for i in range(2)] for k in range(4)]
        for kind in ("normal", "reduce")
    }

    def cell(i):
        channels = 16 * 2 ** ((i > 2) + (i > 5))
        decisions = kinds["reduce" if i in (cells // 3, 2 * cells // 3) else "normal"]

        def operation(decision):
            options = {
                "sep_conv_3x3": aw.layer(nn.Conv2d, channels, channels, 3, padding=1),
                "skip_connect": aw.layer(nn.Identity),
            }
            return aw.switch(decision, options)

        nodes = [
            aw.layer(CellNode, {str(k + j): operation(decision) for j, decision in enumerate(pair)})
            for k, pair in enumerate(decisions)
        ]
        prepare = [aw.layer(nn.LazyConv2d, channels, 1), aw.layer(nn.LazyConv2d, channels, 1)]
        return aw.layer(Cell, prepare=prepare, nodes=nodes)

    head = aw.layer(
        nn.Sequential, aw.layer(nn.AdaptiveAvgPool2d, 1), aw.layer(nn.Flatten), aw.layer(nn.LazyLinear, 10)
    )
    stem = aw.layer(nn.Conv2d, 3, 16, 3, padding=1)
    return aw.Space(aw.layer(CellNetwork, stem=stem, cells=[cell(i) for i in range(cells)], head=head))


def chain_space():
    """Four layers; the third reads the first, too, the last the first and the second."""
    convolution = aw.choice(3, 5, name="kernel")
    layers = [
        aw.layer(ChainLayer, aw.layer(nn.Conv2d, 1, 8, convolution, padding="same")),
        aw.layer(ChainLayer, aw.layer(nn.Conv2d, 8, 8, 3, padding=1), pool=aw.layer(nn.MaxPool2d, 2)),
        aw.layer(ChainLayer, aw.layer(nn.Conv2d, 16, 8, 3, padding=1), (0,)),
        aw.layer(ChainLayer, aw.layer(nn.Conv2d, 24, 8, 3, padding=1), skips=(0, 1)),
    ]
    return aw.Space(aw.layer(Chain, *layers))


def residual_space(shortcut=nn.Identity):
    """A residual block in a Sequential."""
    width = aw.integer(4, 8, step=4, name="width")
    arguments = () if shortcut is nn.Identity else (width, width, 1)
    body = aw.layer(nn.Conv2d, width, width, 3, padding=1)
    block = aw.layer(Residual, body=body, shortcut=aw.layer(shortcut, *arguments))
    return aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Conv2d, 1, width, 3, padding=1), block))


@pytest.fixture(name="cells_space", scope="session")
def _cells_space():
    return cells_space()


@pytest.fixture(name="chain_space", scope="session")
def _chain_space():
    return chain_space()


@pytest.fixture(name="residual_space", scope="session")
def _residual_space():
    return residual_space
