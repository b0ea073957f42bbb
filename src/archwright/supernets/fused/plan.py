"""What is computed of a cell: its edges with their operations, and which of them are done together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from archwright.supernets.fused.family import Family
from archwright.supernets.fused.halves import Half
from archwright.supernets.fused.operations import Chain, Nothing, Operation, recognise
from archwright.supernets.fused.pooling import Pooling, Window

__all__ = ["Edge", "Plan"]


@dataclass(frozen=True, eq=False)
class Edge:
    """A mixture of operations from an earlier state to a node.

    Args:
        node: Number of the node, from 0.
        source: Number of the state; the cell's inputs come first, then its nodes.
        modules: The operations.
    """

    node: int
    source: int
    modules: tuple[nn.Module, ...]


class Plan:
    """The edges of a cell, for the kernels.

    Args:
        inputs: Number of the cell's inputs.
        edges: The edges, at least one a node.

    Attributes:
        operations: Those of each edge, as they are done.
        parameters: All parameters of the edges, each once.
        known: Whether any operation but zeros and identities is done by the kernels, and no node reads only zeros.
    """

    def __init__(self, inputs: int, edges: Sequence[Edge]) -> None:
        self.inputs = inputs
        self.edges = list(edges)
        self.nodes = 1 + max(edge.node for edge in edges)
        self.operations: list[list[Operation]] = [list(map(recognise, edge.modules)) for edge in edges]
        found = {id(p): p for edge in edges for module in edge.modules for p in module.parameters()}
        self.parameters: list[nn.Parameter] = list(found.values())
        self.places = {key: i for i, key in enumerate(found)}
        reading = {
            edge.node
            for edge, operations in zip(self.edges, self.operations, strict=True)
            if any(not isinstance(operation, Nothing) for operation in operations)
        }
        self.known = reading == set(range(self.nodes)) and any(
            isinstance(operation, Chain) for operations in self.operations for operation in operations
        )
        self._families: dict[tuple[object, ...], Family] = {}
        self._poolings: dict[tuple[Window, int, int], Pooling] = {}

    def family(self, halves: Sequence[Half], height: int, width: int) -> Family:
        """The halves as a family for an input of this size."""
        key = (height, width, *map(id, halves))
        if key not in self._families:
            self._families[key] = Family(halves, height, width)
        return self._families[key]

    def pooling(self, window: Window, height: int, width: int) -> Pooling:
        """A pooling for an input of this size."""
        key = (window, height, width)
        if key not in self._poolings:
            self._poolings[key] = Pooling(window, height, width)
        return self._poolings[key]

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
        before = [(buffer, buffer.clone()) for norm in norms for buffer in norm.buffers()]
        try:
            yield
        finally:
            for buffer, value in before:
                buffer.copy_(value)
