"""Search that is guided by any surrogate."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Hashable, Sequence
from random import Random
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archwright.errors import MissingExtraError, SpaceError, UsageError
from archwright.objectives import Objective
from archwright.spaces import Architecture, Space
from archwright.strategies.bayesian.acquisition import (
    log_expected_hypervolume_improvement,
    log_expected_improvement,
    log_probability_below,
)
from archwright.strategies.bayesian.boxes import improving_boxes, inferred_reference
from archwright.strategies.bayesian.observations import Observations
from archwright.strategies.bayesian.targets import bounded, scalarised, standard, tamed
from archwright.strategies.randomness import random_for
from archwright.strategies.ranking import standings
from archwright.strategies.strategy import Strategy
from archwright.surrogates import Surrogate
from archwright.trials import Candidate, Trial

__all__ = ["GuidedSearch"]

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

_PARENTS = 10
_DIGITS = 6  # beyond which two promises are equal


class GuidedSearch(Strategy):
    """Candidates are mutants of the best and random architectures; a surrogate says which to try.

    The surrogate learns anew when enough trials have ended since. Failed trials count as the worst so far.
    Each limit has a surrogate of its own, whose probability that it is kept multiplies the expected improvement, or
    whose draw must keep it. Several objectives are scalarised by random weights, new ones whenever it learns; or each
    has a surrogate, and what counts is by how much the hypervolume is expected to grow.

    For the hypervolume, trials that still run count with what is expected of them (Kriging believer, Ginsbourger et al.
    2010, doi:10.1007/978-3-642-10701-6_6), in the front and, whenever it learns, in the surrogate, which it then does
    for trials that have begun as for those that have ended; so a batch spreads along the front. Otherwise what runs is
    only not proposed again: among mutants and random architectures that keeps a batch apart.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        surrogate: Makes a surrogate of a space and a seed.
        acquisition: "improvement", the expected one; "thompson", the best of one independent draw a candidate; or
            "hypervolume", the expected improvement of several objectives' (Emmerich et al. 2011), which needs BoTorch.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 2.
        every: How many trials end before the surrogate learns anew, at least 1.
        mutants: How many candidates are mutants of the ten best.
        samples: How many candidates are random; at least 1 of both together.
        reference: From where hypervolume is measured: a value for each objective that is optimised. None infers it from
            what is known.

    Raises:
        MissingExtraError: When BoTorch is needed and not installed.
        UsageError: When an option is out of range, or no objective is to be optimised, or one for the hypervolume.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        surrogate: Callable[[Space, int], Surrogate],
        acquisition: Literal["improvement", "thompson", "hypervolume"] = "improvement",
        seed: int = 0,
        initial: int = 10,
        every: int = 5,
        mutants: int = 100,
        samples: int = 100,
        reference: Sequence[float] | None = None,
    ) -> None:
        self.check_space(space)
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
        self._reference = self._checked(reference)
        self._goals = len(self._optimized) if acquisition == "hypervolume" else 1
        self._asked = 0
        self._restart(Observations(space, self.objectives))

    def _restart(self, known: Observations) -> None:
        self._known = known
        self._learned: tuple[int, int, int] | None = None
        self._models: list[Surrogate | None] = []
        self._limits: list[float] = []
        self._incumbent = 0.0
        self._scales: list[tuple[float, float]] = []

    def _checked(self, reference: Sequence[float] | None) -> Vector | None:
        """The reference point as losses."""
        optimized = [self.objectives[i] for i in self._optimized]
        if self.acquisition == "hypervolume":
            if importlib.util.find_spec("botorch") is None:
                raise MissingExtraError("botorch", "bayes", "the expected hypervolume improvement")
            if len(optimized) < 2:
                raise UsageError(
                    "the hypervolume is of at least 2 objectives that are optimised, got 1: "
                    f"{optimized[0].name!r}; add another, or take the strategy 'bayesian' or 'botorch'"
                )
        if reference is None:
            return None
        numbers = isinstance(reference, Sequence) and all(
            isinstance(value, int | float) for value in reference
        )
        if self.acquisition != "hypervolume" or not numbers or len(reference) != len(optimized):
            names = ", ".join(objective.name for objective in optimized)
            raise UsageError(
                f"expected a reference point only for the hypervolume, with a value each for {names}; got "
                f"{reference!r} for the acquisition {self.acquisition!r}"
            )
        return np.array([o.loss(float(value)) for o, value in zip(optimized, reference, strict=True)])

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
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
        self._known.tell(trial)

    def state_dict(self) -> dict[str, Any]:
        """What is known, and how much of it the surrogate has learned."""
        return {
            "asked": self._asked,
            "known": self._known.to_json(),
            "learned": None if self._learned is None else list(self._learned),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state; the surrogate learns again what it had learned.

        Raises:
            SpaceError: When the state is not of this space.
        """
        self._asked = state["asked"]
        self._restart(Observations.from_json(state["known"], self.space, self.objectives))
        if state["learned"] is not None:
            self._learn(*state["learned"])

    def _promising(self, random: Random) -> Candidate | None:
        """The best candidate; None when nothing is known yet, or every candidate is known."""
        if self._due():
            self._learn(self._known.told, self._asked, len(self._known))
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

    def _due(self) -> bool:
        """Whether enough trials have ended since the surrogates learned, or, where these are believed, begun."""
        if self._learned is None:
            return True
        told, _, rows = self._learned
        begun = len(self._known) - rows if self.acquisition == "hypervolume" else 0
        return max(self._known.told - told, begun) >= self.every

    def _learn(self, told: int, asked: int, rows: int) -> None:
        """Let the surrogates learn the first so many that were told, as they did at an ask with so many rows."""
        ended = self._known.order[:told]
        self._learned = told, asked, rows
        losses, feasible = self._known.losses()[ended], self._known.feasible()[ended]
        if self.acquisition == "hypervolume":
            goals = self._each(losses, feasible, ended)
        else:
            goals = [self._scalar(losses, feasible, ended, random_for(self.seed, asked))]
        bounds = bounded(losses, self.objectives)
        self._limits = [bound.limit for bound in bounds]
        running: list[Architecture] = []
        if self.acquisition == "hypervolume":
            running = [self._known.architectures[row] for row in sorted(set(range(rows)).difference(ended))]
        self._models = []
        for column in [*goals, *(bound.values for bound in bounds)]:
            given = np.flatnonzero(~np.isnan(column))
            model = None
            if len(given) >= 2:
                architectures = [self._known.architectures[ended[i]] for i in given]
                model = self._fitted(architectures, column[given], running)
            self._models.append(model)

    def _fitted(
        self, architectures: list[Architecture], values: Vector, running: list[Architecture]
    ) -> Surrogate:
        """A surrogate that has learned; of what runs, what it expects of it."""
        model = self.surrogate(self.space, self.seed)
        model.fit(architectures, values)
        if running:
            believed, _ = model.predict(running)
            model = self.surrogate(self.space, self.seed)
            model.fit([*architectures, *running], np.append(values, believed))
        return model

    def _scalar(self, losses: Vector, feasible: Mask, ended: list[int], random: Random) -> Vector:
        """One loss a row, of mean 0 and deviation 1; NaN where it is not known, or nothing is feasible."""
        optimized = losses[:, self._optimized]
        if len(self._optimized) > 1:
            drawn = np.array([random.expovariate(1.0) for _ in self._optimized])
            loss = scalarised(optimized, drawn / drawn.sum())
        else:
            loss = optimized[:, 0].copy()
        values, _, _ = standard(tamed(self._punished(loss, ended)))
        if not feasible.any():
            return np.full_like(values, np.nan)  # there is nothing to improve on yet
        self._incumbent = float(values[feasible].min())
        return values

    def _each(self, losses: Vector, feasible: Mask, ended: list[int]) -> list[Vector]:
        """The loss of each objective a row, likewise. What is better than the reference point is not tamed."""
        optimized = losses[:, self._optimized]
        if not feasible.any():
            return [np.full(len(losses), np.nan) for _ in self._optimized]
        self._scales, made = [], []
        for column, corner in zip(optimized.T, self._corner(optimized[feasible]), strict=True):
            loss = self._punished(column, ended)
            values, mean, deviation = standard(np.maximum(tamed(loss), np.minimum(loss, corner)))
            self._scales.append((mean, deviation))
            made.append(values)
        return made

    def _punished(self, loss: Vector, ended: list[int]) -> Vector:
        """The losses, of which those that failed have the worst."""
        made = loss.copy()
        if (known := ~np.isnan(loss)).any():
            made[self._known.failed()[ended]] = loss[known].max()
        return made

    def _corner(self, losses: Vector) -> Vector:
        """The reference point of what is feasible."""
        if self._reference is not None:
            return self._reference
        return inferred_reference(np.stack([tamed(column) for column in losses.T], 1))

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
        if self.acquisition == "thompson":
            return self._drawn(architectures, drawn)
        count = len(architectures)
        running = self._running() if self.acquisition == "hypervolume" else []
        predicted = [
            None if model is None else model.predict([*architectures, *running]) for model in self._models
        ]
        promise, kept = np.zeros(count), np.ones(len(running), dtype=bool)
        for found, limit in zip(predicted[self._goals :], self._limits, strict=True):
            if found is not None:
                mean, deviation = found
                promise += log_probability_below(mean[:count], deviation[:count], limit)
                kept &= mean[count:] <= limit
        goals = [found for found in predicted[: self._goals] if found is not None]
        if len(goals) < self._goals:
            return promise
        means, deviations = (np.stack(parts, 1) for parts in zip(*goals, strict=True))
        if self.acquisition == "hypervolume":
            return promise + self._growth(means[:count], deviations[:count], means[count:][kept])
        return promise + log_expected_improvement(means[:, 0], deviations[:, 0], self._incumbent)

    def _running(self) -> list[Architecture]:
        scores = self._known.scores
        return [a for a, score in zip(self._known.architectures, scores, strict=True) if score is None]

    def _growth(self, means: Vector, deviations: Vector, believed: Vector) -> Vector:
        """The logarithm of the expected hypervolume improvement over what is known, and believed of what runs."""
        losses = self._known.losses()[self._known.feasible()][:, self._optimized]
        centre, scale = np.array(self._scales).T
        corner = (self._corner(losses) - centre) / scale
        lower, upper = improving_boxes(np.vstack([(losses - centre) / scale, believed]), corner)
        return log_expected_hypervolume_improvement(means, deviations, lower, upper)

    def _drawn(self, architectures: list[Architecture], drawn: np.random.Generator) -> Vector:
        """Minus a draw of the loss of each; a limit that a draw is over costs more than any loss."""
        promise = np.zeros(len(architectures))
        for place, model in enumerate(self._models):
            if model is None:
                continue
            mean, deviation = model.predict(architectures)
            draw = mean + deviation * drawn.standard_normal(len(mean))
            promise -= draw if place == 0 else 100.0 * np.maximum(draw - self._limits[place - 1], 0.0)
        return promise
