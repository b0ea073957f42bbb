"""The mean of the nearest architectures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archwright.errors import UsageError
from archwright.spaces import Architecture, Space
from archwright.surrogates.columns import Columns, JoinedColumns, more_columns
from archwright.surrogates.features import Features
from archwright.surrogates.surrogate import Prediction, Refitted, Vector, mean_and_spread

__all__ = ["NearestNeighbors"]


class NearestNeighbors(Refitted):
    """The mean of the k nearest scored architectures, scikit-learn's; the deviation is that between them.

    With `columns` or `graf` distances are Euclidean in these alone, as AQuaSurF (Bingham & Miikkulainen 2023,
    arXiv:2301.05785) predicts an activation function from the three whose Fisher spectrum and outputs are most alike
    (there after an embedding in two dimensions by UMAP); without them, in the decisions.

    Args:
        space: The space.
        seed: Not used, since nothing is random.
        neighbors: k, at least 1; all where fewer are known.
        graf: Whether to read counts, path lengths and degrees of the networks' graphs, see `GRAF`.
        columns: What to read of each network, such as `aquasurf`.

    Raises:
        UsageError: When neighbors < 1.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        neighbors: int = 3,
        graf: bool = False,
        columns: Columns | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        if neighbors < 1:
            raise UsageError(f"expected neighbors >= 1, got {neighbors}")
        self.neighbors = neighbors
        more = more_columns(space, graf=graf, columns=columns)
        self._read: Columns | Features = JoinedColumns(more) if more else Features(space)

    def learn(self, architectures: Sequence[Architecture], values: Vector) -> None:
        """Note where they are."""
        from sklearn.neighbors import NearestNeighbors as Index

        self._index = Index(n_neighbors=min(self.neighbors, len(values))).fit(self._read(architectures))
        self._values = values

    def expect(self, architectures: Sequence[Architecture]) -> Prediction:
        """Mean and deviation over the nearest; the deviation is at least 1e-3."""
        nearest = self._index.kneighbors(self._read(architectures), return_distance=False)
        return mean_and_spread(np.take(self._values, nearest).T)
