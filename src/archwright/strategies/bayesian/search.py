"""Search by a model of what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.bayesian.acquisition import Acquisition
from archwright.strategies.bayesian.candidates import CandidateSource
from archwright.strategies.bayesian.models import ConstrainedModel
from archwright.strategies.bayesian.observations import Ask, Observations
from archwright.strategies.randomness import random_for
from archwright.strategies.strategy import Strategy
from archwright.trials import Candidate, Trial

__all__ = ["SurrogateSearch"]

_IN_A_BATCH = 50
"""One candidate more in a batch for each so many that run."""


class SurrogateSearch(Strategy):
    """The candidate with the largest acquisition value under a model of what was tried.

    Where 100 or more run, one look at the model gives a batch: a fiftieth as many candidates as run, those with the
    largest values. So little has ended meanwhile that they would hardly differ, and a model of thousands of trials
    keeps 1,000 workers busy.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        model: Learns of what was tried, and predicts.
        source: Where candidates are from.
        acquisition: Values candidates by the model's predictions.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 2.

    Raises:
        UsageError: When initial < 2.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        model: ConstrainedModel,
        source: CandidateSource,
        acquisition: Acquisition,
        *,
        seed: int = 0,
        initial: int = 10,
    ) -> None:
        self.check_space(space)
        if initial < 2:
            raise UsageError(f"expected initial >= 2, got {initial}")
        self.space, self.objectives, self.seed, self.initial = space, tuple(objectives), seed, initial
        self.model, self.source, self.acquisition = model, source, acquisition
        self._known = Observations(space, self.objectives)
        self._asked = 0
        self._batch: list[tuple[int, int | None]] = []
        """The rest of a batch: rows, and the trials that they were made from."""

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        """The most promising candidate, or one of the first random architectures. See `Strategy.ask`."""
        random = random_for(self.seed, self._asked)
        candidate = None
        if self._asked >= self.initial:
            if not self._batch:
                self._batch = self._promising(random, max(1, len(running) // _IN_A_BATCH))
            if self._batch:
                row, parent = self._batch.pop(0)
                candidate = Candidate(self._known.architectures[row], parent=parent)
        if candidate is None:
            architecture = self._known.seen.draw(random)
            self._known.note(architecture)
            candidate = Candidate(architecture)
        self._asked += 1
        return candidate

    def tell(self, trial: Trial) -> None:
        """Note the trial; the model learns of it in time."""
        self._known.tell(trial)

    def state_dict(self) -> dict[str, Any]:
        """What is known, and the state of the model."""
        own = {"asked": self._asked, "known": self._known.to_json()}
        if self._batch:
            own["batch"] = [list(one) for one in self._batch]
        return {**own, **self.model.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            SpaceError: When the state is not of this space.
        """
        self._asked = state["asked"]
        self._batch = [(row, parent) for row, parent in state.get("batch", [])]
        self._known = Observations.from_json(state["known"], self.space, self.objectives)
        self.model.load_state_dict(state, self._known)

    def _promising(self, random: Random, most: int) -> list[tuple[int, int | None]]:
        """The candidates of largest value, each as its new row and the trial that it was made from.

        Args:
            random: The random numbers of the ask.
            most: How many.

        Returns:
            Best first; none when nothing is known yet, or there is no candidate.
        """
        ask = Ask(self._known, self._asked, random)
        if not self.model.update(ask):
            return []
        candidates = self.source(ask)
        if not len(candidates):
            return []
        value = self.acquisition(self.model, candidates, ask)
        value = np.round(value, self.model.digits)
        value[candidates.proposed] = -np.inf
        found: list[tuple[int, int | None]] = []
        for place in np.argsort(-value, kind="stable")[:most].tolist():
            if value[place] == -np.inf:
                break
            source = candidates.sources[place]
            self._known.propose(candidates.architectures[place])
            found.append((len(self._known) - 1, None if source is None else self._known.numbers[source]))
        return found
