"""Controllers with what trains them, as strategies that have a name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, final

from archwright.controllers import ProximalPolicy, Reinforce
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.reinforcement.controller_strategy import ControllerStrategy

__all__ = ["PPO", "REINFORCE"]


@final
class REINFORCE(ControllerStrategy):
    """A recurrent controller trained by REINFORCE (Zoph and Le 2017, arXiv:1611.01578). See `ControllerStrategy`.

    After every batch one step of Adam along the mean of (reward - baseline) grad log pi, where the baseline is a moving
    average of the rewards and the entropy counts as a part of the reward. See
    `archwright.controllers.Reinforce`.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        batch_size: How many samples with a score make a step, at least 1.
        hidden: Size of the controller's hidden state, at least 1.
        learning_rate: Learning rate of Adam, above 0.
        baseline_decay: Share of the baseline that stays when a reward comes, in [0, 1).
        entropy_weight: Weight of an architecture's entropy, in nats, in its reward; at least 0.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        batch_size: int = 5,
        hidden: int = 64,
        learning_rate: float = 0.01,
        baseline_decay: float = 0.9,
        entropy_weight: float = 0.01,
    ) -> None:
        trainer = partial(
            Reinforce,
            learning_rate=learning_rate,
            baseline_decay=baseline_decay,
            entropy_weight=entropy_weight,
        )
        super().__init__(space, objectives, trainer, seed=seed, batch_size=batch_size, hidden=hidden)


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
        hidden: Size of the controller's hidden state, at least 1.
        options: Of `ProximalPolicy`.

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
        hidden: int = 64,
        **options: Any,
    ) -> None:
        trainer = partial(ProximalPolicy, **options)
        super().__init__(space, objectives, trainer, seed=seed, batch_size=batch_size, hidden=hidden)
