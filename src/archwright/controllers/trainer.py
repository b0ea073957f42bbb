"""The seam of what trains a controller by the rewards of its architectures."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from archwright.controllers.controller import Controller
from archwright.errors import UsageError
from archwright.spaces import Architecture

__all__ = ["ControllerTrainer"]


class ControllerTrainer(ABC):
    """Adam on a controller, and a baseline: the moving average of the rewards so far. The defaults are those of ENAS.

    Args:
        controller: What is trained.
        learning_rate: Learning rate of Adam.
        baseline_decay: Share of the baseline that stays when a reward comes, in [0, 1).
        entropy_weight: Weight of an architecture's entropy, in nats.

    Attributes:
        baseline: None before the first reward.

    Raises:
        UsageError: When an option is out of range.
    """

    def __init__(
        self,
        controller: Controller,
        *,
        learning_rate: float = 3.5e-3,
        baseline_decay: float = 0.99,
        entropy_weight: float = 1e-4,
    ) -> None:
        if not (learning_rate > 0 and 0 <= baseline_decay < 1 and entropy_weight >= 0):
            raise UsageError(
                "expected learning_rate > 0, 0 <= baseline_decay < 1 and entropy_weight >= 0, got "
                f"{learning_rate}, {baseline_decay} and {entropy_weight}"
            )
        self.controller = controller
        self.baseline_decay, self.entropy_weight = baseline_decay, entropy_weight
        self.optimizer = torch.optim.Adam(controller.parameters(), lr=learning_rate)
        self.baseline: float | None = None

    @abstractmethod
    def learn(
        self,
        architectures: Sequence[Architecture],
        log_probabilities: Sequence[float],
        rewards: Sequence[float],
    ) -> None:
        """Change the controller by a batch of architectures.

        Args:
            architectures: Written by the controller, most of them as it is now.
            log_probabilities: log pi of each when it was written, in nats.
            rewards: One for each; more is better.
        """

    def state_dict(self) -> dict[str, Any]:
        """The controller, its optimizer and the baseline."""
        return {
            "controller": {name: tensor.clone() for name, tensor in self.controller.state_dict().items()},
            "optimizer": self.optimizer.state_dict(),
            "baseline": self.baseline,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self.controller.load_state_dict(state["controller"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))  # it takes tensors over
        self.baseline = state["baseline"]

    def _descend(self, loss: Tensor) -> None:
        """One step of Adam."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _baseline_for(self, rewards: Sequence[float]) -> float:
        """The baseline; of the first rewards, their own mean."""
        return sum(rewards) / len(rewards) if self.baseline is None else self.baseline

    def _follow(self, rewards: Sequence[float]) -> None:
        """Let the baseline follow the rewards."""
        self.baseline = self._baseline_for(rewards)
        for reward in rewards:
            self.baseline += (1 - self.baseline_decay) * (reward - self.baseline)
