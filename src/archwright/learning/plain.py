"""The ordinary step: the gradient of the task's loss."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from archwright.learning.optimizers import make_optimizer
from archwright.learning.recipe import Recipe
from archwright.learning.trainer import Step, Trainer

__all__ = ["PlainStep"]


class PlainStep(Step):
    """One step of the recipe's optimizer against the gradient of the task's loss."""

    def optimizers(self, network: nn.Module, recipe: Recipe) -> dict[str, Optimizer]:
        """The recipe's, called "weights"."""
        return {"weights": make_optimizer(recipe, network)}

    def loss(self, trainer: Trainer, outputs: Any, batch: Any) -> Tensor:
        """The loss of one micro-batch: the task's, or `training_loss` of a network that has one."""
        own = getattr(trainer.module, "training_loss", None)
        loss: Tensor = trainer.task.loss(outputs, batch) if own is None else own(outputs, batch)
        return loss

    def take(self, trainer: Trainer) -> bool:
        """One step; notes "train_loss", the mean over the examples."""
        batches = trainer.pull("train")
        if batches is None:
            return False
        loss = trainer.accumulate(batches, loss=partial(self.loss, trainer))
        trainer.update("weights")
        trainer.note("train_loss", loss, trainer.weight(batches))
        return True
