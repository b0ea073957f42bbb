"""What keeps a long training from overfitting: random changes of the inputs that the network bears."""

from __future__ import annotations

from collections.abc import Sized

import torch
from torch import Tensor, nn

from archwright.errors import UsageError
from archwright.estimators.training import Training
from archwright.learning import Recipe
from archwright.learning.augmentation import augment
from archwright.learning.checks import check_recipe
from archwright.objectives import Direction, Objective

__all__ = ["MANY", "augmented", "bearable"]

_CHANGES = ("shift", "flip")
MANY = 40
"""Epochs from which on a training is regularised. In fewer it has not seen the examples often enough to overfit, two
thirds of them do not suffice for what is harder to learn, nor the rest for a training without."""
_BORNE = 0.8
"""So much of the score on the validation data must remain where its inputs are changed."""
_TOO_FEW = 100
"""Validation examples by which nothing can be told."""


class Augmented(nn.Module):
    """A network whose inputs are changed at random, in the same way each time that it is made.

    Args:
        network: The network.
        name: Of the augmentation.
    """

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network, self.name = network, name
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, inputs: Tensor) -> Tensor:
        """The outputs for the changed inputs, which have the shape (N, C, L) or (N, C, H, W)."""
        outputs: Tensor = self.network(augment(inputs, (self.name,), self.generator))
        return outputs


def bearable(training: Training, network: nn.Module, objective: Objective, reached: float) -> int:
    """The augmentations under which a network that was trained without them keeps most of its validation score.

    That share is their affinity (Gontijo-Lopes et al. 2021, arXiv:2002.08973, section 3): a mirrored garment stays what
    it was, a mirrored digit does not. With fewer than 100 validation examples none is taken.

    Args:
        training: How the network was trained.
        network: The trained network.
        objective: What is optimised first.
        reached: Its value on the validation data.

    Returns:
        Their variant, a number for `augmented`; 0 where there is none.
    """
    variant, validation = 0, getattr(training.task, "validation", None)
    if not isinstance(validation, Sized) or len(validation) < _TOO_FEW:
        return variant
    for place, name in enumerate(_CHANGES):
        if not _fits(training, augmentation=name):
            continue
        score = training.test(Augmented(network, name), "validation").get(objective.name)
        if score is not None and _is_borne(objective, reached, score):
            variant += 2**place
    return variant


def augmented(recipe: Recipe, variant: int) -> Recipe:
    """A recipe with the augmentations of a variant.

    Args:
        recipe: One without augmentation.
        variant: The sum of 1 for "shift" and 2 for "flip"; 0 leaves the recipe as it is.
    """
    names = [name for place, name in enumerate(_CHANGES) if variant & 2**place]
    return recipe.replace(augmentation="+".join(names) or recipe.augmentation)


def _fits(training: Training, **changes: object) -> bool:
    """Whether the task can do what the changed recipe asks for."""
    try:
        check_recipe(training.recipe.replace(**changes), training.task)
    except UsageError:
        return False
    return True


def _is_borne(objective: Objective, reached: float, score: float) -> bool:
    if objective.direction is Direction.MAXIMIZE:
        return score >= _BORNE * reached > 0
    return 0 <= _BORNE * score <= reached
