"""Proximal policy optimisation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, final

from archwright.controllers import ProximalPolicy
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
