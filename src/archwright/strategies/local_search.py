"""Local search."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.spaces.search_space import LISTED
from archwright.strategies.evolution import Member
from archwright.strategies.randomness import random_for
from archwright.strategies.ranking import Score, dominates, score
from archwright.strategies.seeded_strategy import SeededStrategy
from archwright.trials import Candidate, Trial

__all__ = ["LocalSearch"]


class LocalSearch(SeededStrategy):
    """Climbs: the first neighbour that is no worse is moved to; where none is, it begins anew at random.

    First improvement with restarts, the strong form of White et al. 2021, arXiv:2005.02960. Neighbours differ in one
    decision (see `Space.neighbors`) and come in random order; what was proposed before is passed over. Equals are
    moved to as well, since a metric of few examples has many. The first climb begins at the best of some random
    architectures, any other at a single one. Several objectives, and limits, are compared by `ranking.dominates`.

    When more are asked for than there are neighbours left, before their trials end, the search begins anew beside them.
    A trial of the present climb that ends late is still moved to when it is no worse than where the climb has come to.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 1.

    Raises:
        UsageError: When initial < 1, or no objective is to be optimised.
    """

    verbs = LISTED | {"neighbors"}

    def __init__(
        self, space: SearchSpace[Any], objectives: Sequence[Objective], *, seed: int = 0, initial: int = 10
    ) -> None:
        super().__init__(space, objectives, seed)
        if initial < 1:
            raise UsageError(f"local search: expected at least 1 architecture to begin with, got {initial}")
        self.initial = initial
        self._climb: list[int] = []
        self._centre: Member | None = None
        self._restarts = True
        self._ordered_at: int | None = None
        self._ahead: list[Any] = []

    def tell(self, trial: Trial) -> None:
        """Move to the trial when it is no worse, or where a new climb begins."""
        self._seen.add(trial.architecture)
        member = Member(trial.number, trial.architecture, score(trial, self.objectives))
        parent = trial.candidate.parent
        begins = parent is None and self._restarts
        if member.score.failed or not (begins or parent is None or parent in self._climb):
            return
        if begins:
            self._climb = []
        elif self._centre is None or not _is_no_worse(member.score, self._centre.score):
            return
        self._climb.append(member.number)
        self._centre, self._restarts = member, False
        self._ordered_at, self._ahead = None, []

    def state_dict(self) -> dict[str, Any]:
        """How many were asked, the architectures that are known, and where the climb is."""
        return {
            **super().state_dict(),
            "climb": list(self._climb),
            "centre": None if self._centre is None else self._centre.to_json(self.space),
            "restarts": self._restarts,
            "ordered_at": self._ordered_at,
            "ahead": len(self._ahead),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            SpaceError: When the state is not of this space.
        """
        super().load_state_dict(state)
        self._climb, self._restarts = list(state["climb"]), state["restarts"]
        self._centre = None if state["centre"] is None else Member.from_json(state["centre"], self.space)
        self._ordered_at, self._ahead = None, []
        if self._centre is not None and state["ordered_at"] is not None:
            self._order(self._centre, state["ordered_at"])
            del self._ahead[state["ahead"] :]

    def propose(self, random: Random) -> Candidate | None:
        """The next new neighbour of the centre; None, from which on the next beginning counts, when there is none."""
        if self._asked < self.initial or self._centre is None or self._restarts:
            return None
        if self._ordered_at is None:
            self._order(self._centre, self._asked)
        while self._ahead:
            architecture = self._ahead.pop()
            if self._seen.add(architecture):
                return Candidate(architecture, parent=self._centre.number)
        self._restarts = True
        return None

    def _order(self, centre: Member, ask: int) -> None:
        """Line up the centre's neighbours as the given ask did, the first to be tried last."""
        self._ordered_at, self._ahead = ask, self.space.neighbors(centre.architecture)
        random_for(self.seed, ask).shuffle(self._ahead)


def _is_no_worse(first: Score, second: Score) -> bool:
    return first == second or dominates(first, second)
