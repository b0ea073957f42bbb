"""What strategies have in common that propose no point twice and draw from a seed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from random import Random
from typing import Any, ClassVar

from archwright.objectives import Objective, optimized
from archwright.spaces import SearchSpace
from archwright.strategies.proposed_set import ProposedSet
from archwright.strategies.randomness import random_for
from archwright.strategies.strategy import Strategy
from archwright.trials import Candidate

__all__ = ["SeededStrategy"]


class SeededStrategy(Strategy):
    """Asks a subclass for its proposal, and draws a random new point where it has none.

    The random numbers of an ask depend on the seed and on the number of asks before it alone.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.

    Attributes:
        learns: Whether results are looked at, so that there must be an objective to optimise.

    Raises:
        UsageError: When it cannot search the space, or learns and no objective is to be optimised.
    """

    learns: ClassVar[bool] = True

    def __init__(self, space: SearchSpace[Any], objectives: Sequence[Objective], seed: int) -> None:
        self.check_space(space)
        if self.learns:
            optimized(objectives)
        self.space: Any = space
        self.objectives, self.seed = tuple(objectives), seed
        self._seen = ProposedSet(space)
        self._asked = 0

    @abstractmethod
    def propose(self, random: Random) -> Candidate | None:
        """A candidate that `_seen` has just noted; None to have a random one drawn."""

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        """The subclass's proposal, or a random new point. See `Strategy.ask`."""
        random = random_for(self.seed, self._asked)
        candidate = self.propose(random) or Candidate(self._seen.draw(random))
        self._asked += 1
        return candidate

    def state_dict(self) -> dict[str, Any]:
        """How many were asked, and the architectures that are known."""
        return {"asked": self._asked, "seen": self._seen.to_json()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            SpaceError: When the state is not of this space.
        """
        self._asked = state["asked"]
        self._seen.load_json(state["seen"])
