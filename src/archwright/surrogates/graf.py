"""GRAF: features of a network's graph that say in plain numbers what its cells are made of."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from archwright.spaces import Architecture, Space
from archwright.spaces.graph import Graph

__all__ = ["GRAF", "CellGraph", "cells_of", "features_of"]

_NODES = ("CellNode", "WiredNode")
_SUMMED = "SummedCell"
_ALL_SUBSETS = 5
_SAMPLE = 200


@dataclass(frozen=True, slots=True)
class CellGraph:
    """A cell as a graph of states, whose edges are operations.

    Args:
        inputs: How many states are given to it; they come first.
        nodes: How many states it computes.
        edges: (state that is read, state that is computed, operation), in order.
        is_joined: Whether all its nodes are the output together, rather than the last one.
    """

    inputs: int
    nodes: int
    edges: tuple[tuple[int, int, str], ...]
    is_joined: bool

    @property
    def outputs(self) -> range:
        """The states that leave it."""
        last = self.inputs + self.nodes
        return range(self.inputs if self.is_joined else last - 1, last)


def cells_of(graph: Graph) -> dict[str, CellGraph]:
    """The cells of a network by their place: calls that hold `CellNode` or `WiredNode` calls.

    The operation on an edge is called by the label of its decision, or by its function where nothing was decided.
    """
    inner: dict[int, list[int]] = {}
    for caller, argument in graph.contains:
        inner.setdefault(caller, []).append(argument)
    found: dict[str, CellGraph] = {}
    for cell, children in inner.items():
        nodes = [child for child in children if graph.nodes[child].label in _NODES]
        if not nodes:
            continue
        inputs = max(1, children.index(nodes[0]))  # what prepares them comes before the nodes
        edges = []
        for k, node in enumerate(nodes):
            for operation in inner.get(node, []):
                call, start = graph.nodes[operation], graph.nodes[node].place
                # edges.STATE, and .LABEL where one was chosen
                words = call.place.removeprefix(f"{start}.").split(".")
                if words[0] != "edges":
                    continue
                edges.append((int(words[1]), inputs + k, words[2] if len(words) > 2 else call.label))
        is_joined = graph.nodes[cell].label != _SUMMED
        found[graph.nodes[cell].place] = CellGraph(inputs, len(nodes), tuple(edges), is_joined)
    return found


def features_of(cell: CellGraph, operations: Sequence[str]) -> dict[str, float]:
    """The features of one cell (Kadlecova et al. 2024, arXiv:2404.16551, section 4).

    For each operation how often it stands in the cell. For each set of operations, and the edges that have one of
    them: the length of the shortest path from an input to an output over these edges alone, one more than there are
    states where there is none; the most of these edges that a path over any edges has; how many of them leave each
    input and enter the outputs, and how many enter and leave a state on average.

    Args:
        cell: The cell.
        operations: All that a cell of the space may have. Of at most 5 every set is looked at, of more the single ones,
            pairs, and all but one.
    """
    found = {f"count {name}": float(sum(label == name for *_, label in cell.edges)) for name in operations}
    for chosen in _subsets(operations):
        told = "+".join(chosen)
        edges = [(a, b) for a, b, label in cell.edges if label in chosen]
        found[f"shortest {told}"] = float(_shortest(cell, edges))
        found[f"most {told}"] = float(_most(cell, chosen))
        for state in range(cell.inputs):
            found[f"leave {state} {told}"] = float(sum(a == state for a, _ in edges))
        found[f"enter {told}"] = float(sum(b in cell.outputs for _, b in edges))
        found[f"average {told}"] = len(edges) / (cell.inputs + cell.nodes)
    return found


def _subsets(operations: Sequence[str]) -> list[tuple[str, ...]]:
    if len(operations) <= _ALL_SUBSETS:
        sizes: Sequence[int] = range(1, len(operations) + 1)
    else:
        sizes = (1, 2, len(operations) - 1, len(operations))
    return [chosen for size in sizes for chosen in itertools.combinations(operations, size)]


def _shortest(cell: CellGraph, edges: Sequence[tuple[int, int]]) -> int:
    """The fewest edges from an input to an output."""
    states = cell.inputs + cell.nodes
    far = states + 1
    length = [0 if state < cell.inputs else far for state in range(states)]
    for read, computed in sorted(edges, key=lambda edge: edge[1]):
        length[computed] = min(length[computed], length[read] + 1)
    return min(far, *(length[state] for state in cell.outputs), far)


def _most(cell: CellGraph, chosen: Sequence[str]) -> int:
    """The most edges of a set on a path from an input to an output."""
    states = cell.inputs + cell.nodes
    most = [0 if state < cell.inputs else -1 for state in range(states)]  # -1: no path leads there
    for read, computed, label in sorted(cell.edges, key=lambda edge: edge[1]):
        if most[read] >= 0:
            most[computed] = max(most[computed], most[read] + (label in chosen))
    return max(0, *(most[state] for state in cell.outputs))


class GRAF:
    """Neural graph features of networks (Kadlecova et al. 2024, arXiv:2404.16551), from `space.graph`.

    Of each cell what `features_of` says, and of the whole network how often each function is called. Which columns
    there are is found on 200 random networks: those that are the same for all, and those that another one tells, are
    left out, so that of cells that repeat one another one is left. Networks outside that have what none of these had
    count nothing for it. Two random networks are at the mean squared distance 1.

    Args:
        space: The space.

    Attributes:
        names: Of the columns.
        groups: Of the columns that belong together, the name and the number: here one.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._cells: dict[tuple[CellGraph, tuple[str, ...]], dict[str, float]] = {}
        self._known: dict[Hashable, dict[str, float]] = {}
        self._operations: tuple[str, ...] = ()
        random = Random(0)
        sample = [space.sample(random) for _ in range(_SAMPLE)]
        found = {op for one in sample for c in cells_of(space.graph(one)).values() for *_, op in c.edges}
        self._operations = tuple(sorted(found))
        rows = [self._of(one) for one in sample]
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = np.array([[row.get(name, 0.0) for name in names] for row in rows]).reshape(len(rows), -1)
        low, width = table.min(0), np.ptp(table, axis=0)
        shares = np.round((table - low) / np.where(width > 0, width, 1.0), 9)
        _, first = np.unique(shares, axis=1, return_index=True)
        kept = [i for i in sorted(first) if width[i] > 0]
        self.names = tuple(names[i] for i in kept)
        half = len(sample) // 2
        squared = (table[:half, kept] - table[half:, kept]) ** 2
        self._scale = 1.0 / np.sqrt(np.maximum(squared.mean(0) * max(len(kept), 1), 1e-12))
        self.groups = (("graf", len(kept)),)

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Shape (architectures, columns)."""
        rows = np.zeros((len(architectures), len(self.names)))
        for row, architecture in zip(rows, architectures, strict=True):
            found = self._of(architecture)
            row[:] = [found.get(name, 0.0) for name in self.names]
        scaled: NDArray[np.float64] = rows * self._scale
        return scaled

    def raw(self, architecture: Architecture) -> dict[str, float]:
        """The features of one network by name, unscaled."""
        return {name: self._of(architecture).get(name, 0.0) for name in self.names}

    def _of(self, architecture: Architecture) -> dict[str, float]:
        canonical = self.space.canonical(architecture)
        found = self._known.get(canonical)
        if found is None:
            graph = self.space.graph(architecture)
            found = {}
            for node in graph.nodes:
                found[f"calls {node.label}"] = found.get(f"calls {node.label}", 0.0) + 1.0
            for place, cell in cells_of(graph).items():
                found |= {f"{place}: {name}": value for name, value in self._cell(cell).items()}
            self._known[canonical] = found
        return found

    def _cell(self, cell: CellGraph) -> dict[str, float]:
        key = cell, self._operations
        if key not in self._cells:
            self._cells[key] = features_of(cell, self._operations)
        return self._cells[key]
