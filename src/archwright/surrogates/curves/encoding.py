"""Decisions of architectures as standardised columns, for models that see architectures without their space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["DecisionColumns"]

Matrix = NDArray[np.float64]


@final
class DecisionColumns:
    """Numbers as they are, 0 where they are inactive, all other values one-hot; each column of mean 0 and deviation 1.

    Args:
        architectures: Address to value, of one space. Columns in which all of these are equal are left out, and what
            none of them has is not seen in others.
    """

    def __init__(self, architectures: Sequence[Mapping[str, Any]]) -> None:
        from sklearn.feature_extraction import DictVectorizer

        self._vectorizer: Any = DictVectorizer(sparse=False, sort=True)
        plain = [_plain(found) for found in architectures]
        self._mean, self._scale, self._varied = np.zeros(0), np.ones(0), np.zeros(0, dtype=bool)
        if any(plain):
            columns = np.asarray(self._vectorizer.fit_transform(plain), dtype=np.float64)
            self._mean, self._scale = columns.mean(0), columns.std(0)
            self._varied = self._scale > 1e-12

    def __call__(self, architectures: Sequence[Mapping[str, Any]]) -> Matrix:
        """Shape (architectures, columns)."""
        if not self._varied.any():
            return np.zeros((len(architectures), 0))
        plain = [_plain(found) for found in architectures]
        columns = np.asarray(self._vectorizer.transform(plain), dtype=np.float64)
        made: Matrix = (columns - self._mean)[:, self._varied] / self._scale[self._varied]
        return made


def _plain(architecture: Mapping[str, Any]) -> dict[str, float | str]:
    def number(value: Any) -> float | str:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number else str(value)

    return {name: number(value) for name, value in architecture.items()}
