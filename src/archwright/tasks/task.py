"""The seam of tasks: what a network must learn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from archwright.tasks.preprocessing import Preprocessing

__all__ = ["Split", "Task"]


@dataclass(frozen=True, slots=True)
class Split:
    """How the data was divided.

    Args:
        train: Number of examples for training.
        validation: Number of examples by which the search scores.
        test: Number of examples that only the final network sees.
        seed: Seed of the division.
        stratified: Whether each part has the classes in the same proportions.
        source: Where the parts come from, in one phrase: "split at random", "official test set".
    """

    train: int
    validation: int
    test: int
    seed: int
    stratified: bool
    source: str = "split at random"

    def __str__(self) -> str:
        how = "stratified by class" if self.stratified else "not stratified"
        return (
            f"{self.train} train, {self.validation} validation, {self.test} test ({self.source}, {how}, "
            f"seed {self.seed})"
        )


class Task(ABC):
    """What is learned: data in three parts, a loss and metrics.

    The search sees `train` and `validation` only; `test` is read once, for the final network.

    Attributes:
        name: What to call it.
        kind: "classification", "regression" or "language modelling".
        metric: Name of the metric that is the default objective.
        input_shape: Shape of one input, without the batch: (features,), (channels, length) or
            (channels, height, width); (steps,) for symbols.
        outputs: Number of numbers a network gives for one input: classes, or targets; symbols at each step.
        split: How the data was divided.
        train: Items are (input, target); input is a float tensor of `input_shape`, or int64 for symbols.
        validation: The same.
        test: The same.
        classes: Names of the classes, in the order of the outputs; empty for regression.
        preprocessing: How raw inputs became those of the parts, and how outputs are read; None where it is
            not known.
        has_symbols: Whether inputs are symbols, whole numbers of type int64, not amounts.
    """

    name: str
    kind: str
    metric: str
    input_shape: tuple[int, ...]
    outputs: int
    split: Split
    train: Dataset[Any]
    validation: Dataset[Any]
    test: Dataset[Any]
    classes: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    has_symbols: bool = False

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of what a network gives for one input, without the batch: (outputs,), unless a task says otherwise."""
        return (self.outputs,)

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """The mean loss of a batch, a scalar that can be differentiated.

        Args:
            outputs: What the network gave, shape (N, outputs).
            targets: Class indices of shape (N,), or numbers of shape (N, outputs).
            label_smoothing: Share of the target that is spread over all classes, in [0, 1); ignored in
                regression.
        """

    @abstractmethod
    def metrics(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """All metrics of a whole split at once, "loss" among them (never smoothed).

        Args:
            outputs: What the network gave, shape (N, outputs).
            targets: Class indices of shape (N,), or numbers of shape (N, outputs).
        """

    @abstractmethod
    def example(self) -> Tensor:
        """Two training inputs as a batch of shape (2, *input_shape), to size and count networks with."""

    def describe(self) -> Mapping[str, Any]:
        """What a report says of the task, in JSON's own types."""
        return {
            "name": self.name,
            "kind": self.kind,
            "metric": self.metric,
            "input_shape": list(self.input_shape),
            "outputs": self.outputs,
            "classes": list(self.classes),
            "split": str(self.split),
            "preprocessing": self.preprocessing.to_json() if self.preprocessing else None,
        }
