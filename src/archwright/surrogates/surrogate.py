"""The seam of surrogates: from architectures to what they are expected to score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archwright.errors import UsageError
from archwright.spaces import Architecture

__all__ = ["Surrogate", "checked_data"]


class Surrogate(ABC):
    """Learns from scored architectures, and predicts the scores of others with how sure it is.

    The same seed and the same data in the same order give the same predictions.
    """

    @abstractmethod
    def fit(self, architectures: Sequence[Architecture], values: ArrayLike) -> None:
        """Learn anew.

        Args:
            architectures: At least two of the space.
            values: Shape (architectures,): the score of each, in any unit.

        Raises:
            UsageError: When the lengths differ, there are fewer than two, or a value is not finite.
        """

    @abstractmethod
    def predict(
        self, architectures: Sequence[Architecture]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The mean and the standard deviation of what is expected, each of the shape (architectures,).

        Raises:
            UsageError: Before `fit`.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """What was learned, in JSON's own types.

        Raises:
            UsageError: Before `fit`.
        """

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Predict what the saved one did."""


def checked_data(architectures: Sequence[Architecture], values: ArrayLike) -> NDArray[np.float64]:
    """The values as an array.

    Raises:
        UsageError: When the lengths differ, there are fewer than two, or a value is not finite.
    """
    made = np.asarray(values, dtype=np.float64)
    if made.shape != (len(architectures),) or len(architectures) < 2:
        raise UsageError(
            f"a surrogate learns from at least 2 architectures with a value each; got {len(architectures)} "
            f"architectures and values of the shape {made.shape}"
        )
    if not np.isfinite(made).all():
        raise UsageError("a surrogate learns from finite values; leave out the trials that failed")
    return made
