"""Search that is guided by any surrogate."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from random import Random
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archwright.errors import SpaceError, UsageError
from archwright.objectives import Objective
from archwright.spaces import Architecture, Space
from archwright.strategies.bayesian.acquisition import log_expected_improvement, log_probability_below
from archwright.strategies.bayesian.observations import Observations
from archwright.strategies.bayesian.targets import bounded, scalarised, standard, tamed
from archwright.strategies.randomness import random_for
from archwright.strategies.ranking import standings
from archwright.strategies.strategy import Strategy
from archwright.surrogates import Surrogate
from archwright.trials import Candidate, Trial

__all__ = ["GuidedSearch"]

Vector = NDArray[np.float64]

_PARENTS = 10
_DIGITS = 6  # beyond which two promises are equal


class GuidedSearch(Strategy):
    """Candidates are mutants of the best and random architectures; a surrogate says which to try.

    The surrogate learns anew when enough trials have ended since. Failed trials count as the worst so far. Each limit
    has a surrogate of its own, whose probability that it is kept multiplies the expected improvement, or whose draw
    must keep it. Several objectives are scalarised by random weights, new ones whenever it learns.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        surrogate: Makes a surrogate of a space and a seed.
        acquisition: "improvement", the expected one; or "thompson", the best of one independent draw a candidate.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 2.
        every: How many trials end before the surrogate learns anew, at least 1.
        mutants: How many candidates are mutants of the ten best.
        samples: How many candidates are random; at least 1 of both together.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        surrogate: Callable[[Space, int], Surrogate],
        acquisition: Literal["improvement", "thompson"] = "improvement",
        seed: int = 0,
        initial: int = 10,
        every: int = 5,
        mutants: int = 100,
        samples: int = 100,
    ) -> None:
        if initial < 2 or every < 1 or mutants < 0 or samples < 0 or not mutants + samples:
            raise UsageError(
                "guided search: expected initial >= 2, every >= 1, and mutants and samples that are not both 0, got "
                f"{initial}, {every}, {mutants} and {samples}"
            )
        if not any(objective.optimize for objective in objectives):
            raise UsageError("guided search: expected an objective to optimise, got limits alone; add one")
        self.space, self.objectives, self.seed = space, tuple(objectives), seed
        self.surrogate, self.acquisition = surrogate, acquisition
        self.initial, self.every, self.mutants, self.samples = initial, every, mutants, samples
        self._optimized = [i for i, objective in enumerate(self.objectives) if objective.optimize]
        self._asked = 0
        self._restart(Observations(space, self.objectives))

    def _restart(self, known: Observations) -> None:
        self._known = known
        self._order: list[int] = []
        self._learned: tuple[int, int] | None = None
        self._models: list[Surrogate | None] = []
        self._limits: list[float] = []
        self._incumbent = 0.0

    def ask(self) -> Candidate:
        """The candidate that promises most, or one of the first random architectures. See `Strategy.ask`."""
        random = random_for(self.seed, self._asked)
        candidate = self._promising(random) if self._asked >= self.initial else None
        if candidate is None:
            architecture = self._known.seen.draw(random)
            self._known.note(architecture)
            candidate = Candidate(architecture)
        self._asked += 1
        return candidate

    def tell(self, trial: Trial) -> None:
        """Note the trial; the surrogate learns of it in time."""
        told = self._known.told
        row = self._known.tell(trial)
        if self._known.told > told:
            self._order.append(row)

    def state_dict(self) -> dict[str, Any]:
        """What is known, in which order it came, and how much of it the surrogate has learned."""
        return {
            "asked": self._asked,
            "known": self._known.to_json(),
            "order": list(self._order),
            "learned": None if self._learned is None else list(self._learned),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state; the surrogate learns again what it had learned.

        Raises:
            SpaceError: When the state is not of this space.
        """
        self._asked = state["asked"]
        self._restart(Observations.from_json(state["known"], self.space, self.objectives))
        self._order = list(state["order"])
        if state["learned"] is not None:
            self._learn(*state["learned"])

    def _promising(self, random: Random) -> Candidate | None:
        """The best candidate; None when nothing is known yet, or every candidate is known."""
        if self._learned is None or len(self._order) >= self._learned[0] + self.every:
            self._learn(len(self._order), self._asked)
        if not any(self._models):
            return None
        candidates = self._candidates(random)
        if not candidates:
            return None
        architectures = [architecture for architecture, _ in candidates]
        promise = self._promise(architectures, np.random.default_rng(random.getrandbits(63)))
        architecture, parent = candidates[int(np.round(promise, _DIGITS).argmax())]
        self._known.propose(architecture)
        return Candidate(architecture, parent=parent)

    def _learn(self, told: int, asked: int) -> None:
        """Let the surrogates learn the first so many that were told, as they did at an ask."""
        rows = self._order[:told]
        self._learned = told, asked
        losses, feasible = self._known.losses()[rows], self._known.feasible()[rows]
        random = random_for(self.seed, asked)
        optimized = losses[:, self._optimized]
        if len(self._optimized) > 1:
            drawn = np.array([random.expovariate(1.0) for _ in self._optimized])
            loss = scalarised(optimized, drawn / drawn.sum())
        else:
            loss = optimized[:, 0].copy()
        if (known := ~np.isnan(loss)).any():
            loss[self._known.failed()[rows]] = loss[known].max()
        values, _, _ = standard(tamed(loss))
        if not feasible.any():
            values = np.full_like(values, np.nan)  # there is nothing to improve on yet
        else:
            self._incumbent = float(values[feasible].min())
        bounds = bounded(losses, self.objectives)
        self._limits = [bound.limit for bound in bounds]
        self._models = []
        for column in [values, *(bound.values for bound in bounds)]:
            given = np.flatnonzero(~np.isnan(column))
            model = None
            if len(given) >= 2:
                model = self.surrogate(self.space, self.seed)
                model.fit([self._known.architectures[rows[i]] for i in given], column[given])
            self._models.append(model)

    def _candidates(self, random: Random) -> list[tuple[Architecture, int | None]]:
        """New architectures, each with the trial that it is a mutant of, if any."""
        found: dict[Hashable, tuple[Architecture, int | None]] = {}
        best = self._best() if self.mutants else []
        try:
            for i in range(self.mutants if best else 0):
                row = best[int(random.random() * len(best))]
                mutant = self.space.mutate(self._known.architectures[row], random)
                if i % 4 == 3:
                    mutant = self.space.mutate(mutant, random)
                found.setdefault(self.space.canonical(mutant), (mutant, self._known.numbers[row]))
        except SpaceError:
            pass  # the constraints refuse every mutant
        try:
            for _ in range(self.samples):
                architecture = self.space.sample(random)
                found.setdefault(self.space.canonical(architecture), (architecture, None))
        except SpaceError:
            pass  # the constraints refuse nearly everything
        return [pair for pair in found.values() if pair[0] not in self._known.seen]

    def _best(self) -> list[int]:
        rows = np.flatnonzero(self._known.feasible()).tolist()
        keys = standings([score for row in rows if (score := self._known.scores[row]) is not None])
        return [row for _, row in sorted(zip(keys, rows, strict=True))[:_PARENTS]]

    def _promise(self, architectures: list[Architecture], drawn: np.random.Generator) -> Vector:
        promise = np.zeros(len(architectures))
        thompson = self.acquisition == "thompson"
        for model, limit in zip(self._models, [self._incumbent, *self._limits], strict=True):
            if model is None:
                continue
            mean, deviation = model.predict(architectures)
            if model is self._models[0]:
                promise += (
                    -(mean + deviation * drawn.standard_normal(len(mean)))
                    if thompson
                    else log_expected_improvement(mean, deviation, limit)
                )
            elif thompson:
                over = mean + deviation * drawn.standard_normal(len(mean)) - limit
                promise -= 100.0 * np.maximum(over, 0.0)
            else:
                promise += log_probability_below(mean, deviation, limit)
        return promise
