"""What a network's graph is made of, as numbers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from random import Random
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from archwright.spaces import Architecture, Space

__all__ = ["GraphCounts"]

_LABELS, _EDGES = 32, 128
_COMPARED = 100


class GraphCounts:
    """How often each label, and each pair of labels along an edge, is in the graph of a network.

    These are the first two steps of Weisfeiler and Lehman, one neighbour at a time; networks that are spelled
    differently and compute the same have the same counts. Labels and pairs are told apart by a hash, into 32 and 128
    columns. Two random networks are at the mean squared distance 1, in the labels and in the edges.

    Args:
        space: The space.

    Attributes:
        groups: How many columns are of labels, and how many of edges.
    """

    groups = (("labels", _LABELS), ("edges", _EDGES))

    def __init__(self, space: Space) -> None:
        self.space = space
        self._known: dict[Hashable, NDArray[np.float64]] = {}
        self._scale = np.ones(_LABELS + _EDGES)
        random = Random(0)
        rows = self([space.sample(random) for _ in range(2 * _COMPARED)])
        squared = (rows[:_COMPARED] - rows[_COMPARED:]) ** 2
        for part in (slice(0, _LABELS), slice(_LABELS, None)):
            self._scale[part] = max(float(squared[:, part].sum(1).mean()), 1e-12) ** -0.5

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Shape (architectures, 160)."""
        rows = np.zeros((len(architectures), _LABELS + _EDGES))
        for row, architecture in zip(rows, architectures, strict=True):
            canonical = self.space.canonical(architecture)
            found = self._known.get(canonical)
            if found is None:
                found = self._known[canonical] = self._counted(architecture)
            row[:] = found
        return rows * self._scale

    def _counted(self, architecture: Architecture) -> NDArray[np.float64]:
        graph = self.space.graph(architecture)
        labels = [node.label for node in graph.nodes]
        edges = [f"{labels[caller]}({labels[argument]})" for caller, argument in graph.contains]
        edges += [f"{labels[earlier]},{labels[later]}" for earlier, later in graph.follows]
        columns = [crc32(label.encode()) % _LABELS for label in labels]
        columns += [_LABELS + crc32(edge.encode()) % _EDGES for edge in edges]
        made: NDArray[np.float64] = np.bincount(columns, minlength=_LABELS + _EDGES).astype(np.float64)
        return made
