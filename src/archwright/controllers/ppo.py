"""Proximal policy optimisation of a controller (Schulman et al. 2017, arXiv:1707.06347)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from archwright.controllers.controller import Controller
from archwright.controllers.trainer import ControllerTrainer
from archwright.errors import UsageError
from archwright.spaces import Architecture

__all__ = ["ProximalPolicy", "clipped_gain"]


@final
class ProximalPolicy(ControllerTrainer):
    """Goes through every batch several times, each time not too far from the controller that wrote it.

    With the ratio r = pi(a) / pi_old(a), where pi_old is the controller that wrote the architecture a, and the
    advantage A, its reward less the baseline, each pass ascends

        mean(min(r A, clip(r, 1 - c, 1 + c) A) + w H),

    so that a step that has gone far enough goes no farther. H is the entropy on the way to a.

    Args:
        controller: What is trained.
        passes: How often a batch is gone through, at least 1.
        clip: c, above 0.
        learning_rate: Learning rate of Adam.
        baseline_decay: Share of the baseline that stays when a reward comes, in [0, 1).
        entropy_weight: w.

    Raises:
        UsageError: When an option is out of range.
    """

    def __init__(
        self,
        controller: Controller,
        *,
        passes: int = 4,
        clip: float = 0.2,
        learning_rate: float = 3e-3,
        baseline_decay: float = 0.9,
        entropy_weight: float = 0.01,
    ) -> None:
        if passes < 1 or not clip > 0.0:
            raise UsageError(f"expected passes >= 1 and clip > 0, got {passes} and {clip}")
        super().__init__(
            controller,
            learning_rate=learning_rate,
            baseline_decay=baseline_decay,
            entropy_weight=entropy_weight,
        )
        self.passes, self.clip = passes, clip

    def learn(
        self,
        architectures: Sequence[Architecture],
        log_probabilities: Sequence[float],
        rewards: Sequence[float],
    ) -> None:
        """Some passes over the batch."""
        baseline = self._baseline_for(rewards)
        advantages = torch.tensor([reward - baseline for reward in rewards])
        old = torch.tensor(log_probabilities)
        for _ in range(self.passes):
            samples = self.controller.evaluate_all(architectures)
            ratios = (torch.stack([sample.log_probability for sample in samples]) - old).exp()
            entropy = torch.stack([sample.entropy for sample in samples]).mean()
            gain = clipped_gain(ratios, advantages, self.clip) + self.entropy_weight * entropy
            self._descend(-gain)
        self._follow(rewards)


def clipped_gain(ratios: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """What is ascended, without the entropy: a scalar.

    Args:
        ratios: pi(a) / pi_old(a), shape (n,).
        advantages: A, shape (n,).
        clip: c.
    """
    return torch.minimum(ratios * advantages, ratios.clamp(1 - clip, 1 + clip) * advantages).mean()
