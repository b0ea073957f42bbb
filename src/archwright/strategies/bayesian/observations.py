"""What a model-based strategy knows: every architecture that was proposed or told, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
        order: The rows that were told, in that order; one that was measured again, as at a higher fidelity, each time.
    """

    def __init__(self, space: Space, objectives: Sequence[Objective]) -> None:
        self.space, self.objectives = space, tuple(objectives)
        self.seen = ProposedSet(space)
        self.architectures: list[Architecture] = []
        self.numbers: list[int | None] = []
        self.scores: list[Score | None] = []
        self.order: list[int] = []
        self._before: dict[int, tuple[list[float], Score]] = {}
        """By the place in `order` what was known of a row that was told before: its line in the table, its score."""
        # A row each: the losses, whether it failed, whether it is feasible. Grows by doubling, since each ask reads it.
        self._table = np.zeros((64, len(self.objectives) + 2))
        self._row: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self.architectures)

    @property
    def told(self) -> int:
        """How often a trial was told."""
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
        if (earlier := self.scores[row]) is not None:
            self._before[len(self.order)] = self._table[row].tolist(), earlier
        if not found.failed:
            completed = trial.is_measured
            for column, objective in enumerate(self.objectives):
                if completed or objective.name in trial.metrics:
                    loss = objective.loss(objective_values(trial, [objective])[0])
                    self._table[row, column] = loss if math.isfinite(loss) else math.nan
        self.order.append(row)
        self._end(row, trial.number, found)

    def _end(self, row: int, number: int | None, found: Score) -> None:
        self.numbers[row], self.scores[row] = number, found
        self._table[row, -2:] = found.failed, bool(found.losses)

    def snapshot(self, rows: int | None = None, told: int | None = None) -> Snapshot:
        """What was known when there were so many rows, and so many had been told; None: now."""
        table = self._table[: len(self)]
        if told is not None:
            table = table.copy()
            for place, row in self._later(told):
                table[row, :-2], table[row, -2:] = math.nan, False
                if place in self._before:
                    table[row] = self._before[place][0]
        table = table[:rows]
        return Snapshot(table[:, :-2], table[:, -2] > 0.0, table[:, -1] > 0.0)

    def best(self, feasible: NDArray[np.bool_], most: int, told: int | None = None) -> list[int]:
        """The best of the feasible rows, best first; of equals the earlier. Several objectives: by Pareto rank.

        Args:
            feasible: Of a snapshot.
            most: How many.
            told: That of the snapshot.
        """
        scores = list(self.scores)
        for place, row in self._later(len(self.order) if told is None else told):
            scores[row] = self._before[place][1] if place in self._before else None
        rows = np.flatnonzero(feasible).tolist()
        keys = rank_keys([found for row in rows if (found := scores[row]) is not None])
        return [row for _, row in sorted(zip(keys, rows, strict=True))[:most]]

    def _later(self, told: int) -> Iterator[tuple[int, int]]:
        """Place in `order` and row of what was told since, the last first: what takes it back."""
        return ((place, self.order[place]) for place in reversed(range(told, len(self.order))))

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
            "before": [
                [place, [None if math.isnan(value) else value for value in line], found.to_json()]
                for place, (line, found) in self._before.items()
            ],
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
        for place, line, given in data.get("before", ()):  # runs of earlier versions have none
            values = [math.nan if value is None else value for value in line]
            made._before[place] = values, Score.from_json(given)
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
