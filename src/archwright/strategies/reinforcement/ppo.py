"""Proximal policy optimisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.reinforcement.controlled import Controlled, Sample

__all__ = ["PPO"]


@final
class PPO(Controlled):
    """A recurrent controller trained by proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347).

    As NASNet was found (Zoph et al. 2018, arXiv:1707.07012). Every batch is gone through several times; with the ratio
    r = pi(a) / pi_old(a), where pi_old is the controller that wrote the architecture a, and the advantage A, its reward
    less a moving average of the rewards, each pass ascends

        mean(min(r A, clip(r, 1 - c, 1 + c) A) + w H),

    so that a step that has gone far enough goes no farther. H is the entropy on the way to a. See `Controlled`.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        batch_size: How many samples with a score are learned from at once, at least 1.
        passes: How often, at least 1.
        clip: c, above 0.
        hidden: Size of the controller's hidden state, at least 1.
        learning_rate: Of Adam, above 0.
        baseline_decay: Share of the baseline that stays when a reward comes, in [0, 1).
        entropy_weight: w, for an entropy in nats; at least 0.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        batch_size: int = 10,
        passes: int = 4,
        clip: float = 0.2,
        hidden: int = 64,
        learning_rate: float = 0.003,
        baseline_decay: float = 0.9,
        entropy_weight: float = 0.01,
    ) -> None:
        if passes < 1 or not clip > 0.0 or not learning_rate > 0.0:
            raise UsageError(
                "ppo: expected passes >= 1, clip > 0 and learning_rate > 0, got "
                f"{passes}, {clip} and {learning_rate}"
            )
        if not 0.0 <= baseline_decay < 1.0 or not entropy_weight >= 0.0:
            raise UsageError(
                "ppo: expected 0 <= baseline_decay < 1 and entropy_weight >= 0, got "
                f"{baseline_decay} and {entropy_weight}"
            )
        super().__init__(space, objectives, seed=seed, batch_size=batch_size, hidden=hidden)
        self.passes, self.clip = passes, clip
        self.baseline_decay, self.entropy_weight = baseline_decay, entropy_weight
        self.baseline: float | None = None
        self._optimizer = torch.optim.Adam(self.controller.parameters(), lr=learning_rate)

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """Adam."""
        return self._optimizer

    def learn(self, samples: Sequence[Sample], rewards: Sequence[float]) -> None:
        """Some passes over the batch. See `Controlled.learn`."""
        if self.baseline is None:
            self.baseline = sum(rewards) / len(rewards)
        advantages = torch.tensor([reward - self.baseline for reward in rewards])
        old = torch.tensor([sample.log_probability for sample in samples])
        for _ in range(self.passes):
            emissions = self.controller.recall_all([sample.architecture for sample in samples])
            ratios = (torch.stack([emission.log_probability for emission in emissions]) - old).exp()
            entropy = torch.stack([emission.entropy for emission in emissions]).mean()
            gain = clipped_gain(ratios, advantages, self.clip) + self.entropy_weight * entropy
            self.optimizer.zero_grad(set_to_none=True)
            (-gain).backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        for reward in rewards:
            self.baseline += (1 - self.baseline_decay) * (reward - self.baseline)

    def state_dict(self) -> dict[str, Any]:
        """As any controller's, and the baseline."""
        return {**super().state_dict(), "baseline": self.baseline}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        super().load_state_dict(state)
        self.baseline = state["baseline"]


def clipped_gain(ratios: torch.Tensor, advantages: torch.Tensor, clip: float) -> torch.Tensor:
    """What is ascended, without the entropy: a scalar.

    Args:
        ratios: pi(a) / pi_old(a), shape (n,).
        advantages: A, shape (n,).
        clip: c.
    """
    return torch.minimum(ratios * advantages, ratios.clamp(1 - clip, 1 + clip) * advantages).mean()
