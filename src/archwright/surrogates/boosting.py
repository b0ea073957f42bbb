"""Gradient boosting on architectures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archwright.spaces import Architecture, Space
from archwright.surrogates.columns import Columns
from archwright.surrogates.features import Features
from archwright.surrogates.surrogate import Prediction, Refitted, Vector, mean_and_spread

__all__ = ["GradientBoosting"]


class GradientBoosting(Refitted):
    """Boosted regression trees (Friedman 2001), scikit-learn's, several on bootstrap samples: these give the deviation.

    Args:
        space: The space.
        seed: Seed of all random numbers.
        members: How many boosted models.
        stages: Trees of each.
        depth: How deep a tree is at most.
        learning_rate: Share of a tree that is added.
        graf: Whether to read counts, path lengths and degrees of the networks' graphs too, see `GRAF`.
        columns: What else to read of each network, such as proxies' scores.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        members: int = 5,
        stages: int = 150,
        depth: int = 4,
        learning_rate: float = 0.08,
        graf: bool = False,
        columns: Columns | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        self.members, self.stages, self.depth, self.learning_rate = members, stages, depth, learning_rate
        self._features = Features(space, graf=graf, columns=columns)

    def learn(self, architectures: Sequence[Architecture], values: Vector) -> None:
        """Boost each member on a bootstrap sample."""
        from sklearn.ensemble import GradientBoostingRegressor

        rows = self._features(architectures)
        drawn = np.random.default_rng(self.seed)
        self._models = []
        for member in range(self.members):
            chosen = drawn.integers(len(rows), size=len(rows))
            model = GradientBoostingRegressor(
                n_estimators=self.stages,
                max_depth=self.depth,
                learning_rate=self.learning_rate,
                subsample=0.8,
                random_state=self.seed + member,
            )
            self._models.append(model.fit(rows[chosen], values[chosen]))

    def expect(self, architectures: Sequence[Architecture]) -> Prediction:
        """Mean and deviation over the members; the deviation is at least 1e-3."""
        rows = self._features(architectures)
        votes = np.stack([model.predict(rows) for model in self._models])
        return mean_and_spread(votes)
