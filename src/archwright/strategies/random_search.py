"""Random search."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.spaces.search_space import LISTED
from archwright.strategies.seeded_strategy import SeededStrategy
from archwright.trials import Trial

__all__ = ["RandomSearch"]


class RandomSearch(SeededStrategy):
    """Draws each architecture on its own: every active decision uniformly, no architecture twice.

    The baseline that any other strategy has to beat (Li and Talwalkar 2019, arXiv:1902.07638). The last
    architectures of a small space come in the order of its listing.

    Args:
        space: What to draw from.
        objectives: Not used; taken so that all strategies are made alike.
        seed: Seed of all random numbers.
    """

    verbs = LISTED
    learns = False

    def __init__(
        self, space: SearchSpace[Any], objectives: Sequence[Objective] = (), *, seed: int = 0
    ) -> None:
        super().__init__(space, objectives, seed)

    def propose(self, random: Random) -> None:
        """None: each is drawn."""

    def tell(self, trial: Trial) -> None:
        """Note the architecture, so that one from elsewhere is not proposed; the result is not looked at."""
        self._seen.add(trial.candidate.architecture)
