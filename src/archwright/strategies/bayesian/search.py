"""Bayesian optimisation with a Gaussian process."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import Architecture, Space
from archwright.strategies.bayesian.acquisition import log_expected_improvement, log_probability_below
from archwright.strategies.bayesian.observations import Observations
from archwright.strategies.bayesian.pool import Origin, around, at_random
from archwright.strategies.bayesian.posterior import Posterior
from archwright.strategies.bayesian.targets import bounded, scalarised, standard, tamed
from archwright.strategies.randomness import random_for
from archwright.strategies.ranking import standings
from archwright.strategies.strategy import Strategy
from archwright.surrogates import Features, Hyperparameters, MixedKernel, fit_hyperparameters
from archwright.trials import Candidate, Trial

__all__ = ["BayesianSearch"]

Vector = NDArray[np.float64]

_REFIT = 1.35
_CENTRES = 5
_KEPT_CENTRES = 15
_DIGITS = 9  # beyond which two promises are equal, so that rounding errors decide nothing


class BayesianSearch(Strategy):
    """The architecture whose expected improvement under a Gaussian process is largest.

    The process compares architectures by `MixedKernel`: a Hamming kernel on categorical decisions, a Matérn kernel on
    numbers, each decision with a weight of its own; an inactive decision is a level of its own. Candidates are random
    architectures and the neighbours of the best. Hyperparameters are fitted anew each time the number of trials has
    grown by a third, from where they were; in between the posterior is updated row by row. Trials that still run count
    with what is expected of them (Kriging believer, Ginsbourger et al. 2010, doi:10.1007/978-3-642-10701-6_6), so
    batches spread. A failed trial counts as the worst so far.

    Limits are constraints: expected improvement is multiplied by the probability that each is kept, under a process of
    its own (Gardner et al. 2014). Several objectives are scalarised by random weights, new ones an ask (ParEGO: Knowles
    2006, doi:10.1109/TEVC.2005.851274).

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 2.
        candidates: How many random architectures are compared, at least 1.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        initial: int = 10,
        candidates: int = 1000,
    ) -> None:
        if initial < 2 or candidates < 1:
            raise UsageError(
                f"bayesian: expected initial >= 2 and candidates >= 1, got {initial} and {candidates}"
            )
        if not any(objective.optimize for objective in objectives):
            raise UsageError("bayesian: expected an objective to optimise, got limits alone; add one")
        self.space, self.objectives, self.seed = space, tuple(objectives), seed
        self.initial, self.candidates = initial, candidates
        self._optimized = [i for i, objective in enumerate(objectives) if objective.optimize]
        self._limits = sum(objective.limit is not None for objective in objectives)
        self._features = Features(space)
        self._kernel = MixedKernel(self._features.groups)
        self._asked = 0
        self._restart(Observations(space, self.objectives))

    def _restart(self, known: Observations) -> None:
        self._known = known
        self._rows = np.zeros((0, self._features.columns))
        self._fitted_at = 0
        self._fitted: list[Hyperparameters] = []
        self._conditioned = 0
        self._origins: list[Origin] = []
        self._blocks: dict[Origin, tuple[list[Architecture], Vector]] = {}
        self._pool: list[Architecture] = []
        self._sources: list[Origin] = []
        self._places: dict[Hashable, int] = {}
        self._gone: list[int] = []
        self._gone_rows = 0
        self._posteriors: list[Posterior] = []
        self._steps: list[tuple[str, int]] = []

    # The seam

    def ask(self) -> Candidate:
        """The most promising candidate, or one of the first random architectures. See `Strategy.ask`."""
        candidate = self._promising() if self._asked >= self.initial else None
        if candidate is None:
            architecture = self._known.seen.draw(random_for(self.seed, self._asked))
            self._known.note(architecture)
            candidate = Candidate(architecture)
        self._asked += 1
        return candidate

    def tell(self, trial: Trial) -> None:
        """Learn from the trial."""
        self._known.tell(trial)

    def state_dict(self) -> dict[str, Any]:
        """What is known, the hyperparameters, and what the posterior was put together from since they were fitted."""
        return {
            "asked": self._asked,
            "known": self._known.to_json(),
            "fitted_at": self._fitted_at,
            "hyperparameters": [fitted.to_json() for fitted in self._fitted],
            "conditioned": self._conditioned,
            "origins": [[origin.draw, origin.row] for origin in self._origins],
            "steps": [list(step) for step in self._steps],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            SpaceError: When the state is not of this space.
        """
        self._asked = state["asked"]
        self._restart(Observations.from_json(state["known"], self.space, self.objectives))
        self._fitted = [Hyperparameters.from_json(fitted) for fitted in state["hyperparameters"]]
        self._fitted_at = state["fitted_at"]
        if not self._fitted:
            return
        origins = [Origin(*origin) for origin in state["origins"]]
        grown = sum(kind == "pool" for kind, _ in state["steps"])
        self._condition(state["conditioned"], origins[: len(origins) - grown])
        later = iter(origins[len(origins) - grown :])
        for kind, row in state["steps"]:
            if kind == "row":
                self._add_row(row)
            else:
                self._add_pool(next(later))

    # The model

    def _promising(self) -> Candidate | None:
        """The candidate that promises most; None when nothing is known yet, or there is no candidate."""
        losses = self._known.losses()
        feasible = self._known.feasible()
        if not feasible.any() and not (self._limits and bool((~np.isnan(losses)).any())):
            return None
        targets = self._targets(losses)
        known = self._known.told
        if not self._fitted or known >= _REFIT * self._fitted_at:
            self._fit(targets, known)
        else:
            for row in range(self._conditioned + self._rows_added(), len(self._known)):
                self._add_row(row)
            if feasible.any():
                best = self._best(1)[0]
                if all(origin.row != best for origin in self._origins):
                    self._add_pool(Origin(self._asked, best))
        if not self._pool:
            return None
        promise = np.round(self._promise(targets, losses, feasible), _DIGITS)
        for _ in range(len(self._pool)):
            place = int(promise.argmax())
            if promise[place] == -np.inf:
                return None
            architecture = self._pool[place]
            if self._known.propose(architecture):
                centre = self._sources[place].row
                return Candidate(architecture, parent=None if centre is None else self._known.numbers[centre])
            promise[place] = -np.inf
        return None

    def _rows_added(self) -> int:
        return sum(kind == "row" for kind, _ in self._steps)

    def _targets(self, losses: Vector) -> list[Vector]:
        """The values of each process: the loss, then what the limits are on; NaN where they are not known."""
        optimized = losses[:, self._optimized]
        if len(self._optimized) > 1:
            random = random_for(self.seed, self._asked)
            drawn = np.array([random.expovariate(1.0) for _ in self._optimized])
            loss = scalarised(optimized, drawn / drawn.sum())
        else:
            loss = optimized[:, 0].copy()
        known = ~np.isnan(loss)
        if known.any():
            loss[self._known.failed()] = loss[known].max()
        value, _, _ = standard(tamed(loss))
        return [value, *(bound.values for bound in bounded(losses, self.objectives))]

    def _fit(self, targets: list[Vector], known: int) -> None:
        """Fit the hyperparameters to what is known and choose the pool anew."""
        self._update_rows()
        if not self._fitted:
            self._fitted = [Hyperparameters.prior(self._kernel)] * len(targets)
        fitted = []
        for values, start in zip(targets, self._fitted, strict=True):
            given = ~np.isnan(values)
            enough = given.sum() >= 2
            fitted.append(
                fit_hyperparameters(self._kernel, self._rows[given], values[given], start, steps=15)
                if enough
                else start
            )
        self._fitted, self._fitted_at = fitted, known
        around_best = set(self._best(_KEPT_CENTRES))
        kept = [origin for origin in self._origins if origin.row in around_best]
        origins = [Origin(self._asked), *kept]
        for row in self._best(_CENTRES):
            if all(origin.row != row for origin in origins):
                origins.append(Origin(self._asked, row))
        self._condition(len(self._known), origins)

    def _best(self, count: int) -> list[int]:
        """The best feasible rows, best first; of equals the earlier."""
        rows = np.flatnonzero(self._known.feasible()).tolist()
        if len(self._optimized) == 1:
            losses = self._known.losses()[rows, self._optimized[0]]
            order = np.argsort(losses, kind="stable")[:count] if count > 1 else [losses.argmin()]
            return [rows[i] for i in order]
        keys = standings([score for row in rows if (score := self._known.scores[row]) is not None])
        return [row for _, row in sorted(zip(keys, rows, strict=True))[:count]]

    def _update_rows(self) -> None:
        fresh = self._known.architectures[len(self._rows) :]
        if fresh:
            self._rows = np.vstack([self._rows, self._features(fresh)])

    def _condition(self, rows: int, origins: list[Origin]) -> None:
        """Posteriors of the first rows, over the pool that the origins make."""
        self._update_rows()
        self._origins, self._steps, self._conditioned = [], [], rows
        self._pool, self._sources, self._places = [], [], {}
        self._gone, self._gone_rows = [], 0
        self._blocks = {origin: block for origin, block in self._blocks.items() if origin in origins}
        fresh = [self._extend(origin) for origin in origins]
        pool = np.vstack(fresh)
        self._posteriors = [
            Posterior(self._kernel, fitted, self._rows[:rows], pool) for fitted in self._fitted
        ]

    def _extend(self, origin: Origin) -> Vector:
        """The pool with what comes from an origin; the features of what was new."""
        if origin not in self._blocks:
            if origin.row is None:
                made = at_random(self.space, self.seed, origin, self.candidates)
            else:
                made = around(self.space, self.seed, origin, self._known.architectures[origin.row])
            self._blocks[origin] = made, self._features(made)
        self._origins.append(origin)
        architectures, features = self._blocks[origin]
        fresh = []
        for i, architecture in enumerate(architectures):
            canonical = self.space.canonical(architecture)
            if canonical not in self._places:
                self._places[canonical] = len(self._pool)
                self._pool.append(architecture)
                self._sources.append(origin)
                fresh.append(i)
        return features[fresh]

    def _add_pool(self, origin: Origin) -> None:
        features = self._extend(origin)
        self._steps.append(("pool", 0))
        if len(features):
            for posterior in self._posteriors:
                posterior.add_pool(features)

    def _add_row(self, row: int) -> None:
        self._update_rows()
        self._steps.append(("row", row))
        for posterior in self._posteriors:
            posterior.add_row(self._rows[row : row + 1])

    def _promise(self, targets: list[Vector], losses: Vector, feasible: NDArray[np.bool_]) -> Vector:
        """The logarithm of the constrained expected improvement of each of the pool; -inf where it is known."""
        promise = np.zeros(len(self._pool))
        for architecture in self._known.architectures[self._gone_rows :]:
            place = self._places.get(self.space.canonical(architecture))
            if place is not None:
                self._gone.append(place)
        self._gone_rows = len(self._known)
        promise[self._gone] = -np.inf
        if feasible.any():
            values = self._posteriors[0].believed(targets[0])
            mean, deviation = self._posteriors[0].predict(values)
            promise += log_expected_improvement(mean, deviation, float(targets[0][feasible].min()))
        for posterior, bound in zip(self._posteriors[1:], bounded(losses, self.objectives), strict=True):
            if not np.isnan(bound.values).all():
                mean, deviation = posterior.predict(posterior.believed(bound.values))
                promise += log_probability_below(mean, deviation, bound.limit)
        return promise
