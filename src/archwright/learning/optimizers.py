"""The optimizer of a recipe."""

from __future__ import annotations

from typing import Any

from torch import nn, optim

from archwright.learning.recipe import Recipe

__all__ = ["make_optimizer"]


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
    decayed = [parameter for parameter in parameters if recipe.decay_all or parameter.ndim >= 2]
    spared = [parameter for parameter in parameters if not recipe.decay_all and parameter.ndim < 2]
    groups: list[dict[str, Any]] = [
        {"params": members, "weight_decay": decay}
        for members, decay in ((decayed, recipe.weight_decay), (spared, 0.0))
        if members
    ]
    if recipe.optimizer == "adamw":
        return optim.AdamW(groups, lr=recipe.learning_rate, fused=fused)
    if recipe.optimizer == "adam":
        return optim.Adam(groups, lr=recipe.learning_rate, fused=fused)
    return optim.SGD(
        groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=fused
    )
