"""A random forest on architectures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from archwright.errors import UsageError
from archwright.spaces import Architecture, Space
from archwright.surrogates.features import Features
from archwright.surrogates.refitted import Refitted

__all__ = ["RandomForest"]

_BINS = 64


class RandomForest(Refitted):
    """Regression trees on bootstrap samples (Breiman 2001); the deviation is that between the trees.

    As in SMAC (Hutter et al. 2011), the trees see a share of the columns at each split, so that they differ. Compiled:
    a hundred trees on a few hundred architectures are grown in some milliseconds. A column of more than 64 different
    values is split between 64 groups of them.

    Args:
        space: The space.
        seed: Seed of all random numbers.
        trees: How many trees, at least 2.
        features: The share of the columns that a split may choose from, in (0, 1].
        bootstrap: Whether each tree learns from a sample with replacement, or from everything.

    Raises:
        UsageError: When an option is out of range.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        trees: int = 100,
        features: float = 0.5,
        bootstrap: bool = True,
    ) -> None:
        super().__init__(space, seed=seed)
        if trees < 2 or not 0.0 < features <= 1.0:
            raise UsageError(
                f"forest: expected trees >= 2 and features in (0, 1], got {trees} and {features}"
            )
        self.trees, self.features, self.bootstrap = trees, features, bootstrap
        self._features = Features(space)

    def learn(self, architectures: Sequence[Architecture], values: NDArray[np.float64]) -> None:
        """Grow the trees."""
        from archwright.surrogates.tree_kernels import grow

        rows = self._features(architectures)
        count, columns = rows.shape
        drawn = np.random.default_rng(self.seed)
        if self.bootstrap:
            weights = drawn.multinomial(count, np.full(count, 1.0 / count), size=self.trees).astype(
                np.float64
            )
        else:
            weights = np.ones((self.trees, count))
        states = drawn.integers(2**64, size=self.trees, dtype=np.uint64)
        shape = (self.trees, 2 * count)
        self._forest = (
            np.zeros(shape, dtype=np.int32),
            np.zeros(shape),
            np.zeros(shape, dtype=np.int32),
            np.zeros(shape),
        )
        tried = max(1, int(self.features * columns))
        grow(*_binned(rows), values, weights, states, tried, *self._forest)

    def expect(
        self, architectures: Sequence[Architecture]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation over the trees; the deviation is at least 1e-3."""
        from archwright.surrogates.tree_kernels import predict

        votes = np.empty((self.trees, len(architectures)))
        predict(self._features(architectures), *self._forest, votes)
        return votes.mean(0), np.maximum(votes.std(0), 1e-3)


def _binned(
    rows: NDArray[np.float64],
) -> tuple[
    NDArray[np.int16], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]
]:
    """Values as bins of the same or of near values: the first five arguments of `tree_kernels.grow`."""
    codes = np.empty(rows.shape[::-1], dtype=np.int16)
    ends: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for code, column in zip(codes, rows.T, strict=True):
        distinct, inverse = np.unique(column, return_inverse=True)
        # Bin b is distinct[starts[b]:starts[b + 1]].
        bins = min(len(distinct), _BINS)
        of_distinct = np.arange(len(distinct)) * bins // len(distinct)
        starts = np.searchsorted(of_distinct, np.arange(bins))
        code[:] = of_distinct[inverse]
        ends.append((distinct[starts], distinct[np.append(starts[1:], len(distinct)) - 1]))
    low, high = np.zeros((2, len(ends), max((len(some) for some, _ in ends), default=1)))
    for i, (some, others) in enumerate(ends):
        low[i, : len(some)], high[i, : len(some)] = some, others
    two = np.array([len(some) == 2 for some, _ in ends], dtype=bool)
    flag = np.where(two, np.cumsum(two) - 1, -1)
    return codes, low, high, np.ascontiguousarray(codes[two].T, dtype=np.float64), flag
