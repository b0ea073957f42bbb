"""A network of two choices among multiplications, small enough to work everything out by hand, and a task for it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import archwright as aw
from archwright.supernets import Supernet
from archwright.tasks import Task, from_arrays


class Times(nn.Module):
    """Multiplies by a weight."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(factor))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


@pytest.fixture
def two_choices() -> aw.Space:
    first = aw.choice({label: aw.layer(Times, f) for label, f in (("a", 1.0), ("b", -2.0), ("c", 3.0))})
    second = aw.choice({label: aw.layer(Times, f) for label, f in (("d", 0.5), ("e", 2.0), ("f", -1.0))})
    return aw.Space(aw.layer(nn.Sequential, first, second))


@pytest.fixture
def nested() -> aw.Space:
    """A choice inside an option, a shared choice, a gated sum and an elastic width; on 6 features, 3 classes."""
    act = aw.categorical(["relu", "tanh"], name="act")

    def activation() -> object:
        return aw.switch(act, {"relu": aw.layer(nn.ReLU), "tanh": aw.layer(nn.Tanh)})

    inner = aw.choice({"one": aw.layer(nn.Linear, 6, 6), "two": aw.layer(nn.Identity)}, name="inner")
    outer = aw.choice(
        {"deep": aw.layer(nn.Sequential, inner, activation()), "wide": aw.layer(nn.Linear, 6, 6)},
        name="outer",
    )
    return aw.Space(
        aw.layer(nn.Sequential, outer, activation(), aw.layer(nn.BatchNorm1d, 6), aw.layer(nn.Linear, 6, 3))
    )


@pytest.fixture
def task() -> Task:
    drawn = torch.Generator().manual_seed(5)
    inputs = torch.randn(120, 6, generator=drawn)
    targets = torch.bucketize(inputs[:, 0].abs() + inputs[:, 1], torch.tensor([0.2, 1.2]))
    return from_arrays(inputs.numpy(), targets.numpy(), name="bent")


@pytest.fixture
def supernet(two_choices: aw.Space) -> Supernet:
    return Supernet(two_choices)
