"""What a search predicts by: a model of the loss, or of each loss, and one of what each limit is on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.errors import UsageError
from archwright.spaces import Architecture, Space
from archwright.strategies.bayesian.candidates import Candidates
from archwright.strategies.bayesian.observations import Ask, Observations
from archwright.strategies.bayesian.targets import TargetMaker, Targets
from archwright.surrogates import (
    Prediction,
    Surrogate,
)

__all__ = ["ConstrainedModel", "RefittedModel"]

Matrix = NDArray[np.float64]


class ConstrainedModel(ABC):
    """Predicts all columns of `Targets`.

    Attributes:
        targets: What was learned last.
        digits: Digits after the point beyond which two acquisition values are equal, so that rounding decides nothing.
    """

    targets: Targets
    digits: int

    @abstractmethod
    def update(self, ask: Ask) -> bool:
        """Learn what is due. False if nothing can be predicted yet."""

    @abstractmethod
    def predict(self, candidates: Candidates) -> list[Prediction | None]:
        """A prediction per column; None of one of which too little is known."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """What predictions depend on besides the observations, in JSON's own types."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any], known: Observations) -> None:
        """Continue from a state."""


class RefittedModel(ConstrainedModel):
    """Any surrogate, one per column, made anew when enough trials have ended since.

    Args:
        space: The space.
        surrogate: Makes a surrogate of a space and a seed.
        targets: Makes the targets.
        seed: Seed of the surrogates.
        every: How many trials end before they learn anew, at least 1.
        impute_pending: Whether trials that run count with what is expected of them (Kriging believer, Ginsbourger et
            al. 2010, doi:10.1007/978-3-642-10701-6_6); it then learns for trials that begin as for those that end.

    Raises:
        UsageError: When every < 1.
    """

    digits = 6

    def __init__(
        self,
        space: Space,
        surrogate: Callable[[Space, int], Surrogate],
        targets: TargetMaker,
        *,
        seed: int,
        every: int,
        impute_pending: bool,
    ) -> None:
        if every < 1:
            raise UsageError(f"expected every >= 1, got {every}")
        self.space, self.surrogate, self.make_targets = space, surrogate, targets
        self.seed, self.every, self.impute_pending = seed, every, impute_pending
        self._learned: tuple[int, int, int] | None = None
        self._models: list[Surrogate | None] = []

    @property
    def told(self) -> int:
        """How often a trial had been told when it learned last."""
        return 0 if self._learned is None else self._learned[0]

    def update(self, ask: Ask) -> bool:
        """Learn anew where it is due. See `ConstrainedModel.update`."""
        known = ask.known
        told, _, rows = self._learned or (-self.every, 0, 0)
        begun = len(known) - rows if self.impute_pending else 0
        if max(known.told - told, begun) >= self.every:
            self._learn(known, known.told, ask.number, len(known))
        return any(self._models)

    def predict(self, candidates: Candidates) -> list[Prediction | None]:
        """What the surrogates say. See `ConstrainedModel.predict`."""
        made = candidates.architectures
        return [None if model is None else model.predict(made) for model in self._models]

    def state_dict(self) -> dict[str, Any]:
        """How much has been learned."""
        return {"learned": self._learned and list(self._learned)}

    def load_state_dict(self, state: dict[str, Any], known: Observations) -> None:
        """Learn again what had been learned."""
        self._learned, self._models = None, []
        if state["learned"] is not None:
            self._learn(known, *state["learned"])

    def _learn(self, known: Observations, told: int, ask: int, rows: int) -> None:
        """Learn the first so many that were told, as at an ask with so many rows."""
        self._learned = told, ask, rows
        ended = list(dict.fromkeys(known.order[:told]))
        snapshot = known.snapshot(told=told)[ended]
        self.targets = targets = self.make_targets(snapshot, ask)
        pending = sorted(set(range(rows)).difference(ended)) if self.impute_pending else []
        # Where nothing is feasible there is no loss to improve on yet.
        skipped = 0 if snapshot.feasible.any() else targets.losses
        self._models = [None] * skipped
        for column in targets.columns[skipped:]:
            given = np.flatnonzero(~np.isnan(column))
            architectures = [known.architectures[ended[i]] for i in given]
            waiting = [known.architectures[row] for row in pending]
            self._models.append(self._fitted(architectures, column[given], waiting))

    def _fitted(
        self, architectures: list[Architecture], values: Matrix, pending: list[Architecture]
    ) -> Surrogate | None:
        if len(values) < 2:
            return None
        model = self.surrogate(self.space, self.seed)
        model.fit(architectures, values)
        if pending:
            expected, _ = model.predict(pending)
            return self._fitted([*architectures, *pending], np.append(values, expected), [])
        return model
