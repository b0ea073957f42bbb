"""Random search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.spaces.search_space import LISTED
from archwright.strategies.proposed_set import ProposedSet
from archwright.strategies.randomness import random_for
from archwright.strategies.strategy import Strategy
from archwright.trials import Candidate, Trial

__all__ = ["RandomSearch"]


class RandomSearch(Strategy):
    """Draws each architecture on its own: every active decision uniformly, no architecture twice.

    The baseline that any other strategy has to beat (Li and Talwalkar 2019, arXiv:1902.07638). The last
    architectures of a small space come in the order of its listing.

    Args:
        space: What to draw from.
        objectives: Not used; taken so that all strategies are made alike.
        seed: Seed of all random numbers.
    """

    verbs = LISTED

    def __init__(
        self, space: SearchSpace[Any], objectives: Sequence[Objective] = (), *, seed: int = 0
    ) -> None:
        self.check_space(space)
        self.space, self.objectives, self.seed = space, tuple(objectives), seed
        self._seen = ProposedSet(space)
        self._asked = 0

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        """A random architecture. See `Strategy.ask`."""
        candidate = Candidate(self._seen.draw(random_for(self.seed, self._asked)))
        self._asked += 1
        return candidate

    def tell(self, trial: Trial) -> None:
        """Note the architecture, so that one from elsewhere is not proposed; the result is not looked at."""
        self._seen.add(trial.candidate.architecture)

    def state_dict(self) -> dict[str, Any]:
        """How many were asked, and the architectures that are known."""
        return {"asked": self._asked, "seen": self._seen.to_json()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self._asked = state["asked"]
        self._seen.load_json(state["seen"])
