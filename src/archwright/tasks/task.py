"""The seam of tasks: what a network must learn, in a few verbs."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset, default_collate

from archwright.errors import SpaceError, TaskError, UsageError
from archwright.evaluating import evaluating
from archwright.tasks.batches import BatchStream, DatasetStream, Part, Plan, choose, share, tensors_in
from archwright.tasks.families import Family
from archwright.tasks.preprocessing import Preprocessing

__all__ = ["Split", "Task", "Total", "add"]

Total = tuple[Tensor | float, Tensor | float]
"""A sum over examples, and what to divide it by for the mean."""


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
    """What is learned: how data becomes batches, how a network runs on one, what the loss is, how it is judged.

    Nothing else knows the structure of a batch. A batch is whatever `collate` makes of items, or `batches` yields: a
    tuple of tensors, a dict, a graph; objects in it with a method `to` are moved to the device.

    A subclass sets `name`, `train`, `validation` and `test`, and gives `loss`. The rest has defaults: a network is
    called with all entries of a batch but the last, and judged by its mean loss. The search sees `train` and
    `validation` only; `test` is read once, for the final network. Tasks of inputs and targets subclass
    `Classification`, `Regression` or `Supervised` instead.

    Attributes:
        name: What to call it.
        kind: What sort of task, in a word or two: "classification", "regression", "matching".
        metric: Name of the metric that is the default objective.
        split: How the data was divided; None where only the numbers of examples are known.
        train: Examples to learn from, a map-style dataset.
        validation: Examples by which the search scores.
        test: Examples that only the final network sees.
        input_shape: Shape of one input, without the batch, where there is one input; built-in spaces need it.
        outputs: Number of numbers a network gives for one input, where they are one vector.
        classes: Names of the classes, in the order of the outputs; empty where there are none.
        preprocessing: How raw inputs became those of the parts, and how outputs are read; None where it is not known.
        has_symbols: Whether inputs are symbols, whole numbers of type int64, not amounts.
        cardinalities: For each number of an input the number of codes that it takes, 0 where it is an amount; empty
            where all are amounts. Networks look codes up in an embedding.
        averaging: What of several networks' outputs has a mean that is an answer: "probabilities" of classes, whose
            scores (logits) stand along the last axis, "odds" of labels, of which each output is a logit, or
            "amounts"; empty where that is not known, so that no ensemble is made.
        family: Draws further tasks of this kind, on which learning algorithms are judged; None where there is one
            alone.
        notes: What was recognised in the data and done about it, for the log, a sentence each.
        raw_rows: Of a table the first training rows, column to value as they were read, by which an export checks that
            it prepares them alike.
        collate: From a list of items to a batch; None stacks tensors, inside tuples and dicts too. Give one where
            examples differ in length.
    """

    name: str
    kind: str = "learning"
    metric: str = "loss"
    split: Split | None = None
    train: Dataset[Any]
    validation: Dataset[Any]
    test: Dataset[Any]
    input_shape: tuple[int, ...] | None = None
    outputs: int | None = None
    classes: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    has_symbols: bool = False
    cardinalities: tuple[int, ...] = ()
    averaging: str = ""
    family: Family | None = None
    notes: tuple[str, ...] = ()
    raw_rows: tuple[Mapping[str, Any], ...] = ()
    collate: Callable[[list[Any]], Any] | None = None

    @abstractmethod
    def loss(self, outputs: Any, batch: Any) -> Tensor:
        """The mean loss of a batch, a scalar with gradients.

        Args:
            outputs: What `forward` gave, of any structure.
            batch: The batch.
        """

    def metrics(self, outputs: Any, batch: Any) -> Mapping[str, Total]:
        """Metrics of one batch: name to a sum over its examples and what to divide by. The loss is added by itself."""
        return {}

    def finish(self, totals: Mapping[str, Total]) -> dict[str, float]:
        """From the totals of `metrics` over all batches to numbers: by default the means.

        The totals hold those of "loss" too; without a number for it in what is given, it is their mean.
        """
        return {
            name: float(torch.as_tensor(total / weight).detach()) for name, (total, weight) in totals.items()
        }

    def measure(self, outputs: Any, batch: Any) -> dict[str, float]:
        """The metrics of one batch as numbers, its loss among them."""
        return self._finished(self._totals(outputs, batch))

    def arguments(self, batch: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """How a network is called on a batch: positional and keyword arguments.

        Sizing, counting and export call it so too. By default all entries of the batch but the last.
        """
        if not isinstance(batch, tuple) or len(batch) < 2:
            raise TaskError(
                f"task {self.name!r}: expected batches that are tuples of inputs and, last, the target, got "
                f"{type(batch).__name__}; give the task a method arguments(batch) -> (args, kwargs)"
            )
        return batch[:-1], {}

    def forward(self, network: Callable[..., Any], batch: Any) -> Any:
        """Run a network on a batch. It must reach the network by `network(...)` alone."""
        args, kwargs = self.arguments(batch)
        return network(*args, **kwargs)

    def weight(self, batch: Any) -> Tensor | int:
        """What the loss is a mean over: the number of examples, or of tokens where sequences are padded."""
        found = next((tensor for tensor in tensors_in(self.arguments(batch)) if tensor.ndim), None)
        if found is None:
            raise TaskError(
                f"task {self.name!r}: the number of examples in a batch is not known; give the task a method "
                "weight(batch), the number of terms that its loss is the mean of"
            )
        return len(found)

    def batches(self, part: Part, plan: Plan, network: Any = None) -> BatchStream:
        """The batches of a part.

        Args:
            part: Which.
            plan: How it is read.
            network: What is trained, for tasks that collect their data by it.

        Raises:
            TaskError: When there is no such part.
            UsageError: When a share is too small.
        """
        dataset = getattr(self, part.name, None)
        if dataset is None:
            raise TaskError(f"task {self.name!r} has no part {part.name!r}")
        chosen = choose(
            dataset,
            plan.fraction,
            torch.Generator().manual_seed(plan.fraction_seed),
            by_class=self.kind == "classification",
        )
        return DatasetStream(dataset, share(chosen, part, plan.division), plan, self.collate)

    def evaluate(self, network: nn.Module, part: Part, plan: Plan) -> dict[str, float]:
        """The metrics of a part, in evaluation mode: "loss" and those of `metrics`.

        Args:
            network: On the plan's device. Its mode is as before afterwards.
            part: Which part of the data.
            plan: How it is read.
        """
        totals: dict[str, Total] = {}
        stream = self.batches(part, plan, network)
        with evaluating(network):
            for batch in stream:
                outputs = self.forward(network, batch)
                for name, total in self._totals(outputs, batch).items():
                    add(totals, name, total)
        return self._finished(totals)

    def uncertainty(self, network: nn.Module, part: Part, plan: Plan) -> dict[str, float]:
        """Standard errors of metrics of a part, had other examples been drawn; by default none is known.

        Args:
            network: As for `evaluate`.
            part: As for `evaluate`.
            plan: As for `evaluate`.
        """
        return {}

    def check(self, outputs: Any, batch: Any) -> None:
        """Check what a network gave for a batch, before it is trained.

        Raises:
            TaskError: Names what was expected.
        """
        loss = self.loss(outputs, batch)
        if not isinstance(loss, Tensor) or loss.ndim:
            got = f"the shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise TaskError(f"task {self.name!r}: expected its loss to be a scalar tensor, got {got}")

    def example(self) -> Any:
        """Two training examples as a batch, to size and count networks with."""
        items = [self.train[0], self.train[1]]
        batch = (self.collate or default_collate)(items)
        return tuple(batch) if isinstance(batch, list) else batch

    def signature(self) -> tuple[tuple[int, ...], int]:
        """Shape of one input and number of outputs, for which built-in spaces are made.

        Raises:
            SpaceError: When the task has not one input and one vector of outputs.
        """
        if self.input_shape is None or self.outputs is None:
            raise SpaceError(
                f"the task {self.name!r} does not say input_shape and outputs, so no built-in network fits it; give "
                "both, or take a space of your own"
            )
        return self.input_shape, self.outputs

    def example_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """How a network is called on the example: what spaces and meters take as `example`."""
        return self.arguments(self.example())

    def augment(self, batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
        """A batch whose inputs are changed at random. Optional: without it, a recipe cannot augment."""
        raise TaskError(f"task {self.name!r} has no method augment")

    def soften(self, batch: Any, smoothing: float, mixup: float, generator: torch.Generator) -> Any:
        """A batch for which `loss` smooths the labels or mixes examples. Optional, as `augment` is.

        Args:
            batch: A batch.
            smoothing: Share of the target that is spread over all classes, in [0, 1).
            mixup: Parameter of the Beta distribution of the mixture; 0 mixes nothing.
            generator: Where the randomness comes from, on the CPU.
        """
        raise TaskError(f"task {self.name!r} has no method soften")

    def distance(self, outputs: Any, teacher: Any, batch: Any) -> Tensor:
        """The loss of outputs that are to be like those of a teacher, by default the mean squared difference.

        Args:
            outputs: What `forward` gave, of any structure.
            teacher: What it gave of the teacher, of the same structure.
            batch: The batch.

        A task of logits takes a `temperature` too, by which they are divided before they are compared.

        Raises:
            TaskError: When the outputs hold no numbers, or are not those of the teacher in number.
        """
        pairs = [
            (own, other)
            for own, other in zip(tensors_in(outputs), tensors_in(teacher), strict=True)
            if own.is_floating_point()
        ]
        if not pairs:
            raise TaskError(
                f"task {self.name!r}: its outputs hold no real numbers, so give it a method distance"
            )
        differences = [functional.mse_loss(own.float(), other.detach().float()) for own, other in pairs]
        return torch.stack(differences).mean()

    def distance_options(self, temperature: float) -> dict[str, float]:
        """What `distance` is called with besides outputs and batch.

        Raises:
            UsageError: When it takes no temperature, and that is not 1.
        """
        if "temperature" in inspect.signature(self.distance).parameters:
            return {"temperature": temperature}
        if temperature != 1.0:
            raise UsageError(
                f"the method distance of the task {self.name!r} takes no temperature; use temperature=1"
            )
        return {}

    @property
    def shares(self) -> bool:
        """True if a share of the training data can be taken: batches are read from `train`, example by example."""
        return type(self).batches is Task.batches

    @property
    def softens(self) -> bool:
        """True if `soften` is given."""
        return type(self).soften is not Task.soften

    @property
    def augments(self) -> bool:
        """True if `augment` is given."""
        return type(self).augment is not Task.augment

    def describe(self) -> Mapping[str, Any]:
        """What a report says of the task, in JSON's own types."""
        parts = {name: getattr(self, name, None) for name in ("train", "validation", "test")}
        counts = [f"{len(part)} {name}" for name, part in parts.items() if isinstance(part, Sized)]
        return {
            "name": self.name,
            "kind": self.kind,
            "metric": self.metric,
            "input_shape": None if self.input_shape is None else list(self.input_shape),
            "outputs": self.outputs,
            "classes": list(self.classes),
            "split": str(self.split or ", ".join(counts)),
            "preprocessing": self.preprocessing.to_json() if self.preprocessing else None,
            **({"input_type": "int64"} if self.has_symbols else {}),
        }

    def _finished(self, totals: Mapping[str, Total]) -> dict[str, float]:
        return {**Task.finish(self, {"loss": totals["loss"]}), **self.finish(totals)}

    def _totals(self, outputs: Any, batch: Any) -> dict[str, Total]:
        weight = self.weight(batch)
        totals = {"loss": (self.loss(outputs, batch) * weight, weight), **self.metrics(outputs, batch)}
        for name, total in totals.items():
            if not isinstance(total, tuple | list) or len(total) != 2:
                raise TaskError(
                    f"task {self.name!r}: expected metrics() to give a sum and what to divide it by for {name!r}, such "
                    f"as (hits.sum(), len(hits)), got {total!r}"
                )
        return totals


def add(totals: dict[str, Total], name: str, total: Total) -> None:
    """Add a sum, and what it is to be divided by, to those of a name."""
    before = totals.get(name)
    totals[name] = total if before is None else (before[0] + total[0], before[1] + total[1])
