"""CMA-ES on the codes of architectures."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Hashable, Sequence
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.errors import MissingExtraError, SpaceError, UsageError
from archwright.objectives import Objective
from archwright.spaces import Architecture, Space
from archwright.strategies.ranking import score
from archwright.strategies.seeded_strategy import SeededStrategy
from archwright.trials import Candidate, Trial

__all__ = ["CMAES"]

_IDLE = 20
"""Generations in a row that bring nothing new before a random architecture is taken."""


class CMAES(SeededStrategy):
    """Covariance matrix adaptation (Hansen & Ostermeier 2001, doi:10.1162/106365601750190398), by the package cma.

    It moves a normal distribution over the codes of `space.encode`, each in [0, 1]; an architecture is the one nearest
    to a draw. Made for spaces of reals, such as the parameters of a loss (TaylorGLO: Gonzalez & Miikkulainen 2021,
    arXiv:2002.00059), it searches any. A draw that an earlier trial had is not tried again, but counts with that
    trial's result. While a generation's trials still run, further workers get random architectures. Only the first
    objective counts; a trial that failed or is over a limit counts as the worst of its generation.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        sigma: Standard deviation of the first generation, as a share of each scale.
        population: Trials in a generation; None takes 4 + 3 ln(columns), as is usual.

    Raises:
        MissingExtraError: When the package cma is not installed.
        UsageError: When an option is out of range, or no objective is to be optimised.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        sigma: float = 0.3,
        population: int | None = None,
    ) -> None:
        super().__init__(space, objectives, seed)
        if importlib.util.find_spec("cma") is None:
            raise MissingExtraError("cma", "primitives", "the strategy 'cma_es'")
        if not 0 < sigma < math.inf or (population is not None and population < 2):
            raise UsageError(
                f"expected sigma > 0 and a population of at least 2, got {sigma} and {population}"
            )
        self.sigma, self.population = sigma, population
        self._begin()

    def _begin(self) -> None:
        import cma

        options = {
            "bounds": [0.0, 1.0],
            "randn": np.random.RandomState(self.seed % 2**32).randn,
            "seed": math.nan,  # leaves numpy's global generator alone
            "verbose": -9,
            "verb_log": 0,
        }
        if self.population is not None:
            options["popsize"] = self.population
        columns = max(2, self.space.columns)  # cma knows no single dimension
        self._distribution: Any = cma.CMAEvolutionStrategy([0.5] * columns, self.sigma, options)
        self._told: list[list[float]] = []
        self._known: dict[Hashable, tuple[Architecture, float | None]] = {}
        self._generation()

    def _generation(self) -> None:
        """Draw the next generation."""
        self._vectors: list[NDArray[np.float64]] = self._distribution.ask()
        self._values: list[float | None] = [None] * len(self._vectors)
        self._waiting: dict[Hashable, tuple[Architecture, list[int]]] = {}
        self._next = 0

    def propose(self, random: Random) -> Candidate | None:
        """The next member of the generation that is new; None while others of it run."""
        idle = 0
        while idle < _IDLE:
            if self._next == len(self._vectors):
                if self._waiting:
                    return None
                self._advance(self._filled())
                idle += 1
            member, self._next = self._next, self._next + 1
            architecture = self._decoded(self._vectors[member])
            if architecture is None:
                continue
            canonical = self.space.canonical(architecture)
            if canonical in self._known:
                self._values[member] = self._known[canonical][1]
            elif canonical in self._waiting:
                self._waiting[canonical][1].append(member)
            elif self._seen.add(architecture):
                self._waiting[canonical] = architecture, [member]
                return Candidate(architecture)
        return None

    def tell(self, trial: Trial) -> None:
        """Note a result for all members of the generation that are its architecture."""
        found = score(trial, self.objectives)
        value = found.losses[0] if found.losses and found.violation == 0 else None
        self._seen.add(trial.architecture)
        canonical = self.space.canonical(trial.architecture)
        self._known[canonical] = trial.architecture, value
        for member in self._waiting.pop(canonical, (trial.architecture, []))[1]:
            self._values[member] = value

    def _decoded(self, vector: NDArray[np.float64]) -> Architecture | None:
        try:
            found: Architecture = self.space.decode(np.clip(vector[: self.space.columns], 0.0, 1.0))
        except SpaceError:  # the constraints refuse it
            return None
        return found

    def _filled(self) -> list[float]:
        """The generation's values, the worst where there is none."""
        finite = [value for value in self._values if value is not None]
        worst = max(finite, default=0.0)
        return [worst if value is None else value for value in self._values]

    def _advance(self, values: list[float]) -> None:
        self._distribution.tell(self._vectors, values)
        self._told.append(values)
        self._generation()

    def state_dict(self) -> dict[str, Any]:
        """The results of all generations, from which the distribution is made again, and of the present one."""
        return {
            **super().state_dict(),
            "told": [list(values) for values in self._told],
            "values": list(self._values),
            "next": self._next,
            "waiting": [[a.to_json(), list(members)] for a, members in self._waiting.values()],
            "known": [[a.to_json(), value] for a, value in self._known.values()],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            SpaceError: When the state is not of this space.
        """
        super().load_state_dict(state)
        self._begin()
        for values in state["told"]:
            self._advance(values)
        self._values, self._next = list(state["values"]), state["next"]
        for data, members in state["waiting"]:
            architecture = self.space.from_json(data)
            self._waiting[self.space.canonical(architecture)] = architecture, list(members)
        for data, value in state["known"]:
            architecture = self.space.from_json(data)
            self._known[self.space.canonical(architecture)] = architecture, value
