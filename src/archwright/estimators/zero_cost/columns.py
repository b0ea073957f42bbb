"""Scores of proxies as columns of a surrogate."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from random import Random
from typing import final

import numpy as np
from numpy.typing import NDArray

from archwright.errors import TrialError
from archwright.estimators.zero_cost.estimator import ZeroCost
from archwright.spaces import Architecture

__all__ = ["ProxyColumns"]

_HIGH = 3.0
"""Deviations from the mean at which a column is cut off."""


@final
class ProxyColumns:
    """What proxies say of networks, beside the decisions that a surrogate reads: `columns=ProxyColumns(estimator)`.

    A column for each part of each proxy, with the mean and the deviation that it has on a random sample: two random
    networks are at the mean squared distance 1 in all columns together. What is not finite, or not defined for a
    network, is the worst of the sample. Scores are remembered by canonical form.

    Args:
        estimator: Reads the proxies.
        sample: How many random networks the scale is found on, at least 2.

    Attributes:
        groups: One group, "proxies".
    """

    def __init__(self, estimator: ZeroCost, *, sample: int = 20) -> None:
        self.estimator = estimator
        self._known: dict[Hashable, dict[str, float]] = {}
        random = Random(0)
        read = [self._of(estimator.space.sample(random)) for _ in range(sample)]
        self.names = tuple(dict.fromkeys(name for scores in read for name in scores))
        table = np.array([[one.get(name, np.nan) for name in self.names] for one in read])
        table = np.where(np.isfinite(table), table, np.nan).reshape(sample, len(self.names))
        known = np.flatnonzero(np.isfinite(table).sum(axis=0))
        self.names = tuple(self.names[i] for i in known)
        table = table[:, known]
        self._mean, self._spread = np.nanmean(table, 0), np.nanstd(table, 0)
        self._worst = np.nanmin(table, 0)
        self.groups = (("proxies", len(self.names)),)

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Shape (architectures, columns)."""
        read = [self._of(architecture) for architecture in architectures]
        rows = np.array([[one.get(name, np.nan) for name in self.names] for one in read])
        rows = rows.reshape(len(architectures), len(self.names))
        rows = np.where(np.isfinite(rows), rows, self._worst)
        scaled = (rows - self._mean) / np.where(self._spread > 0, self._spread, 1.0)
        made: NDArray[np.float64] = np.clip(scaled, -_HIGH, _HIGH) / np.sqrt(2.0 * max(len(self.names), 1))
        return made

    def _of(self, architecture: Architecture) -> dict[str, float]:
        canonical = self.estimator.space.canonical(architecture)
        if canonical not in self._known:
            try:
                self._known[canonical] = self.estimator.scores(architecture)
            except TrialError:  # it does not build: as bad as any
                self._known[canonical] = {}
        return self._known[canonical]
