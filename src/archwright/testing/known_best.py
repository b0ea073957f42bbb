"""A search whose answer is known: two choices, each between operations of which only one can fit the data."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import archwright.spaces as aw
from archwright.spaces import Architecture, Space
from archwright.tasks import Task, from_arrays

__all__ = ["RULE", "is_best", "known_best_space", "known_best_task"]

RULE: dict[str, Any] = {
    "epochs": 20,
    "batch_size": 64,
    "learning_rate": 0.02,
    "weight_share": 0.5,
    "architecture_learning_rate": 0.03,
    "frozen_epochs": 0,
    "weight_steps_per_architecture_step": 1,
    "controller_learning_rate": 3.5e-3,
    "controller_steps": 3,
    "controller_samples": 5,
    "operations": (3, 2),
}
"""The options that every one-shot method searches with, as far as it has them: few epochs, and large steps of alpha."""

_FEATURES = 2
_CHANNELS = 16
_ORDERS = (("identity", "tanh", "absolute"), ("absolute", "identity", "tanh"))
_BEST = "absolute"


class Absolute(nn.Module):
    """The amount of each number."""

    def forward(self, x: Tensor) -> Tensor:
        """From any shape to the same."""
        return x.abs()


class Branches(nn.Module):
    """Each branch reads its part of the features; a linear layer reads all branches.

    Args:
        first: Of the first half.
        second: Of the second half.
        outputs: Of the linear layer.
    """

    def __init__(self, first: nn.Module, second: nn.Module, outputs: int) -> None:
        super().__init__()
        self.first, self.second = first, second
        self.head = nn.Linear(2 * _CHANNELS, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """From shape (N, features) to (N, outputs)."""
        halves = [self.first(x[:, :_FEATURES]), self.second(x[:, _FEATURES:])]
        output: Tensor = self.head(torch.cat(halves, dim=1))
        return output


def known_best_space() -> Space:
    """Two branches of a linear layer and one of three operations: 9 networks, of which `is_best` is one.

    Linear layers have no bias, and all operations but one are odd: f(-x) = -f(x).
    """
    operations = {"identity": nn.Identity, "tanh": nn.Tanh, "absolute": Absolute}

    def branch(name: str, order: tuple[str, ...]) -> Any:
        options = {
            label: aw.layer(
                nn.Sequential,
                aw.layer(nn.Linear, _CHANNELS, _CHANNELS, bias=False),
                aw.layer(operations[label]),
            )
            for label in order
        }
        stem = aw.layer(nn.Linear, _FEATURES, _CHANNELS, bias=False)
        return aw.layer(nn.Sequential, stem, aw.choice(options, name=name))

    branches = [branch(name, order) for name, order in zip(("first", "second"), _ORDERS, strict=True)]
    return Space(aw.layer(Branches, *branches, 2), name="known best")


def known_best_task(seed: int, examples: int = 1_600) -> Task:
    """Whether |u x| + |v y| is large or small, with x and y the halves of normally distributed features.

    The label is an even function of x and of y, so that odd operations see nothing of either. What is neither in the
    upper nor in the lower third is left out.

    Args:
        seed: Of the features, u and v.
        examples: In all; a fifth each for validation and test.
    """
    drawn = torch.Generator().manual_seed(seed)
    inputs = torch.randn(2 * examples, 2 * _FEATURES, generator=drawn)
    directions = nn.functional.normalize(torch.randn(2, _FEATURES, generator=drawn), dim=1)
    amount = (inputs.view(-1, 2, _FEATURES) * directions).sum(2).abs().sum(1)
    low, high = amount.quantile(torch.tensor([1 / 3, 2 / 3]))
    kept = ((amount < low) | (amount > high)).nonzero().squeeze(1)[:examples]
    labels = (amount[kept] > high).long()
    return from_arrays(
        inputs[kept], labels, kind="classification", standardize=False, seed=seed, name="known best"
    )


def is_best(architecture: Architecture) -> bool:
    """Whether both choices are the operation that fits."""
    return all(value == _BEST for value in architecture.values())
