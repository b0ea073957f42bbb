"""Tests that reject a layer after a few steps: of quality and of stability (EvoNorm)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from archwright.errors import BuildError, UsageError
from archwright.learning.randomness import Seeds, seeded
from archwright.spaces import Architecture, Space
from archwright.tasks import Part, Task
from archwright.tasks.batches import Plan, evaluation_plan

__all__ = ["RejectionTests"]

_CPU = torch.device("cpu")


class RejectionTests:
    """Rejects architectures that learn too little in 100 steps, or whose gradients can be made to explode.

    Liu et al. 2020, arXiv:2004.02967, section 3.2. Quality: after a few steps of training the task's first metric, an
    accuracy, is to be a floor at least; the paper has .2 for ten classes. Stability: the weights of convolutions and
    linear layers are moved so that the norm of the loss's gradient by them grows (ascent by Adam on its logarithm); it
    is to stay below 10^8.

    `tests.accept` is a constraint for `Space(constraints=...)`: a search then rejects what fails before training. Each
    architecture is tested once, by its canonical form.

    Args:
        space: Builds the networks.
        task: A classification.
        steps: Of training, and of ascent at most.
        floor: Smallest accuracy on the validation data; None takes twice that of chance.
        largest: Largest norm of the gradient.
        batch_size: Examples in a step.
        learning_rate: Of the training, by AdamW, and of the ascent.
        seed: Of weights and order.

    Raises:
        UsageError: When the task is no classification, or a number is out of range.
    """

    def __init__(
        self,
        space: Space,
        task: Task,
        *,
        steps: int = 100,
        floor: float | None = None,
        largest: float = 1e8,
        batch_size: int = 64,
        learning_rate: float = 5e-3,
        seed: int = 0,
    ) -> None:
        if task.metric != "accuracy":
            raise UsageError(
                f"expected a task that is judged by accuracy, got {task.name!r} with {task.metric}"
            )
        if steps < 1 or batch_size < 2 or not 0 < learning_rate < math.inf or largest <= 0:
            raise UsageError(
                f"expected steps >= 1, batch_size >= 2, learning_rate > 0 and largest > 0, got {steps}, {batch_size}, "
                f"{learning_rate} and {largest}"
            )
        self.space, self.task = space, task
        self.steps, self.batch_size, self.learning_rate = steps, batch_size, learning_rate
        self.floor, self.largest, self.seed = (
            2 / (task.outputs or 2) if floor is None else floor,
            largest,
            seed,
        )
        self._known: dict[Any, str | None] = {}

    def accept(self, architecture: Architecture) -> bool:
        """Whether an architecture passes both tests."""
        return self.reason(architecture) is None

    def reason(self, architecture: Architecture) -> str | None:
        """Why an architecture is rejected: "build", "quality" or "stability"; None where it passes."""
        canonical = self.space.canonical(architecture)
        if canonical not in self._known:
            self._known[canonical] = self._tested(architecture)
        return self._known[canonical]

    def _tested(self, architecture: Architecture) -> str | None:
        accuracy = self.accuracy(architecture)
        if accuracy is None:
            return "build"
        if accuracy < self.floor:
            return "quality"
        return None if self.gradient_norm(architecture) < self.largest else "stability"

    def accuracy(self, architecture: Architecture) -> float | None:
        """The accuracy on the validation data after the steps; 0 for a loss that is not finite, None if not built."""
        with seeded(Seeds.of(self.seed).network, _CPU):
            try:
                network = self.space.build(architecture, self.task.example_arguments())
            except BuildError:
                return None
            optimizer = torch.optim.AdamW(network.parameters(), lr=self.learning_rate)
            network.train()
            for batch in itertools.islice(self._batches(network), self.steps):
                loss = self.task.loss(self.task.forward(network, batch), batch)
                if not torch.isfinite(loss):
                    return 0.0
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            return float(self.task.evaluate(network, Part("validation"), evaluation_plan(_CPU))["accuracy"])

    def gradient_norm(self, architecture: Architecture) -> float:
        """The largest norm of the gradient that ascent reaches; infinite where it is not finite."""
        with seeded(Seeds.of(self.seed).network, _CPU):
            network = self.space.build(architecture, self.task.example_arguments()).train()
            weights = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
            optimizer = torch.optim.Adam(weights, lr=self.learning_rate, maximize=True)
            batch = next(iter(self._batches(network)))
            most = 0.0
            for _ in range(self.steps):
                norm = self._norm(network, batch, weights)
                most = max(most, norm.item()) if torch.isfinite(norm) else math.inf
                if most >= self.largest or not norm.requires_grad:
                    break
                optimizer.zero_grad()
                slopes = torch.autograd.grad(norm.clamp(min=1e-30).log(), weights, allow_unused=True)
                for weight, slope in zip(weights, slopes, strict=True):
                    weight.grad = slope
                optimizer.step()
            return most

    def _norm(self, network: nn.Module, batch: Any, weights: list[nn.Parameter]) -> Tensor:
        loss = self.task.loss(self.task.forward(network, batch), batch)
        slopes = torch.autograd.grad(loss, weights, create_graph=True, allow_unused=True)
        return torch.stack([one.square().sum() for one in slopes if one is not None]).sum().sqrt()

    def _batches(self, network: nn.Module) -> Iterator[Any]:
        plan = Plan(size=self.batch_size, device=_CPU, seed=self.seed)
        while True:
            yield from self.task.batches(Part("train"), plan, network)
