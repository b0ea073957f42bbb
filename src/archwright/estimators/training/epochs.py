"""Passes over the data: training by a recipe, and scoring."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from archwright.errors import TrialError
from archwright.estimators.training.augmentation import Augmentation
from archwright.estimators.training.recipe import Recipe
from archwright.estimators.training.schedules import learning_rate_factor
from archwright.tasks.batches import Examples, choose, divide, predict
from archwright.tasks.task import Task
from archwright.trials import Fidelity

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Epochs", "Seeds", "score"]

_CURE = "use a smaller learning_rate, a warm-up or gradient_clip"


@dataclass(frozen=True, slots=True)
class Seeds:
    """Independent seeds, so that the order of the examples does not depend on what the network drew."""

    network: int
    order: int
    augmentation: int
    fraction: int

    @classmethod
    def of(cls, seed: int) -> Seeds:
        """The seeds that follow from one."""
        return cls(*(int(word) for word in np.random.SeedSequence(seed).generate_state(4)))


class Epochs:
    """Training passes over the data.

    Args:
        task: Its training data and loss.
        recipe: How to train.
        fabric: Where to train.
        module: The network, set up by `fabric`.
        optimizer: The optimizer, set up by `fabric`.
        seeds: For the choice of the examples, their order and their augmentation.
        fidelity: How much of the data to use; its epochs are in the recipe already.
    """

    def __init__(
        self,
        task: Task,
        recipe: Recipe,
        fabric: Fabric,
        module: nn.Module,
        optimizer: Any,
        seeds: Seeds,
        fidelity: Fidelity,
    ) -> None:
        self.task = task
        self.recipe = recipe
        self.fabric = fabric
        self.module = module
        self.optimizer = optimizer
        self.examples = Examples(task.train, fabric.device)
        self.generator = torch.Generator().manual_seed(seeds.order)
        self.positions = choose(
            task.train,
            fidelity.data_fraction,
            torch.Generator().manual_seed(seeds.fraction),
            by_class=task.kind == "classification",
        )
        self.augmentation = Augmentation(
            recipe.augmentations, torch.Generator().manual_seed(seeds.augmentation)
        )
        per_epoch = len(divide(self.positions, recipe.batch_size))
        self.steps = per_epoch * recipe.epochs
        self.warmup = round(per_epoch * recipe.warmup_epochs)
        self.step = 0

    def run(self, epoch: int) -> float:
        """One pass over the data.

        Returns:
            The mean loss of the examples.

        Raises:
            TrialError: When it is not finite.
        """
        recipe, module, optimizer = self.recipe, self.module, self.optimizer
        order = self.positions[torch.randperm(len(self.positions), generator=self.generator)]
        # Summed on the device: reading the loss of each step would wait for the device each time.
        total = torch.zeros((), device=self.fabric.device)
        module.train()
        for inputs, targets in self.examples.batches(divide(order, recipe.batch_size)):
            rate = recipe.learning_rate * learning_rate_factor(
                recipe.schedule, self.step, self.steps, self.warmup
            )
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = self.task.loss(module(self.augmentation(inputs)), targets, recipe.label_smoothing)
            optimizer.zero_grad()
            self.fabric.backward(loss)
            if recipe.gradient_clip is not None:
                self.fabric.clip_gradients(
                    module, optimizer, max_norm=recipe.gradient_clip, error_if_nonfinite=False
                )
            optimizer.step()
            total += loss.detach() * len(targets)
            self.step += 1
        mean = total.item() / len(order)
        if not math.isfinite(mean):
            raise TrialError(f"the training loss became {_told(mean)} in epoch {epoch}; {_CURE}")
        return mean


def score(task: Task, module: nn.Module, validation: Examples, epoch: int) -> dict[str, float]:
    """The task's metrics on the validation data.

    Raises:
        TrialError: When an output or the loss is not finite.
    """
    outputs, targets = predict(module, validation)
    if not outputs.isfinite().all():
        raise TrialError(
            f"the outputs for the validation data became NaN or infinite in epoch {epoch}; {_CURE}"
        )
    scores = dict(task.metrics(outputs, targets))
    if not math.isfinite(scores["loss"]):
        raise TrialError(f"the validation loss became {_told(scores['loss'])} in epoch {epoch}; {_CURE}")
    return scores


def _told(number: float) -> str:
    return "NaN" if math.isnan(number) else "infinite"
