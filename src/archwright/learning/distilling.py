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

__all__ = ["DistillStep", "step_for"]


class DistillStep(PlainStep):
    """One step against (1 - share) · loss + share · distance to the teacher's outputs.

    Source: Hinton et al. 2015, arXiv:1503.02531. The distance is the task's own (`Task.distance`): of classes the
    Kullback-Leibler divergence of the probabilities at the temperature, times its square.

    Args:
        teacher: A trained network that takes the same batches. It is copied, runs in evaluation mode and stays as it
            is.
        share: Of the teacher's word in the loss, in (0, 1]: the recipe's `distillation`.
        temperature: What logits are divided by: the recipe's.

    Raises:
        UsageError: When the share is out of range.
    """

    distils = True

    def __init__(self, teacher: nn.Module, share: float = 0.5, temperature: float = 1.0) -> None:
        if not 0 < share <= 1:
            raise UsageError(f"distillation: expected 0 < share <= 1, got {share}")
        self.teacher, self.share, self.temperature = teacher, share, temperature

    def optimizers(self, network: nn.Module, recipe: Recipe) -> dict[str, Optimizer]:
        """The recipe's, called "weights"."""
        place = next(network.parameters())
        self._teacher = copy.deepcopy(self.teacher).to(place.device).eval().requires_grad_(False)
        return super().optimizers(network, recipe)

    def loss(self, trainer: Trainer, outputs: Any, batch: Any) -> Tensor:
        """The loss of one micro-batch. The teacher sees it as the network does, augmented and mixed."""
        task = trainer.task
        with torch.no_grad():
            taught = task.forward(self._teacher, batch)
        near = task.distance(outputs, taught, batch, **task.distance_options(self.temperature))
        return self.share * near + (1 - self.share) * task.loss(outputs, batch)


def step_for(recipe: Recipe, teacher: nn.Module | None) -> PlainStep:
    """The step of a recipe: of the data alone, or of a teacher's outputs too where it distils.

    Args:
        recipe: How networks are trained.
        teacher: Is there where the recipe distils.
    """
    if not recipe.distillation:
        return PlainStep()
    assert teacher is not None
    return DistillStep(teacher, recipe.distillation, recipe.temperature)
