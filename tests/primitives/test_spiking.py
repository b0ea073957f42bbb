"""Leaky integrate-and-fire cells by hand, surrogate gradients, and the space."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from archwright.estimators import Recipe
from archwright.estimators.training import Training
from archwright.primitives import LeakyIntegrateAndFire, spiking_space
from archwright.spaces import Space
from archwright.tasks import make_task
from archwright.testing import NetworkSpaceContract
from archwright.trials import Candidate


class TestContract(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = lambda: spiking_space((5,), 3, widths=[4, 6], steps=[2, 3])
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(2, 5)
    outputs: ClassVar[tuple[int, ...]] = (2, 3)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_a_cell_is_a_loop_written_by_hand(reset: str) -> None:
    currents = np.random.default_rng(0).uniform(-0.3, 0.9, size=(20, 6))
    cell = LeakyIntegrateAndFire(0.8, reset)
    potential, state, spiked = np.zeros(6), None, 0
    for current in currents:
        spikes, state = cell(torch.tensor(current), state)
        for i in range(6):
            potential[i] = 0.8 * potential[i] + current[i]
            fired = potential[i] >= 1
            assert spikes[i].item() == fired
            spiked += fired
            if fired:
                potential[i] = potential[i] - 1 if reset == "subtract" else 0.0
        np.testing.assert_allclose(state.numpy(), potential, atol=1e-12)
    assert spiked > 10


@pytest.mark.parametrize(
    ("surrogate", "derivative"),
    [
        ("fast_sigmoid", lambda d: 1 / (1 + 3 * np.abs(d)) ** 2),
        ("arctan", lambda d: 1 / (1 + (3 * d) ** 2)),
        ("triangle", lambda d: np.maximum(0, 1 - 3 * np.abs(d))),
    ],
)
def test_the_gradient_of_a_spike_is_the_surrogate_s(
    surrogate: str, derivative: Callable[..., np.ndarray]
) -> None:
    x = torch.linspace(0.2, 1.8, 15, dtype=torch.float64, requires_grad=True)
    spikes, _ = LeakyIntegrateAndFire(0.5, surrogate=surrogate, slope=3.0)(x)
    spikes.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), derivative(x.detach().numpy() - 1), atol=1e-12)


def test_a_spiking_network_learns() -> None:
    task = make_task("breast_cancer")
    space = spiking_space(task.input_shape, 2, widths=[16], steps=[4], depth=(1, 1))
    training = Training(space, task, Recipe(epochs=5), accelerator="cpu")
    assert training.fit(Candidate(space.default))[1].metrics["accuracy"] > 0.88
