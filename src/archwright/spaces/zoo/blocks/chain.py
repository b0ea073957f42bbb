"""Layers in a row with skip connections (Zoph & Le 2017, arXiv:1611.01578), for any number of dimensions."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["Chain", "ChainLayer"]


class ChainLayer(nn.Module):
    """One layer of a `Chain`. Takes the chain's input and outputs so far; returns them with its own behind.

    It reads the outputs it skips to and the last one, concatenated along the channels. Pooling reduces them all,
    so that what a later layer may read has one size.

    Args:
        operation: From the concatenated inputs to this layer's output, of the same height and width.
        skips: Numbers of the earlier layers, from 0, whose outputs it reads besides the last one.
        pool: Reduces the outputs after this layer; None keeps their size.
    """

    def __init__(
        self, operation: nn.Module, skips: tuple[int, ...] = (), pool: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.operation = operation
        self.skips = skips
        self.pool = pool

    def forward(self, outputs: list[torch.Tensor]) -> list[torch.Tensor]:
        """From [chain's input, layer 0's output, ...], each (N, its channels, ...), to the same and this layer's."""
        read = [outputs[skip + 1] for skip in self.skips] + [outputs[-1]]
        outputs = [*outputs, self.operation(torch.cat(read, dim=1))]
        return outputs if self.pool is None else [self.pool(output) for output in outputs]


class Chain(nn.Module):
    """Layers in a row, each of which may read earlier outputs too.

    Args:
        layers: `ChainLayer` modules, first to last.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The last layer's output."""
        outputs = [x]
        for layer in self.layers:
            outputs = layer(outputs)
        return outputs[-1]
