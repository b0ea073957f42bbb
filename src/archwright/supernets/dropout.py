"""What drops at random in a network."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

__all__ = ["dropouts_in"]

_NAMES = ("drop", "stochasticdepth")


def dropouts_in(network: nn.Module) -> Iterator[nn.Module]:
    """The modules that drop at random, known by their class's name: `Dropout`, `DropPath`, `StochasticDepth`."""
    for module in network.modules():
        if any(name in type(module).__name__.lower() for name in _NAMES):
            yield module
