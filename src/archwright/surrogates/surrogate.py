"""The seam of surrogates: from architectures to what they are expected to score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archwright.errors import UsageError
from archwright.spaces import Architecture, Space

__all__ = ["Prediction", "Refitted", "Surrogate", "Vector", "mean_and_spread"]

Vector = NDArray[np.float64]

Prediction = tuple[Vector, Vector]
"""Mean and standard deviation, each of the shape (architectures,)."""


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
    def predict(self, architectures: Sequence[Architecture]) -> Prediction:
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


class Refitted(Surrogate):
    """A surrogate whose state is its data, from which it learns again, and what it cannot learn again quickly.

    A subclass fills in `learn` and `expect`, which know values of mean 0 and deviation 1; one that has hyperparameters
    to be saved, `hyperparameters` and `restore` too.

    Args:
        space: The space.
        seed: Seed of all random numbers.
    """

    standardizes = True
    """Whether `learn` and `expect` know values of mean 0 and deviation 1, rather than as they are."""

    def __init__(self, space: Space, *, seed: int = 0) -> None:
        self.space, self.seed = space, seed
        self._data: tuple[list[Architecture], Vector] | None = None

    @abstractmethod
    def learn(self, architectures: Sequence[Architecture], values: Vector) -> None:
        """Learn anew."""

    @abstractmethod
    def expect(self, architectures: Sequence[Architecture]) -> Prediction:
        """Mean and standard deviation on the scale of `learn`."""

    def hyperparameters(self) -> Any:
        """What is saved beside the data, in JSON's own types; None where learning again is all there is to do."""
        return None

    def restore(self, architectures: Sequence[Architecture], values: Vector, hyperparameters: Any) -> None:
        """Do what `learn` did, with what was saved."""
        self.learn(architectures, values)

    def fit(self, architectures: Sequence[Architecture], values: ArrayLike) -> None:
        """Learn anew. See `Surrogate.fit`."""
        made = np.asarray(values, dtype=np.float64)
        if made.shape != (len(architectures),) or len(architectures) < 2:
            raise UsageError(
                f"a surrogate learns from at least 2 architectures with a value each; got {len(architectures)} "
                f"architectures and values of the shape {made.shape}"
            )
        if not np.isfinite(made).all():
            raise UsageError("a surrogate learns from finite values; leave out the trials that failed")
        self.learn(architectures, self._scaled(made))
        self._data = list(architectures), made

    def predict(self, architectures: Sequence[Architecture]) -> Prediction:
        """What is expected. See `Surrogate.predict`."""
        self._known()
        mean, deviation = self.expect(architectures)
        return self._mean + self._scale * mean, self._scale * deviation

    def state_dict(self) -> dict[str, Any]:
        """The data and the hyperparameters."""
        architectures, values = self._known()
        data = {"architectures": [a.to_json() for a in architectures], "values": values.tolist()}
        saved = self.hyperparameters()
        return data if saved is None else {**data, "hyperparameters": saved}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Predict what the saved one did.

        Raises:
            SpaceError: When an architecture is not of the space.
        """
        architectures = [self.space.architecture(data) for data in state["architectures"]]
        values = np.array(state["values"], dtype=np.float64)
        self.restore(architectures, self._scaled(values), state.get("hyperparameters"))
        self._data = architectures, values

    def _scaled(self, values: Vector) -> Vector:
        self._mean, self._scale = 0.0, 1.0
        if self.standardizes:
            self._mean, self._scale = float(values.mean()), float(values.std()) or 1.0
        return (values - self._mean) / self._scale

    def _known(self) -> tuple[list[Architecture], Vector]:
        if self._data is None:
            raise UsageError(f"the {type(self).__name__} has learned nothing yet; call fit first")
        return self._data


def mean_and_spread(votes: Vector) -> Prediction:
    """Mean and deviation over members, shape (members, architectures); the deviation is at least 1e-3."""
    return votes.mean(0), np.maximum(votes.std(0), 1e-3)
