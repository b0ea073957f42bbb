"""Networks wired as any directed acyclic graph (Xie et al. 2019, arXiv:1904.01569), on images of shape (N, C, H, W)."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["ReLUSeparableConvNorm", "WiredGraph", "WiredNode"]


class ReLUSeparableConvNorm(nn.Sequential):
    """ReLU, depthwise 3x3 and pointwise convolution, batch normalisation: the operation of a node.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: 1, or 2 to halve height and width, rounding up.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(in_channels, in_channels, 3, stride, 1, groups=in_channels, bias=False),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )


class WiredNode(nn.Module):
    """A node: the sum of what it reads, each weighted by the sigmoid of a parameter of its own, then an operation.

    A single input has no weight: the normalisation at the end of the operation would take it out again.

    Args:
        edges: Number of an earlier state, as text, to what is done to it before it is added. At least one.
        operation: On the sum.
    """

    def __init__(self, edges: dict[str, nn.Module], operation: nn.Module) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(edges)
        self.operation = operation
        self.weights = nn.Parameter(torch.zeros(len(edges))) if len(edges) > 1 else None

    def forward(self, states: list[torch.Tensor]) -> torch.Tensor:
        """The node's state, from the states before it."""
        read = [edge(states[int(earlier)]) for earlier, edge in self.edges.items()]
        if self.weights is None:
            state: torch.Tensor = self.operation(read[0])
        else:
            state = self.operation(sum(w * x for w, x in zip(self.weights.sigmoid(), read, strict=True)))
        return state


class WiredGraph(nn.Module):
    """Nodes wired as a graph. State 0 is the graph's input, state k + 1 that of node k.

    Args:
        nodes: `WiredNode` modules, first to last.
        outputs: Number of a state, as text, to what is done to it before the mean of all is the graph's output.
    """

    def __init__(self, nodes: list[nn.Module], outputs: dict[str, nn.Module]) -> None:
        super().__init__()
        self.nodes = nn.ModuleList(nodes)
        self.outputs = nn.ModuleDict(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The mean of the output states."""
        states = [x]
        for node in self.nodes:
            states.append(node(states))
        given = [output(states[int(state)]) for state, output in self.outputs.items()]
        mean: torch.Tensor = sum(given[1:], start=given[0]) / len(given)
        return mean
