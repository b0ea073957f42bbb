"""The macro network of ENAS (Pham et al. 2018, arXiv:1802.03268), on images of shape (N, C, H, W).

A network's states are the outputs of its stem and its layers so far.
"""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["SkipLayer", "SkipNetwork", "StateReduction"]


class SkipLayer(nn.Module):
    """A layer of a `SkipNetwork`: an operation on the last state, plus the earlier states it skips to, normalised.

    Args:
        operation: From the last state to one of the same shape.
        skips: Number of an earlier state, as text, to what is done to it before it is added. May be empty.
        norm: Over the sum.
    """

    def __init__(self, operation: nn.Module, skips: dict[str, nn.Module], norm: nn.Module) -> None:
        super().__init__()
        self.operation = operation
        self.skips = nn.ModuleDict(skips)
        self.norm = norm

    def forward(self, states: list[torch.Tensor]) -> list[torch.Tensor]:
        """The states, and this layer's behind them."""
        state = self.operation(states[-1])
        for earlier, skip in self.skips.items():
            state = state + skip(states[int(earlier)])
        return [*states, self.norm(state)]


class StateReduction(nn.Module):
    """Reduces all states, so that a later layer may still read any of them.

    Args:
        reductions: One module a state, first to last.
    """

    def __init__(self, reductions: list[nn.Module]) -> None:
        super().__init__()
        self.reductions = nn.ModuleList(reductions)

    def forward(self, states: list[torch.Tensor]) -> list[torch.Tensor]:
        """As many states, each of half the height and width."""
        return [reduction(state) for reduction, state in zip(self.reductions, states, strict=True)]


class SkipNetwork(nn.Module):
    """A stem, layers that may read any earlier output, and a head.

    Args:
        stem: From the network's input to state 0.
        layers: `SkipLayer` and `StateReduction` modules, first to last.
        head: From the last state to the network's output.
    """

    def __init__(self, stem: nn.Module, layers: list[nn.Module], head: nn.Module) -> None:
        super().__init__()
        self.stem = stem
        self.layers = nn.ModuleList(layers)
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The head's output, shape (N, outputs)."""
        states = [self.stem(x)]
        for layer in self.layers:
            states = layer(states)
        outputs: torch.Tensor = self.head(states[-1])
        return outputs
