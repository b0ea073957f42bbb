"""Learning to tell classes apart."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from archwright.errors import TaskError
from archwright.tasks.preprocessing import Preprocessing
from archwright.tasks.targets import CLASSIFICATION
from archwright.tasks.task import Split, Task

__all__ = ["Classification"]


@final
class Classification(Task):
    """One class out of several for each input; learned by cross-entropy.

    A network gives one score (logit) a class. The metrics are shares in [0, 1] but for the loss:

    - `accuracy`: share of the examples whose highest score is at their class.
    - `balanced_accuracy`: mean over the classes of the share that is recognised (recall), of the classes that
      occur.
    - `f1`: mean over the classes of the harmonic mean of precision and recall (macro), of the classes that
      occur or are predicted.
    - `loss`: mean cross-entropy in nats.

    Args:
        name: What to call it.
        train: Items are (input of `preprocessing.input_shape`, class index).
        validation: The same.
        test: The same.
        classes: Names of the classes.
        split: How the data was divided.
        preprocessing: How raw inputs were prepared.
    """

    kind = CLASSIFICATION
    metric = "accuracy"

    def __init__(
        self,
        name: str,
        *,
        train: Dataset[Any],
        validation: Dataset[Any],
        test: Dataset[Any],
        classes: tuple[str, ...],
        split: Split,
        preprocessing: Preprocessing,
    ) -> None:
        self.name = name
        self.train, self.validation, self.test = train, validation, test
        self.classes = classes
        self.outputs = len(classes)
        self.split = split
        self.preprocessing = preprocessing
        self.input_shape = preprocessing.input_shape

    def loss(self, outputs: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """Mean cross-entropy in nats.

        Raises:
            TaskError: When the outputs are not one score a class.
        """
        self._check(outputs, targets)
        return functional.cross_entropy(outputs.float(), targets, label_smoothing=label_smoothing)

    def metrics(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """`accuracy`, `balanced_accuracy`, `f1` and `loss` of a whole split.

        Raises:
            TaskError: When the outputs are not one score a class.
        """
        self._check(outputs, targets)
        outputs, targets = outputs.detach().cpu().double(), targets.detach().cpu()
        pairs = targets * self.outputs + outputs.argmax(dim=1)
        confusion = torch.bincount(pairs, minlength=self.outputs**2).view(self.outputs, self.outputs).double()
        hits, actual, predicted = confusion.diagonal(), confusion.sum(dim=1), confusion.sum(dim=0)
        recall = hits[actual > 0] / actual[actual > 0]
        seen = (actual + predicted) > 0
        f1 = 2 * hits[seen] / (actual + predicted)[seen]
        return {
            "accuracy": (hits.sum() / actual.sum()).item(),
            "balanced_accuracy": recall.mean().item(),
            "f1": f1.mean().item(),
            "loss": functional.cross_entropy(outputs, targets).item(),
        }

    def example(self) -> Tensor:
        """Two training inputs as a batch of shape (2, *input_shape)."""
        return torch.stack([self.train[0][0], self.train[1][0]])

    def _check(self, outputs: Tensor, targets: Tensor) -> None:
        if outputs.shape != (len(targets), self.outputs):
            raise TaskError(
                f"task {self.name!r}: expected a network that gives shape ({len(targets)}, {self.outputs}) "
                f"for {len(targets)} inputs, one score a class, got {tuple(outputs.shape)}; end it with a "
                f"linear layer of {self.outputs} outputs"
            )
