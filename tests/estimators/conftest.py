"""Small tasks and networks whose training can be followed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from archwright.estimators import Recipe, Training
from archwright.spaces import Space, layer
from archwright.tasks import from_arrays
from archwright.trials import Candidate, Fidelity


@pytest.fixture
def blobs() -> Any:
    """Three classes of 4 features: 12, 24 and 36 examples for training, 24 and 24 in the other parts."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [20, 40, 60])
    inputs = random.normal(size=(120, 4)) + 3 * np.eye(4)[labels]
    return from_arrays(inputs, labels, kind="classification", name="blobs")


@pytest.fixture
def lines() -> Any:
    """One number that is linear in 3 features."""
    random = np.random.default_rng(1)
    inputs = random.normal(size=(60, 3))
    return from_arrays(inputs, inputs @ [1.0, -2.0, 0.5], kind="regression", name="lines")


@pytest.fixture
def pictures() -> Any:
    """Two classes of 8 x 8 images: the bright half is on the left or on the right."""
    random = np.random.default_rng(2)
    labels = np.arange(80) % 2
    images = random.normal(size=(80, 1, 8, 8))
    images[labels == 0, :, :, :4] += 1.5
    images[labels == 1, :, :, 4:] += 1.5
    return from_arrays(images, labels, kind="classification", name="pictures")


class Constant(nn.Module):
    """A linear layer that begins with the same number everywhere."""

    def __init__(self, features: int, outputs: int, value: float = 0.1) -> None:
        super().__init__()
        self.linear = nn.Linear(features, outputs)
        nn.init.constant_(self.linear.weight, value)
        nn.init.constant_(self.linear.bias, value)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.linear(inputs)


@pytest.fixture
def constant() -> type[Constant]:
    return Constant


@pytest.fixture
def recorder() -> Any:
    """Makes a network class that notes the inputs it is trained on and scored on."""

    class Recorder(Constant):
        trained: list[torch.Tensor] = []  # noqa: RUF012
        scored: list[torch.Tensor] = []  # noqa: RUF012

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            (self.trained if self.training else self.scored).append(inputs.detach().clone())
            return super().forward(inputs.flatten(1))

    return Recorder


@pytest.fixture
def train() -> Any:
    """Trains one network: `train(task, fn, *args, fidelity=..., **recipe)` -> (network, measurement)."""

    def run(task: Any, fn: Any, *args: Any, fidelity: Fidelity | None = None, **recipe: Any) -> Any:
        space = Space(layer(fn, *args))
        training = Training(space, task, Recipe(**recipe))
        return training.fit(Candidate(space.sample(0), fidelity or Fidelity()))

    return run
