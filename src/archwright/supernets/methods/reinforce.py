"""REINFORCE: what trains a controller (Williams 1992; Zoph & Le 2017, arXiv:1611.01578)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor

from archwright.errors import UsageError
from archwright.supernets.methods.controller import Controller, Emission

__all__ = ["Reinforce"]


@final
class Reinforce:
    """Ascends the expected reward of a controller's architectures.

    For n of them, drawn by the controller, with rewards r and a baseline b that depends on none of them

        grad E[r] = E[(1/n) sum_i (r_i + w H_i - b) grad log pi(a_i)],

    where H_i is the entropy on the way to a_i, which counts as a part of the reward and has no gradient (Pham et al.
    2018, arXiv:1802.03268). The baseline is a moving average of the rewards so far; of the first step, the mean of its
    own.

    Args:
        controller: What is trained.
        learning_rate: Of Adam.
        baseline_decay: Share of the baseline that stays when a reward comes.
        entropy_weight: w.

    Attributes:
        baseline: b; None before the first reward.

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
        if learning_rate <= 0 or not 0 <= baseline_decay < 1 or entropy_weight < 0:
            raise UsageError(
                "expected a learning rate > 0, 0 <= baseline_decay < 1 and entropy_weight >= 0, got "
                f"{learning_rate}, {baseline_decay} and {entropy_weight}"
            )
        self.controller = controller
        self.baseline_decay, self.entropy_weight = baseline_decay, entropy_weight
        self.optimizer = torch.optim.Adam(controller.parameters(), lr=learning_rate)
        self.baseline: float | None = None

    def loss(self, emissions: Sequence[Emission], rewards: Sequence[float]) -> Tensor:
        """What is minimised: its gradient is an unbiased estimate of that of the expected reward, downhill.

        Args:
            emissions: Drawn by the controller as it is now.
            rewards: One for each; more is better.
        """
        totals = self._totals(emissions, rewards)
        baseline = sum(totals) / len(totals) if self.baseline is None else self.baseline
        terms = [
            (baseline - total) * emission.log_probability
            for emission, total in zip(emissions, totals, strict=True)
        ]
        return torch.stack(terms).mean()

    def step(self, emissions: Sequence[Emission], rewards: Sequence[float]) -> None:
        """One step of Adam; the baseline then follows the rewards.

        Args:
            emissions: Drawn by the controller as it is now.
            rewards: One for each; more is better.
        """
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(emissions, rewards).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        totals = self._totals(emissions, rewards)
        if self.baseline is None:
            self.baseline = sum(totals) / len(totals)
        for total in totals:
            self.baseline += (1 - self.baseline_decay) * (total - self.baseline)

    def state_dict(self) -> dict[str, Any]:
        """The controller, its optimiser and the baseline."""
        return {
            "controller": {name: tensor.clone() for name, tensor in self.controller.state_dict().items()},
            "optimizer": self.optimizer.state_dict(),
            "baseline": self.baseline,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self.controller.load_state_dict(state["controller"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.baseline = state["baseline"]

    def _totals(self, emissions: Sequence[Emission], rewards: Sequence[float]) -> list[float]:
        return [
            reward + self.entropy_weight * emission.entropy.item()
            for emission, reward in zip(emissions, rewards, strict=True)
        ]
