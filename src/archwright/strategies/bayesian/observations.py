"""What a model-based strategy knows: every architecture that was proposed or told, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.objectives import Objective, objective_values
from archwright.spaces import Architecture, Space
from archwright.strategies.proposed_set import ProposedSet
from archwright.strategies.ranking import Score, rank_keys, score
from archwright.trials import Trial

__all__ = ["Ask", "Observations", "Snapshot"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of some rows.

    Args:
        losses: Shape (rows, objectives); NaN where unknown.
        failed: Which rows failed; shape (rows,).
        feasible: Which rows were measured and keep the limits; shape (rows,).
    """

    losses: NDArray[np.float64]
    failed: NDArray[np.bool_]
    feasible: NDArray[np.bool_]

    def __getitem__(self, rows: Sequence[int]) -> Snapshot:
        """Some of the rows, in the order given."""
        return Snapshot(self.losses[rows], self.failed[rows], self.feasible[rows])


class Observations:
    """Rows in the order in which they were proposed, or told of by others.

    Args:
        space: The space.
        objectives: What is optimised, and the limits: a column each.

    Attributes:
        seen: The architectures, told apart by their canonical form; row i is the i-th that it noted.
        architectures: One per row.
        numbers: The trial of each row, None while it runs.
        scores: How each did, None while it runs.
        order: The rows that have ended, in the order in which they did.
    """

    def __init__(self, space: Space, objectives: Sequence[Objective]) -> None:
        self.space, self.objectives = space, tuple(objectives)
        self.seen = ProposedSet(space)
        self.architectures: list[Architecture] = []
        self.numbers: list[int | None] = []
        self.scores: list[Score | None] = []
        self.order: list[int] = []
        # A row each: the losses, whether it failed, whether it is feasible. Grows by doubling, since each ask reads it.
        self._table = np.zeros((64, len(self.objectives) + 2))
        self._row: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self.architectures)

    @property
    def told(self) -> int:
        """Number of rows that have ended."""
        return len(self.order)

    def propose(self, architecture: Architecture) -> None:
        """Add a row for an architecture, unless it has one."""
        if self.seen.add(architecture):
            self.note(architecture)

    def note(self, architecture: Architecture) -> None:
        """Add a row for an architecture that `seen` has just noted."""
        self._row[self.space.canonical(architecture)] = len(self.architectures)
        self.architectures.append(architecture)
        self.numbers.append(None)
        self.scores.append(None)
        if len(self) > len(self._table):
            self._table = np.vstack([self._table, np.zeros_like(self._table)])
        self._table[len(self) - 1, :-2] = math.nan

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
                    self._table[row, column] = loss if math.isfinite(loss) else math.nan
        if self.scores[row] is None:
            self.order.append(row)
        self._end(row, trial.number, found)

    def _end(self, row: int, number: int | None, found: Score) -> None:
        self.numbers[row], self.scores[row] = number, found
        self._table[row, -2:] = found.failed, bool(found.losses)

    def snapshot(self, rows: int | None = None, told: int | None = None) -> Snapshot:
        """What was known when there were so many rows, and so many had ended; None: now."""
        rows = len(self) if rows is None else rows
        table = self._table[:rows]
        if told is not None:
            table, later = table.copy(), [row for row in self.order[told:] if row < rows]
            table[later, :-2], table[later, -2:] = math.nan, False
        return Snapshot(table[:, :-2], table[:, -2] > 0.0, table[:, -1] > 0.0)

    def best(self, feasible: NDArray[np.bool_], most: int) -> list[int]:
        """The best of the feasible rows, best first; of equals the earlier. Several objectives: by Pareto rank."""
        rows = np.flatnonzero(feasible).tolist()
        keys = rank_keys([found for row in rows if (found := self.scores[row]) is not None])
        return [row for _, row in sorted(zip(keys, rows, strict=True))[:most]]

    def to_json(self) -> dict[str, Any]:
        """All rows, in JSON's own types."""
        return {
            "seen": self.seen.to_json(),
            "numbers": list(self.numbers),
            "scores": [score and score.to_json() for score in self.scores],
            "losses": [
                [None if math.isnan(loss) else loss for loss in row]
                for row in self.snapshot().losses.tolist()
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
        for architecture in made.seen.load_json(data["seen"]):
            made.note(architecture)
        for row, (number, given) in enumerate(zip(data["numbers"], data["scores"], strict=True)):
            if given is not None:
                made._end(row, number, Score.from_json(given))
        made.order = list(data["order"])
        if data["losses"]:
            made._table[: len(made), :-2] = np.array(data["losses"], dtype=np.float64)
        return made


@dataclass(frozen=True)
class Ask:
    """What one ask is answered by.

    Args:
        known: What is known.
        number: How many were asked before.
        random: Its random numbers.
    """

    known: Observations
    number: int
    random: Random

    @cached_property
    def now(self) -> Snapshot:
        """What is known of all rows."""
        return self.known.snapshot()
