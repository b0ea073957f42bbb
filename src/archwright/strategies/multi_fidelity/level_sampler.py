"""A sampler that tells the fidelities apart at which architectures were measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archwright.objectives import Objective
from archwright.spaces import Architecture, Space
from archwright.strategies.proposed_set import ProposedSet
from archwright.strategies.ranking import Score, rank_keys, score
from archwright.strategies.strategy import Strategy
from archwright.trials import Fidelity, Trial

__all__ = ["LevelSampler"]


class LevelSampler(Strategy):
    """Keeps scores by fidelity. A subclass proposes, counts in `asked` and notes in `seen`.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.

    Attributes:
        seen: What was proposed or told.
        asked: How many were asked.
        told: Architectures and scores by fidelity, in the order of telling.
    """

    def __init__(self, space: Space, objectives: Sequence[Objective], *, seed: int = 0) -> None:
        self.check_space(space)
        self.space, self.objectives, self.seed = space, tuple(objectives), seed
        self._begin()

    def _begin(self) -> None:
        self.seen = ProposedSet(self.space)
        self.asked = 0
        self.told: dict[Fidelity, list[tuple[Architecture, Score]]] = {}

    @property
    def levels(self) -> list[Fidelity]:
        """The fidelities at which trials have ended, the largest first."""
        return sorted(self.told, key=lambda fidelity: fidelity.cost(), reverse=True)

    def ranked(self, fidelity: Fidelity) -> list[tuple[Architecture, Score]]:
        """What ended at a fidelity, best first; failed ones last, and of equals the earlier."""
        told = self.told.get(fidelity, [])
        keys = rank_keys([found for _, found in told])
        return [told[i] for i in sorted(range(len(told)), key=lambda i: (keys[i], i))]

    def tell(self, trial: Trial) -> None:
        """Note the score at its fidelity."""
        self.seen.add(trial.architecture)
        found = score(trial, self.objectives)
        self.told.setdefault(trial.candidate.effort, []).append((trial.architecture, found))

    def state_dict(self) -> dict[str, Any]:
        """How many were asked, what is known, and the scores by fidelity."""
        write = self.space.to_json
        told = [
            [fidelity.to_json(), [[write(architecture), found.to_json()] for architecture, found in trials]]
            for fidelity, trials in self.told.items()
        ]
        return {"asked": self.asked, "seen": self.seen.to_json(), "told": told}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            SpaceError: When the state is not of this space.
        """
        self._begin()
        self.asked = state["asked"]
        self.seen.load_json(state["seen"])
        for fidelity, trials in state["told"]:
            self.told[Fidelity.from_json(fidelity)] = [
                (self.space.from_json(data), Score.from_json(found)) for data, found in trials
            ]
