"""The loop that all evolutions share."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from archwright.errors import SpaceError, UsageError
from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.spaces.search_space import LISTED
from archwright.strategies.evolution.operators import Member, Selection, Survival, Variation
from archwright.strategies.ranking import rank_keys, score
from archwright.strategies.seeded_strategy import SeededStrategy
from archwright.trials import Candidate, Trial
from archwright.trials.candidate import Inheritance

__all__ = ["Evolution"]

_CHILDREN = 20
_CHILDREN_A_STEP = 4


class Evolution(SeededStrategy):
    """A population of trials: parents are selected, varied into children, and survivors are kept.

    One child an ask, so any number of trials may run at once; a generation is over when `offspring_size` have ended,
    whichever these are. The first `initial` architectures are random. A
    child that was proposed before is bred anew, from the fifth time on with one more mutation every fourth
    time; after twenty, and when even the selected parent has failed, a random new architecture is taken.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits. See `archwright.strategies.ranking.rank_keys`.
        initial: How many random architectures to begin with, at least 1. As many trials join at once.
        selection: Who becomes a parent.
        variation: How a child comes about.
        survival: Who stays when the offspring has joined the population.
        offspring_size: How many trials end before they join the population, at least 1.
        seed: Seed of all random numbers.
        inherit: Whether a child begins with its parent's weights, as far as they fit.

    Raises:
        UsageError: When initial < 1, offspring_size < 1, or no objective is to be optimised.
    """

    verbs = LISTED | {"mutate", "crossover"}

    def __init__(
        self,
        space: SearchSpace[Any],
        objectives: Sequence[Objective],
        *,
        initial: int,
        selection: Selection,
        variation: Variation,
        survival: Survival,
        offspring_size: int = 1,
        seed: int = 0,
        inherit: bool = False,
    ) -> None:
        super().__init__(space, objectives, seed)
        if initial < 1:
            raise UsageError(f"evolution: expected at least 1 architecture to begin with, got {initial}")
        if offspring_size < 1:
            raise UsageError(f"evolution: expected offspring_size >= 1, got {offspring_size}")
        self.initial, self.selection, self.variation, self.survival = initial, selection, variation, survival
        self.offspring_size, self.inherits = offspring_size, inherit
        self._take_over([], [])

    @property
    def population(self) -> tuple[Member, ...]:
        """The trials that parents are selected from, oldest first."""
        return tuple(self._members)

    def tell(self, trial: Trial) -> None:
        """Let a finished trial into the offspring, failed and infeasible ones too: they age the population."""
        architecture = trial.candidate.architecture
        member = Member(trial.number, architecture, score(trial, self.objectives))
        self._seen.add(architecture)
        self._offspring.append(member)
        if len(self._offspring) >= self.offspring_size or len(self._members) < self.initial:
            self._take_over(self.survival([*self._members, *self._offspring]), [])

    def needed(self) -> set[int]:
        """The members that children may inherit from."""
        return {member.number for member in [*self._members, *self._offspring]} if self.inherits else set()

    def state_dict(self) -> dict[str, Any]:
        """How many were asked, the architectures that are known, the population and the offspring."""
        return {
            **super().state_dict(),
            "population": [member.to_json(self.space) for member in self._members],
            "brood": [member.to_json(self.space) for member in self._offspring],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            SpaceError: When the state is not of this space.
        """
        super().load_state_dict(state)
        self._take_over(
            [Member.from_json(member, self.space) for member in state["population"]],
            [Member.from_json(member, self.space) for member in state["brood"]],
        )

    def _take_over(self, members: list[Member], offspring: list[Member]) -> None:
        self._members, self._offspring = members, offspring
        self._rank_keys: list[tuple[float, ...]] | None = None

    def propose(self, random: Random) -> Candidate | None:
        """A new child; None at the beginning, when none is found, and when the selected parent failed."""
        if self._asked < self.initial or not self._members:
            return None
        if self._rank_keys is None:
            self._rank_keys = rank_keys([member.score for member in self._members])
        ranked = self._rank_keys

        def select() -> Member:
            return self.selection(self._members, ranked, random)

        try:
            for i in range(_CHILDREN):
                parent = select()
                if parent.score.failed:
                    return None
                child = self.variation(self.space, parent.architecture, select, random)
                for _ in range(i // _CHILDREN_A_STEP):
                    child = self.space.mutate(child, random)
                if self._seen.add(child):
                    inherited: Inheritance = "morph" if self.inherits else "nothing"
                    return Candidate(child, parent=parent.number, inherit=inherited)
        except SpaceError:
            pass  # nothing can change here, or the constraints refuse every change
        return None
