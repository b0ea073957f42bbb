"""Running programs on data: fitness over several tasks, training on one, predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.programs.arrays import to_arrays
from archwright.programs.compiling import quiet
from archwright.programs.evaluation import link, linking_room, predict_rows, run_program
from archwright.programs.program import Program

__all__ = ["Lanes", "Runner"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Lanes:
    """Tasks side by side, on which a program is judged.

    Args:
        inputs: Shape (n, F, T): examples of training first, then of validation.
        labels: Shape (n, T).
        validation: Where those of validation begin.
        is_classes: Whether labels are classes 0 and 1.
        seed: Of the random numbers that programs draw; each task has its own.
    """

    inputs: Floats
    labels: Floats
    validation: int
    is_classes: bool
    seed: int = 0

    @classmethod
    def of(
        cls, tasks: Sequence[tuple[Floats, Floats, Floats, Floats]], is_classes: bool, seed: int = 0
    ) -> Lanes:
        """From training inputs (n, F) and labels (n,), validation inputs and labels of each task."""
        inputs = [np.concatenate([x, valid]) for x, _, valid, _ in tasks]
        labels = [np.concatenate([y, valid]) for _, y, _, valid in tasks]
        stacked = np.ascontiguousarray(np.stack(inputs, axis=-1), np.float64)
        found = np.ascontiguousarray(np.stack(labels, axis=-1), np.float64)
        return cls(stacked, found, len(tasks[0][0]), is_classes, seed)

    @property
    def count(self) -> int:
        """How many tasks there are."""
        return int(self.labels.shape[1])

    @property
    def shown(self) -> NDArray[np.int64]:
        """Examples of training and of validation."""
        return np.array([self.validation, len(self.labels) - self.validation])

    @property
    def seeds(self) -> NDArray[np.uint64]:
        """A seed for each task."""
        state = np.random.SeedSequence(self.seed).generate_state(self.count, np.uint64)
        return np.asarray(state, np.uint64)

    def arrays(self) -> tuple[Floats, Floats, int, NDArray[np.uint64]]:
        """What `run_program` takes."""
        return self.inputs, self.labels, self.validation, self.seeds


class Runner:
    """Runs programs of one size of memory on tasks side by side.

    Args:
        features: Numbers in a vector.
        memory: How many scalars, vectors and matrices there are.
        tasks: How many tasks run side by side.
    """

    def __init__(self, features: int, memory: Sequence[int], tasks: int = 1) -> None:
        self.memory = np.array(memory)
        scalars, vectors, matrices = memory
        self.rows = scalars + vectors * features + (matrices + 1) * features**2
        self.lanes, self.feats = (0,) * tasks, (0,) * features
        self.room = (
            np.zeros((self.rows, tasks)),
            np.zeros(tasks, np.uint64),
            np.zeros(tasks),
            np.zeros(tasks),
            np.zeros(tasks),
        )

    def linked(self, program: Program, *, skips: bool = True) -> Any:
        """A program with its addresses resolved; without instructions that have no effect, if these are skipped."""
        capacity = max(1, *map(len, program.functions))
        linked = linking_room(capacity, self.memory.tolist())
        with quiet():
            link(*to_arrays(program.functions, capacity), self.memory, skips, linked, self.feats)
        return linked

    def fitness(self, program: Program, lanes: Lanes, *, skips: bool = True) -> tuple[float, Floats]:
        """The mean fitness of a program, and that of each task. See `archwright.programs.evaluation.run_program`.

        Args:
            program: The program.
            lanes: The tasks.
            skips: Whether instructions that have no effect are skipped.
        """
        with quiet():
            mean, _ = run_program(
                self.linked(program, skips=skips),
                lanes.arrays(),
                self.room,
                lanes.shown,
                False,
                lanes.is_classes,
                self.lanes,
                self.feats,
            )
        return float(mean), self.room[4].copy()

    def train(
        self,
        program: Program,
        inputs: Floats,
        labels: Floats,
        *,
        is_classes: bool,
        seed: int = 0,
        skips: bool = True,
    ) -> bool:
        """Train a program on one task: `memory_now` holds what it learned. Whether every error was small enough.

        Args:
            program: The program.
            inputs: Shape (n, F).
            labels: Shape (n,).
            is_classes: Whether labels are classes 0 and 1.
            seed: Of the random numbers that it draws.
            skips: Whether instructions that have no effect are skipped.
        """
        lanes = Lanes(inputs[:, :, None], labels[:, None], len(inputs), is_classes, seed)
        self.fitness(program, lanes, skips=skips)
        return bool((self.room[2] > 0).all())

    @property
    def memory_now(self) -> Floats:
        """All memory (rows, T), without the room of one more matrix."""
        return self.room[0][: self.rows - len(self.feats) ** 2]

    def predict(
        self,
        program: Program,
        memory: Floats,
        inputs: Floats,
        *,
        is_classes: bool,
        seed: int = 0,
        step: int = 0,
    ) -> Floats:
        """What a program predicts for rows (n, F), one after the other, beginning with the memory given; shape (n,).

        Numbers; of classes how likely class 1 is, as log odds.
        """
        mem, keys, *_ = self.room
        mem[:] = 0.0
        mem[: len(memory)] = memory
        outputs = np.zeros((len(inputs), 1))
        seeds = Lanes(inputs[:1, :, None], np.zeros((1, 1)), 0, is_classes, seed).seeds
        shown = np.ascontiguousarray(inputs[:, :, None], np.float64)
        with quiet():
            predict_rows(
                self.linked(program),
                shown,
                step,
                mem,
                seeds,
                keys,
                is_classes,
                outputs,
                self.lanes,
                self.feats,
            )
        return outputs[:, 0]
