"""A random forest on architectures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archwright.spaces import Architecture, Space
from archwright.surrogates.columns import Columns
from archwright.surrogates.features import Features
from archwright.surrogates.surrogate import Prediction, Refitted, Vector, mean_and_spread

__all__ = ["RandomForest"]


class RandomForest(Refitted):
    """Regression trees on bootstrap samples (Breiman 2001), scikit-learn's; the deviation is that between the trees.

    As in SMAC (Hutter et al. 2011), the trees see a share of the columns at each split, so that they differ.

    Args:
        space: The space.
        seed: Seed of all random numbers.
        trees: How many trees.
        features: The share of the columns that a split may choose from, in (0, 1].
        graf: Whether to read counts, path lengths and degrees of the networks' graphs too, see `GRAF`.
        columns: What else to read of each network, such as proxies' scores.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        trees: int = 100,
        features: float = 0.5,
        graf: bool = False,
        columns: Columns | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        self.trees, self.features = trees, features
        self._features = Features(space, graf=graf, columns=columns)

    def learn(self, architectures: Sequence[Architecture], values: Vector) -> None:
        """Grow the trees."""
        from sklearn.ensemble import RandomForestRegressor

        forest = RandomForestRegressor(
            self.trees, max_features=self.features, min_samples_leaf=1, random_state=self.seed
        )
        forest.fit(self._features(architectures), values)
        # Asked one by one, without the checks that would take longer than the trees.
        self._grown = [tree.tree_ for tree in forest.estimators_]

    def expect(self, architectures: Sequence[Architecture]) -> Prediction:
        """Mean and deviation over the trees; the deviation is at least 1e-3."""
        rows = self._features(architectures).astype(np.float32)
        votes = np.stack([tree.predict(rows)[:, 0] for tree in self._grown])
        return mean_and_spread(votes)
