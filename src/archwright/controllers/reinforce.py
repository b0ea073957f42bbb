"""REINFORCE: what trains a controller (Williams 1992; Zoph & Le 2017, arXiv:1611.01578)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from archwright.controllers.controller import ControllerSample
from archwright.controllers.trainer import ControllerTrainer
from archwright.spaces import Architecture

__all__ = ["Reinforce"]


@final
class Reinforce(ControllerTrainer):
    """Ascends the expected reward of a controller's architectures.

    For n of them, drawn by the controller, with rewards r and a baseline b that depends on none of them

        grad E[r] = E[(1/n) sum_i (r_i + w H_i - b) grad log pi(a_i)],

    where H_i is the entropy on the way to a_i, which counts as a part of the reward and has no gradient (Pham et al.
    2018, arXiv:1802.03268).

    Args:
        controller: What is trained.
        learning_rate: Learning rate of Adam.
        baseline_decay: Share of b that stays when a reward comes, in [0, 1).
        entropy_weight: w.

    Raises:
        UsageError: When an option is out of range.
    """

    def loss(self, samples: Sequence[ControllerSample], rewards: Sequence[float]) -> Tensor:
        """What is minimised: its gradient is an unbiased estimate of that of the expected reward, downhill.

        Args:
            samples: Drawn by the controller as it is now.
            rewards: One for each; more is better.
        """
        totals = self._totals(samples, rewards)
        baseline = self._baseline_for(totals)
        terms = [
            (baseline - total) * sample.log_probability for sample, total in zip(samples, totals, strict=True)
        ]
        return torch.stack(terms).mean()

    def step(self, samples: Sequence[ControllerSample], rewards: Sequence[float]) -> None:
        """One step of Adam; the baseline then follows the rewards.

        Args:
            samples: Drawn by the controller as it is now.
            rewards: One for each; more is better.
        """
        totals = self._totals(samples, rewards)
        self._descend(self.loss(samples, rewards))
        self._follow(totals)

    def learn(
        self,
        architectures: Sequence[Architecture],
        log_probabilities: Sequence[float],
        rewards: Sequence[float],
    ) -> None:
        """One step; takes the architectures for drawn by the controller as it is now."""
        self.step(self.controller.evaluate_all(architectures), rewards)

    def _totals(self, samples: Sequence[ControllerSample], rewards: Sequence[float]) -> list[float]:
        return [
            reward + self.entropy_weight * sample.entropy.item()
            for sample, reward in zip(samples, rewards, strict=True)
        ]
