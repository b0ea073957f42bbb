"""The step that learns from a teacher as well as from the targets."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from archwright.errors import UsageError
from archwright.learning.plain import PlainStep
from archwright.learning.recipe import Recipe
from archwright.learning.trainer import Trainer

__all__ = ["DistillStep"]


class DistillStep(PlainStep):
    """One step against (1 - share) · loss + share · distance to the teacher's outputs.

    Source: Hinton et al. 2015, arXiv:1503.02531. The distance is the task's own (`Task.distance`): of classes the
    Kullback-Leibler divergence of the probabilities.

    Args:
        teacher: A trained network that takes the same batches. It is copied, runs in evaluation mode and stays as it
            is.
        share: Of the teacher's word in the loss, in (0, 1].

    Raises:
        UsageError: When the share is out of range.
    """

    def __init__(self, teacher: nn.Module, share: float = 0.5) -> None:
        if not 0 < share <= 1:
            raise UsageError(f"distillation: expected 0 < share <= 1, got {share}")
        self.teacher, self.share = teacher, share

    def optimizers(self, network: nn.Module, recipe: Recipe) -> dict[str, Optimizer]:
        """The recipe's, called "weights"."""
        place = next(network.parameters())
        self._teacher = copy.deepcopy(self.teacher).to(place.device).eval().requires_grad_(False)
        return super().optimizers(network, recipe)

    def take(self, trainer: Trainer) -> bool:
        """One step; notes "train_loss", the mean of the sum over the examples."""
        batches = trainer.pull("train")
        if batches is None:
            return False

        def loss(outputs: Any, batch: Any) -> Tensor:
            with torch.no_grad():
                taught = trainer.task.forward(self._teacher, batch)
            near = trainer.task.distance(outputs, taught, batch)
            return self.share * near + (1 - self.share) * trainer.task.loss(outputs, batch)

        value = trainer.accumulate(batches, loss=loss)
        trainer.update("weights")
        trainer.note("train_loss", value, trainer.weight(batches))
        return True
