"""The optimizer of a recipe."""

from __future__ import annotations

from typing import Any

from torch import nn, optim

from archwright.learning.recipe import Recipe
from archwright.learning.transfer import depths

__all__ = ["SCALE", "make_optimizer"]

SCALE = "scale"
"""Key of a parameter group: the factor of its learning rate; 1 where it is missing."""


def make_optimizer(recipe: Recipe, network: nn.Module, *, fused: bool | None = None) -> optim.Optimizer:
    """The optimizer of a recipe over the trainable parameters of a network.

    Args:
        recipe: Says which, and how much weight decay for which parameters.
        network: On the device where it will be trained.
        fused: Whether to use torch's fused kernel, one call for all parameters; None uses it on the CPU, where it
            takes the parameters: real ones with dense gradients.
    """
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if fused is None:
        is_sparse = any(getattr(module, "sparse", False) is True for module in network.modules())
        fused = not is_sparse and all(p.device.type == "cpu" and p.is_floating_point() for p in parameters)
    groups = _groups(recipe, network, parameters)
    if recipe.optimizer == "adamw":
        return optim.AdamW(groups, lr=recipe.learning_rate, fused=fused)
    if recipe.optimizer == "adam":
        return optim.Adam(groups, lr=recipe.learning_rate, fused=fused)
    return optim.SGD(
        groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=fused
    )


def _groups(recipe: Recipe, network: nn.Module, parameters: list[nn.Parameter]) -> list[dict[str, Any]]:
    """By rate and weight decay; the full rate first, by which a training tells its rate."""
    depth = depths(network) if recipe.layer_decay < 1 else dict.fromkeys(parameters, 0)
    groups: list[dict[str, Any]] = []
    for place in sorted({depth[parameter] for parameter in parameters}):
        here = [parameter for parameter in parameters if depth[parameter] == place]
        decayed = [one for one in here if recipe.decay_all or one.ndim >= 2]
        spared = [one for one in here if not recipe.decay_all and one.ndim < 2]
        for members, decay in ((decayed, recipe.weight_decay), (spared, 0.0)):
            if members:
                group = {"params": members, "weight_decay": decay}
                groups.append(group if place == 0 else {**group, SCALE: recipe.layer_decay**place})
    return groups
