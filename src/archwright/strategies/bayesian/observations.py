"""What a model-based strategy knows: every architecture that was proposed or told, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.objectives import Objective, objective_values
from archwright.spaces import Architecture, Space
from archwright.strategies.ranking import Score, score
from archwright.strategies.seen import Seen
from archwright.trials import Trial

__all__ = ["Known", "Observations"]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of some rows.

    Args:
        losses: Shape (rows, objectives): what is to be small; NaN where it is not known.
        failed: Which failed; shape (rows,).
        feasible: Which were measured and keep the limits; shape (rows,).
    """

    losses: NDArray[np.float64]
    failed: NDArray[np.bool_]
    feasible: NDArray[np.bool_]


class Observations:
    """Rows in the order in which they were proposed, or told of by others.

    Args:
        space: The space.
        objectives: What is optimised, and the limits: a column each.

    Attributes:
        seen: The architectures, told apart by their canonical form; row i is the i-th that it noted.
        architectures: One a row.
        numbers: The trial of each row, None while it runs.
        scores: How each did, None while it runs.
        order: The rows that have ended, in the order in which they did.
    """

    def __init__(self, space: Space, objectives: Sequence[Objective]) -> None:
        self.space, self.objectives = space, tuple(objectives)
        self.seen = Seen(space)
        self.architectures: list[Architecture] = []
        self.numbers: list[int | None] = []
        self.scores: list[Score | None] = []
        self.order: list[int] = []
        self._losses = np.zeros((64, len(self.objectives)))
        self._failed, self._feasible = np.zeros(64, dtype=bool), np.zeros(64, dtype=bool)
        self._row: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self.architectures)

    def propose(self, architecture: Architecture) -> bool:
        """A row for an architecture; whether it was new."""
        if not self.seen.add(architecture):
            return False
        self.note(architecture)
        return True

    def note(self, architecture: Architecture) -> None:
        """A row for an architecture that `seen` has just noted."""
        self._row[self.space.canonical(architecture)] = len(self.architectures)
        self.architectures.append(architecture)
        self.numbers.append(None)
        self.scores.append(None)
        count = len(self.architectures)
        if count > len(self._losses):
            self._losses = np.vstack([self._losses, np.zeros_like(self._losses)])
            self._failed = np.append(self._failed, np.zeros_like(self._failed))
            self._feasible = np.append(self._feasible, np.zeros_like(self._feasible))
        self._losses[count - 1] = np.nan

    def tell(self, trial: Trial) -> None:
        """Enter a finished trial.

        Raises:
            UsageError: As `ranking.score`.
        """
        found = score(trial, self.objectives)
        self.propose(trial.architecture)
        row = self._row[self.space.canonical(trial.architecture)]
        if not found.failed:
            completed = trial.is_measured
            for column, objective in enumerate(self.objectives):
                if completed or objective.name in trial.metrics:
                    loss = objective.loss(objective_values(trial, [objective])[0])
                    self._losses[row, column] = loss if math.isfinite(loss) else math.nan
        if self.scores[row] is None:
            self.order.append(row)
        self._end(row, trial.number, found)

    @property
    def told(self) -> int:
        """How many rows have ended."""
        return len(self.order)

    def _end(self, row: int, number: int, found: Score) -> None:
        self.numbers[row], self.scores[row] = number, found
        self._failed[row], self._feasible[row] = found.failed, bool(found.losses)

    def losses(self) -> NDArray[np.float64]:
        """Shape (rows, objectives): what is to be small; NaN where it is not known."""
        return self._losses[: len(self)]

    def failed(self) -> NDArray[np.bool_]:
        """Which rows failed; shape (rows,)."""
        return self._failed[: len(self)]

    def feasible(self) -> NDArray[np.bool_]:
        """Which rows were measured and keep the limits; shape (rows,)."""
        return self._feasible[: len(self)]

    def at(self, rows: int, told: int) -> Known:
        """What was known when there were so many rows, and so many had ended."""
        losses, failed, feasible = self._losses[:rows], self._failed[:rows], self._feasible[:rows]
        if later := [row for row in self.order[told:] if row < rows]:
            losses, failed, feasible = losses.copy(), failed.copy(), feasible.copy()
            losses[later], failed[later], feasible[later] = math.nan, False, False
        return Known(losses, failed, feasible)

    def to_json(self) -> dict[str, Any]:
        """All rows, in JSON's own types."""
        return {
            "seen": self.seen.to_json(),
            "numbers": list(self.numbers),
            "scores": [score and score.to_json() for score in self.scores],
            "losses": [
                [None if math.isnan(loss) else loss for loss in row] for row in self.losses().tolist()
            ],
            "order": list(self.order),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], space: Space, objectives: Sequence[Objective]) -> Observations:
        """The inverse of `to_json`.

        Raises:
            SpaceError: When an architecture is not of the space.
        """
        made = cls(space, objectives)
        made.seen.load_json(data["seen"])
        addresses = data["seen"]["addresses"]
        for which, *values in data["seen"]["values"]:
            made.note(space.architecture(dict(zip(addresses[which], values, strict=True))))
        for row, (number, given) in enumerate(zip(data["numbers"], data["scores"], strict=True)):
            if given is not None:
                made._end(row, number, Score.from_json(given))
        made.order = list(data["order"])
        if data["losses"]:
            made._losses[: len(made)] = np.array(data["losses"], dtype=np.float64)
        return made
