"""Hill climbing by network morphisms."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from archwright.errors import SpaceError, UsageError
from archwright.objectives import Objective
from archwright.spaces import Architecture, Space
from archwright.strategies.evolution import Member
from archwright.strategies.growth import grown
from archwright.strategies.ranking import rank_keys, score
from archwright.strategies.seeded_strategy import SeededStrategy
from archwright.trials import Candidate, Trial

__all__ = ["HillClimbing"]

_CHILDREN = 50


class HillClimbing(SeededStrategy):
    """Grows the best network in small steps; each child begins as its parent computes (NASH).

    Elsken et al. 2017, arXiv:1711.04528: `children` are made of the present network by `changes` random morphisms each
    and trained for a few epochs; the best of them and the present network are compared, and the climb goes on from
    the better one. As many random networks as `initial` are trained first, the best of which it begins with; the paper
    has one small network.

    A morphism makes a network larger: a number that orders its values rises, a subset gains an item, a branch that is
    absent appears, an operation is exchanged. Which of them leave the outputs as they are depends on the space; see
    the trial's "morph_change". Where nothing can grow any more, any mutation is taken.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 1.
        children: Children of one network before the climb goes on (the paper's n_neigh), at least 1.
        changes: Changes between a parent and its child (the paper's n_NM, which is 5), at least 1.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """

    inherits = True

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        initial: int = 1,
        children: int = 8,
        changes: int = 1,
    ) -> None:
        super().__init__(space, objectives, seed)
        for name, value in (("initial", initial), ("children", children), ("changes", changes)):
            if value < 1:
                raise UsageError(f"hill climbing: expected {name} >= 1, got {value}")
        self.initial, self.children, self.changes = initial, children, changes
        self._members: list[Member] = []
        """The network that children are made of, if any, and the trials told since the climb came to it."""
        self._centre: Member | None = None

    def tell(self, trial: Trial) -> None:
        """Take note of a trial; after the last child of a step, go on from the best."""
        self._seen.add(trial.architecture)
        self._members.append(Member(trial.number, trial.architecture, score(trial, self.objectives)))
        wanted = self.initial if self._centre is None else self.children
        if len(self._members) < wanted:
            return
        compared = [*([] if self._centre is None else [self._centre]), *self._members]
        keys = rank_keys([member.score for member in compared])
        best = min(range(len(compared)), key=keys.__getitem__)
        self._centre = None if compared[best].score.failed else compared[best]
        self._members = []

    def needed(self) -> set[int]:
        """The present network, and those that may become it."""
        return {member.number for member in [*self._members, *([self._centre] if self._centre else [])]}

    def state_dict(self) -> dict[str, Any]:
        """How many were asked, the architectures that are known, the present network and its children."""
        return {
            **super().state_dict(),
            "centre": None if self._centre is None else self._centre.to_json(self.space),
            "members": [member.to_json(self.space) for member in self._members],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            SpaceError: When the state is not of this space.
        """
        super().load_state_dict(state)
        self._centre = None if state["centre"] is None else Member.from_json(state["centre"], self.space)
        self._members = [Member.from_json(member, self.space) for member in state["members"]]

    def propose(self, random: Random) -> Candidate | None:
        """A new child of the present network; None at the beginning, and where none is found."""
        if self._centre is None:
            return None
        try:
            for _ in range(_CHILDREN):
                child = self._child(self._centre.architecture, random)
                if self._seen.add(child):
                    return Candidate(child, parent=self._centre.number, inherit="morph")
        except SpaceError:
            pass  # nothing can change here, or the constraints refuse every change
        return None

    def _child(self, architecture: Architecture, random: Random) -> Architecture:
        for _ in range(self.changes):
            architecture = grown(self.space, architecture, random) or self.space.mutate(architecture, random)
        return architecture
