"""The path encoding of networks that are graphs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from archwright.spaces import Architecture, Space
from archwright.spaces.graph import Graph

__all__ = ["Paths", "paths_of"]

_MOST = 2000


def paths_of(graph: Graph) -> set[tuple[str, ...]]:
    """The labels along each way from the outermost call to one that is given no call, at most 2,000 of them."""
    inner: dict[int, list[int]] = {}
    for caller, argument in graph.contains:
        inner.setdefault(caller, []).append(argument)
    found: set[tuple[str, ...]] = set()
    stack: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    while stack and len(found) < _MOST:
        node, before = stack.pop()
        here = (*before, graph.nodes[node].label)
        following = inner.get(node, [])
        if not following:
            found.add(here)
        stack += [(argument, here) for argument in following]
    return found


class Paths:
    """Which paths of a list a network has: 1 for each that it has (White et al. 2021, arXiv:1910.11858).

    Networks that are spelled differently and have the same paths have the same encoding. What an architecture's paths
    are is remembered by its canonical form.

    Args:
        space: The space; its networks are nested calls, as those of cells are.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._columns: dict[tuple[str, ...], int] = {}
        self._known: dict[Hashable, frozenset[tuple[str, ...]]] = {}

    def learn(self, architectures: Sequence[Architecture]) -> None:
        """Let the columns be the paths of these architectures, in sorted order."""
        found = sorted(set().union(*map(self._of, architectures)))
        self._columns = {path: i for i, path in enumerate(found)}

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Shape (architectures, columns + 1); the last column is the share of a network's paths that are unknown."""
        rows = np.zeros((len(architectures), len(self._columns) + 1))
        for row, architecture in zip(rows, architectures, strict=True):
            paths = self._of(architecture)
            known = [self._columns[path] for path in paths if path in self._columns]
            row[known] = 1.0
            row[-1] = 1.0 - len(known) / len(paths)
        return rows

    def _of(self, architecture: Architecture) -> frozenset[tuple[str, ...]]:
        canonical = self.space.canonical(architecture)
        found = self._known.get(canonical)
        if found is None:
            found = self._known[canonical] = frozenset(paths_of(self.space.graph(architecture)))
        return found
