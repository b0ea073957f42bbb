"""Cells: small graphs of operations, stacked to a network (Liu et al. 2019, arXiv:1806.09055)."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["Cell", "CellNetwork", "CellNode", "DropPath"]


class CellNode(nn.Module):
    """A node of a cell: the sum of its edges' operations, each applied to an earlier state.

    Args:
        edges: Number of the earlier state, as text, to the operation on the edge from it. At least one.
    """

    def __init__(self, edges: dict[str, nn.Module]) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(edges)

    def forward(self, states: list[torch.Tensor]) -> torch.Tensor:
        """The node's state, from the states before it."""
        arrived = [operation(states[int(earlier)]) for earlier, operation in self.edges.items()]
        state: torch.Tensor = sum(arrived[1:], start=arrived[0])
        return state


class Cell(nn.Module):
    """A directed acyclic graph of operations. Its states are the prepared inputs, then one per node.

    Args:
        prepare: One module per input: brings it to the cell's channels and size.
        nodes: `CellNode` modules, first to last; node k may read the inputs and nodes 0 to k - 1.
    """

    def __init__(self, prepare: list[nn.Module], nodes: list[nn.Module]) -> None:
        super().__init__()
        self.prepare = nn.ModuleList(prepare)
        self.nodes = nn.ModuleList(nodes)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """The nodes' states, concatenated along the channels."""
        states = [prepare(x) for prepare, x in zip(self.prepare, inputs, strict=True)]
        for node in self.nodes:
            states.append(node(states))
        return torch.cat(states[len(self.prepare) :], dim=1)


class CellNetwork(nn.Module):
    """A stem, cells that each read the outputs of the two before, and a head.

    Args:
        stem: From the network's input to what the first cell reads.
        cells: `Cell` modules of two inputs: the output before the last, and the last.
        head: From the last cell's output to the network's.
        second_stem: From the stem's output to the first cell's second input; None gives it the stem's output twice.
    """

    def __init__(
        self, stem: nn.Module, cells: list[nn.Module], head: nn.Module, second_stem: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.stem = stem
        self.cells = nn.ModuleList(cells)
        self.head = head
        self.second_stem = second_stem

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The head's output, shape (N, outputs)."""
        before = last = self.stem(x)
        if self.second_stem is not None:
            last = self.second_stem(before)
        for cell in self.cells:
            before, last = last, cell(before, last)
        outputs: torch.Tensor = self.head(last)
        return outputs


class DropPath(nn.Module):
    """In training, zeroes the whole input of some examples and scales that of the others, so that the mean stays.

    Larsson et al. 2017, arXiv:1605.07648; for each example on its own, as Zoph et al. 2018, arXiv:1707.07012.

    Args:
        probability: Of an example's being dropped, in [0, 1). May be set again between epochs.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, ...) to the same shape; in evaluation the input itself."""
        if not self.training or self.probability == 0:
            return x
        keep = 1 - self.probability
        mask = torch.empty(x.shape[0], *[1] * (x.dim() - 1), dtype=x.dtype, device=x.device)
        return x * (mask.bernoulli_(keep) / keep)
