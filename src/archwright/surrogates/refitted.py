"""Surrogates that are restored by learning again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archwright.errors import UsageError
from archwright.spaces import Architecture, Space
from archwright.surrogates.surrogate import Surrogate, checked_data

__all__ = ["Refitted"]


class Refitted(Surrogate):
    """A surrogate whose state is its data: learning is quick, and its seed makes it come out the same.

    A subclass fills in `learn` and `expect`, which know values of mean 0 and deviation 1.

    Args:
        space: The space.
        seed: Seed of all random numbers.
    """

    def __init__(self, space: Space, *, seed: int = 0) -> None:
        self.space, self.seed = space, seed
        self._data: tuple[list[Architecture], NDArray[np.float64]] | None = None

    @abstractmethod
    def learn(self, architectures: Sequence[Architecture], values: NDArray[np.float64]) -> None:
        """Learn anew from values of mean 0 and deviation 1."""

    @abstractmethod
    def expect(
        self, architectures: Sequence[Architecture]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation on the scale of `learn`."""

    def fit(self, architectures: Sequence[Architecture], values: ArrayLike) -> None:
        """Learn anew. See `Surrogate.fit`."""
        made = checked_data(architectures, values)
        self._mean, self._scale = float(made.mean()), float(made.std()) or 1.0
        self.learn(architectures, (made - self._mean) / self._scale)
        self._data = list(architectures), made

    def predict(
        self, architectures: Sequence[Architecture]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What is expected. See `Surrogate.predict`."""
        if self._data is None:
            raise UsageError(f"the {type(self).__name__} has learned nothing yet; call fit first")
        mean, deviation = self.expect(architectures)
        return self._mean + self._scale * mean, self._scale * deviation

    def state_dict(self) -> dict[str, Any]:
        """The data."""
        if self._data is None:
            raise UsageError(f"the {type(self).__name__} has learned nothing yet; call fit first")
        architectures, values = self._data
        return {"architectures": [a.to_json() for a in architectures], "values": values.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Learn the saved data again."""
        self.fit([self.space.architecture(data) for data in state["architectures"]], state["values"])
