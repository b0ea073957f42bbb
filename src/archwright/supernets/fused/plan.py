"""What is computed of a cell: its edges with their operations, and which of them are done together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from archwright.supernets.fused.operations import Chain, Nothing, Operation

__all__ = ["Edge", "Plan"]


@dataclass(frozen=True, eq=False)
class Edge:
    """A mixture of operations from an earlier state to a node.

    Args:
        node: Number of the node, from 0.
        source: Number of the state; the cell's inputs come first, then its nodes.
        modules: The operations.
        operations: What each of them is.
    """

    node: int
    source: int
    modules: tuple[nn.Module, ...]
    operations: tuple[Operation, ...]


class Plan:
    """The edges of a cell as they are at present, for the kernels.

    Args:
        inputs: Number of the cell's inputs.
        edges: The edges, at least one a node.

    Attributes:
        parameters: All parameters of the edges, each once.
        places: The `id` of each parameter to its number.
    """

    def __init__(self, inputs: int, edges: Sequence[Edge]) -> None:
        self.inputs = inputs
        self.edges = list(edges)
        self.nodes = 1 + max(edge.node for edge in edges)
        operations = [operation for edge in edges for operation in edge.operations]
        found = {id(p): p for operation in operations for p in operation.parameters()}
        self.parameters = list(found.values())
        self.places = {key: i for i, key in enumerate(found)}

    def is_known(self) -> bool:
        """Whether the kernels have something to do, and no node reads only zeros, whose size nothing tells."""
        reading = {e.node for e in self.edges if any(not isinstance(o, Nothing) for o in e.operations)}
        working = any(isinstance(operation, Chain) for edge in self.edges for operation in edge.operations)
        return working and reading == set(range(self.nodes))

    def plain(self, states: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """The cell's output as torch computes it: for derivatives of derivatives."""
        known = list(states)
        for node in range(self.nodes):
            total: Tensor | None = None
            for edge, mixture in zip(self.edges, weights, strict=True):
                if edge.node == node:
                    for weight, module in zip(mixture, edge.modules, strict=True):
                        term = weight * module(known[edge.source])
                        total = term if total is None else total + term
            assert total is not None
            known.append(total)
        return torch.cat(known[self.inputs :], dim=1)

    @contextmanager
    def kept_statistics(self) -> Iterator[None]:
        """Leaves the norms' running statistics as they were before the block."""
        norms = [
            part
            for edge in self.edges
            for module in edge.modules
            for part in module.modules()
            if isinstance(part, _NormBase)
        ]
        before = [(norm, dict(norm._buffers)) for norm in norms]
        for norm, buffers in before:  # others in their place: torch still needs the values that it saw
            norm._buffers.update(
                {name: None if buffer is None else buffer.clone() for name, buffer in buffers.items()}
            )
        try:
            yield
        finally:
            for norm, buffers in before:
                norm._buffers.update(buffers)
