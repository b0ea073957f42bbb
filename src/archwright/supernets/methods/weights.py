"""The training of the shared weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from archwright.errors import SearchError, UsageError

__all__ = ["WeightOptimizer", "finite", "weight_options"]


class WeightOptimizer:
    """Stochastic gradient descent with momentum; the learning rate falls along half a cosine over the epochs.

    The gradients of weights that took no part in a step are absent, so neither momentum nor decay moves them.

    Args:
        network: What to train.
        epochs: Epochs in all.
        learning_rate: Of the first epoch.
        lowest: What the learning rate falls towards.
        momentum: Share of the last step that is repeated.
        weight_decay: L2 penalty.
        gradient_clip: Largest 2-norm of all gradients together.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        epochs: int,
        learning_rate: float,
        lowest: float,
        momentum: float,
        weight_decay: float,
        gradient_clip: float,
    ) -> None:
        self.parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.epochs, self.learning_rate, self.lowest = epochs, learning_rate, lowest
        self.momentum, self.weight_decay, self.gradient_clip = momentum, weight_decay, gradient_clip
        self.optimizer = torch.optim.SGD(
            self.parameters, lr=learning_rate, momentum=momentum, weight_decay=weight_decay, foreach=True
        )

    def begin(self, epoch: int) -> float:
        """Set and return the learning rate of an epoch, counted from 0."""
        turn = (1 + math.cos(math.pi * epoch / self.epochs)) / 2
        rate = self.lowest + (self.learning_rate - self.lowest) * turn
        self.optimizer.param_groups[0]["lr"] = rate
        return rate

    @property
    def rate(self) -> float:
        """The present learning rate."""
        return float(self.optimizer.param_groups[0]["lr"])

    def step(self, loss: Tensor) -> None:
        """One step against the gradient of a loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        taking_part = [parameter for parameter in self.parameters if parameter.grad is not None]
        nn.utils.clip_grad_norm_(taking_part, self.gradient_clip, foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def momentum_of(self, parameter: Tensor) -> Tensor | None:
        """What momentum has gathered for a parameter so far."""
        found: Tensor | None = self.optimizer.state.get(parameter, {}).get("momentum_buffer")
        return found

    def state_dict(self) -> dict[str, Any]:
        """The momentum."""
        return dict(self.optimizer.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the momentum."""
        self.optimizer.load_state_dict(dict(state))


def weight_options(
    *, learning_rate: float, lowest: float, momentum: float, weight_decay: float, gradient_clip: float
) -> dict[str, float]:
    """Options of a `WeightOptimizer`.

    Raises:
        UsageError: When one is out of range.
    """
    if not (
        learning_rate > 0 and lowest >= 0 and 0 <= momentum < 1 and weight_decay >= 0 and gradient_clip > 0
    ):
        raise UsageError(
            "expected learning_rate > 0, lowest_learning_rate >= 0, 0 <= momentum < 1, weight_decay >= 0 and "
            f"gradient_clip > 0, got learning_rate={learning_rate}, lowest_learning_rate={lowest}, "
            f"momentum={momentum}, weight_decay={weight_decay}, gradient_clip={gradient_clip}"
        )
    return {
        "learning_rate": learning_rate,
        "lowest": lowest,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "gradient_clip": gradient_clip,
    }


def finite(loss: float, epoch: int) -> float:
    """The loss itself.

    Raises:
        SearchError: When it is not finite.
    """
    if not math.isfinite(loss):
        raise SearchError(
            f"the loss of the supernet became {loss} in epoch {epoch}; use a smaller learning_rate (--option "
            "learning_rate=0.01)"
        )
    return loss
