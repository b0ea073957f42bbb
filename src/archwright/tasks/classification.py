"""Learning to tell classes apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from archwright.errors import TaskError
from archwright.tasks.batches import labels_of
from archwright.tasks.confusion import balanced_metrics, confusion_of, sampling_errors
from archwright.tasks.supervised import Softened, Supervised, divergence
from archwright.tasks.targets import CLASSIFICATION

__all__ = ["Classification"]


class Classification(Supervised):
    """One class out of several for each input; learned by cross-entropy.

    A network gives one score (logit) a class. The metrics are shares in [0, 1] but for the loss:

    - `accuracy`: share of the examples whose highest score is at their class.
    - `balanced_accuracy`: mean over the classes of the share that is recognised (recall), of the classes that
      occur.
    - `f1`: mean over the classes of the harmonic mean of precision and recall (macro), of the classes that
      occur or are predicted.
    - `loss`: mean cross-entropy in nats.

    A subclass may override `loss(outputs, batch)` and `metrics(outputs, batch)`.

    Args:
        name: What to call it.
        class_weights: How much an example of each class counts in the loss: one number per class; "balanced" for
            numbers inverse to how often a class stands in the training data, 1 on average over its examples; None
            for all the same.
        data: `train`, `validation`, `test`, `split`, `preprocessing` and `classes` of `Supervised`; items are (input of
            `preprocessing.input_shape`, class index).

    Raises:
        TaskError: When the weights do not fit the classes.
    """

    kind = CLASSIFICATION
    metric = "accuracy"
    averaging = "probabilities"

    def __init__(self, name: str, *, class_weights: Sequence[float] | str | None = None, **data: Any) -> None:
        super().__init__(name, **data)
        self.class_weights = _class_weights(class_weights, self.train, self.classes)

    def criterion(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """Mean cross-entropy in nats, weighted by class where that was asked; finite where all weights are 0."""
        return self._cross_entropy(outputs.float(), targets, smoothing)

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """`accuracy`, `balanced_accuracy`, `f1` and `loss` of a whole part."""
        outputs = outputs.double()
        confusion = confusion_of(outputs, targets, self.outputs)
        return {
            "accuracy": (confusion.trace() / confusion.sum()).item(),
            **{name: value.item() for name, value in balanced_metrics(confusion).items()},
            "loss": self._cross_entropy(outputs, targets).item(),
        }

    def sampling_errors(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """Those of `balanced_accuracy` and `f1`."""
        return sampling_errors(confusion_of(outputs, targets, self.outputs))

    def distance(self, outputs: Any, teacher: Any, batch: Any, temperature: float = 1.0) -> Tensor:
        """T² KL(softmax(teacher / T) || softmax(outputs / T)), the mean over the examples, weighted as their loss is.

        T² keeps the gradient of one size whatever the temperature (Hinton et al. 2015, arXiv:1503.02531, section 2).
        """
        if self._has_members(outputs):
            teacher = teacher.unsqueeze(1).expand_as(outputs)
        each = divergence(outputs, teacher, temperature).reshape(len(outputs), -1).mean(dim=1)
        if self.class_weights is None:
            return each.mean()
        weights = self.class_weights.to(each)[_targets(batch)]
        return (weights * each).sum() / (weights.sum() + (weights.sum() == 0))

    def describe(self) -> Mapping[str, Any]:
        """What a report says of the task, in JSON's own types."""
        weights = {} if self.class_weights is None else {"class_weights": self.class_weights.tolist()}
        return {**super().describe(), **weights}

    def weight(self, batch: Any) -> Tensor | int:
        """The number of examples, or the sum of the weights of their classes."""
        if self.class_weights is None:
            return len(batch[0])
        targets = _targets(batch)
        return self.class_weights.to(targets.device)[targets].sum()

    def _cross_entropy(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        if self.class_weights is None:
            return functional.cross_entropy(outputs, targets, label_smoothing=smoothing)
        weights = self.class_weights.to(outputs)
        summed = functional.cross_entropy(
            outputs, targets, weights, label_smoothing=smoothing, reduction="sum"
        )
        total = weights[targets].sum()
        return summed / (total + (total == 0))


def _targets(batch: Any) -> Tensor:
    """The classes of a batch, whether its labels were smoothed or not."""
    found: Tensor = batch[1].first if isinstance(batch[1], Softened) else batch[1]
    return found


def _class_weights(
    weights: Sequence[float] | str | None, train: Dataset[Any], classes: tuple[str, ...]
) -> Tensor | None:
    """One weight per class, shape (classes,), or None where all count the same."""
    if weights is None:
        return None
    if isinstance(weights, str):
        if weights != "balanced":
            raise TaskError(
                f"class_weights: expected 'balanced', one number per class or None, got {weights!r}"
            )
        labels = labels_of(train)
        if labels is None:
            labels = torch.stack([torch.as_tensor(train[i][1]) for i in range(len(train))])  # type: ignore[arg-type]
        counts = torch.bincount(labels, minlength=len(classes)).clamp(min=1)
        return len(labels) / (len(classes) * counts.float())
    found = torch.tensor([float(weight) for weight in weights])
    if found.shape != (len(classes),) or not bool((found >= 0).all()) or not bool(found.isfinite().all()):
        raise TaskError(
            f"class_weights: expected {len(classes)} numbers >= 0, one per class ({', '.join(classes[:5])}), got "
            f"{list(weights)}"
        )
    return found
