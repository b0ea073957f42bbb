"""The tasks that a program is judged on, and its fitness there."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from archwright.errors import UsageError
from archwright.programs.program import Program
from archwright.programs.runner import Lanes, Runner
from archwright.programs.settings import ProgramSettings
from archwright.tasks.families import USES

if TYPE_CHECKING:
    from archwright.tasks import Task

__all__ = ["SIDE_BY_SIDE", "Judge", "arrays_of"]

SIDE_BY_SIDE = 10
"""Tasks that one pass through a program serves."""
_DIVISIONS, _VALIDATION = 5, 0.2
_SEEDS = 1_000_003
"""How far the seeds of the programs' random numbers are apart from one turn to the next."""


def arrays_of(dataset: Any) -> tuple[Any, Any]:
    """The inputs (n, F) and labels (n,) of a task's part, as float64."""
    items = [dataset[place] for place in range(len(dataset))]
    inputs = np.stack([np.asarray(item[0], np.float64).reshape(-1) for item in items])
    labels = np.array([float(np.asarray(item[1]).reshape(-1)[0]) for item in items])
    return inputs, labels


class Judge:
    """Judges programs on the tasks of a family; of a task that belongs to none, on divisions of its training data.

    Args:
        task: What is learned.
        settings: What programs may hold.
        seed: Of tasks and divisions.
    """

    def __init__(self, task: Task, settings: ProgramSettings, seed: int = 0) -> None:
        if task.kind not in ("classification", "regression"):
            raise UsageError(
                f"programs learn amounts or one of two classes, and the task {task.name!r} is {task.kind}; take "
                "another space"
            )
        self.task, self.settings, self.seed = task, settings, seed
        self.is_classes = task.kind == "classification"
        self._lanes: dict[str, list[Lanes]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lanes": {}}

    def lanes(self, use: str) -> list[Lanes]:
        """The tasks for a use, as many side by side as one pass serves. See `archwright.tasks.families.Family`."""
        if use not in self._lanes:
            tasks = self.task.family.tasks(use, seed=self.seed) if self.task.family else self._divisions(use)
            width = min(SIDE_BY_SIDE, len(tasks))
            groups = [tasks[start : start + width] for start in range(0, len(tasks) - width + 1, width)]
            self._lanes[use] = [
                Lanes.of(group, self.is_classes, self.seed + 1000 * number)
                for number, group in enumerate(groups)
            ]
        return self._lanes[use]

    def search_lanes(self, turn: int = 0, examples: int = 0) -> Lanes:
        """The tasks of the search that programs are evolved on, side by side.

        Args:
            turn: Other tasks for each turn.
            examples: Examples of training that are shown, the first ones; 0 shows all.
        """
        family, count = self.task.family, SIDE_BY_SIDE
        if family is None:
            tasks = self._divisions("search", turn)
        else:
            count = min(SIDE_BY_SIDE, family.counts["search"])
            tasks = family.tasks("search", count, self.seed, first=turn * count)
        shown = [(x[:examples], y[:examples], *held) if examples else (x, y, *held) for x, y, *held in tasks]
        return Lanes.of(shown, self.is_classes, self.seed + _SEEDS * turn)

    def fitness(self, program: Program, use: str) -> float:
        """The mean fitness of a program over the tasks for a use."""
        groups = self.lanes(use)
        runner = self._runner(groups[0].count)
        return float(np.mean([runner.fitness(program, group)[0] for group in groups]))

    def _runner(self, tasks: int) -> Runner:
        return _runner(self.settings.features, self.settings.memory, tasks)

    def _divisions(self, use: str, turn: int = 0) -> list[Any]:
        inputs, labels = arrays_of(self.task.train)
        cut = max(1, round(len(inputs) * (1 - _VALIDATION)))
        found = []
        for number in range(turn * _DIVISIONS, (turn + 1) * _DIVISIONS):
            order = np.random.default_rng([self.seed, USES.index(use), number]).permutation(len(inputs))
            one, other = order[:cut], order[cut:]
            found.append((inputs[one], labels[one], inputs[other], labels[other]))
        return found


@lru_cache(maxsize=8)
def _runner(features: int, memory: tuple[int, int, int], tasks: int) -> Runner:
    return Runner(features, memory, tasks)
