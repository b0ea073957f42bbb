"""Proximal policy optimisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from archwright.controllers import Controller, ControllerTrainer, ProximalPolicy
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.reinforcement.controller_strategy import ControllerStrategy

__all__ = ["PPO"]


@final
class PPO(ControllerStrategy):
    """A recurrent controller trained by proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347).

    As NASNet was found (Zoph et al. 2018, arXiv:1707.07012). Every batch is gone through several times, each time not
    too far from the controller that wrote it: see `archwright.controllers.ProximalPolicy` and `ControllerStrategy`.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        batch_size: How many samples with a score are learned from at once, at least 1.
        passes: How often a batch is gone through, at least 1.
        clip: How far from 1 the ratio of new to old probability is of use, above 0.
        hidden: Size of the controller's hidden state, at least 1.
        learning_rate: Learning rate of Adam, above 0.
        baseline_decay: Share of the baseline that stays when a reward comes, in [0, 1).
        entropy_weight: Weight of the entropy, in nats; at least 0.

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
        def make_trainer(controller: Controller) -> ControllerTrainer:
            return ProximalPolicy(
                controller,
                passes=passes,
                clip=clip,
                learning_rate=learning_rate,
                baseline_decay=baseline_decay,
                entropy_weight=entropy_weight,
            )

        super().__init__(space, objectives, make_trainer, seed=seed, batch_size=batch_size, hidden=hidden)
