"""Bayesian optimisation with a Gaussian process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.bayesian.beliefs import DIGITS, Beliefs, Goal
from archwright.strategies.bayesian.observations import Known, Observations
from archwright.strategies.bayesian.pool import Candidates, CandidateSource
from archwright.strategies.bayesian.targets import bounded, scalarised, standard, tamed
from archwright.strategies.randomness import random_for
from archwright.strategies.ranking import standings
from archwright.strategies.strategy import Strategy
from archwright.surrogates import Features, Hyperparameters, MixedKernel
from archwright.trials import Candidate, Trial

__all__ = ["BayesianSearch"]

Vector = NDArray[np.float64]

_REFIT = 1.35
_RENEWED = 20
_CENTRES = 10
_KEPT = 1000
_WEIGHTS = 4


@dataclass(frozen=True, slots=True)
class _Screening:
    """When the pool was chosen; from which it is chosen again.

    Args:
        draw: The ask whose random numbers the random architectures are from.
        asked: The ask at which it was chosen.
        told: How many trials had ended.
        rows: How many had been proposed or told.
    """

    draw: int
    asked: int
    told: int
    rows: int


class BayesianSearch(Strategy):
    """The architecture whose expected improvement under a Gaussian process is largest.

    The process compares architectures by `MixedKernel`: a Hamming kernel on categorical decisions, a Matérn kernel on
    numbers, each decision with a weight of its own; an inactive decision is a level of its own. Candidates are all
    architectures of a space of at most 60,000, else random ones, new ones at each fit, and the neighbours of the best.
    Hyperparameters are fitted anew each time the number of trials has grown by a third, from where they were. At a
    fit and at each new best the candidates are screened; of the 1,000 that promise most the posterior is then updated
    row by row. Trials that still run count with what is expected of them (Kriging believer, Ginsbourger et al. 2010,
    doi:10.1007/978-3-642-10701-6_6), so batches spread. A failed trial counts as the worst so far.

    Limits are constraints: expected improvement is multiplied by the probability that each is kept, under a process of
    its own (Gardner et al. 2014). Several objectives are scalarised by random weights, new ones an ask (ParEGO: Knowles
    2006, doi:10.1109/TEVC.2005.851274).

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 2.
        candidates: How many random architectures are compared where the space is too large for all, at least 1.
        graph: Whether the process compares what the networks' graphs are made of, too (`GraphCounts`; after Ru et al.
            2021, arXiv:2006.07556). It takes the graph of each candidate, a fraction of a millisecond or more.

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
        graph: bool = False,
    ) -> None:
        self.check_space(space)
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
        self._features = Features(space, graph=graph)
        self._kernel = MixedKernel(self._features.groups)
        self._asked = 0
        self._restart(Observations(space, self.objectives))

    def _restart(self, known: Observations) -> None:
        self._known = known
        self._rows = np.zeros((0, self._features.columns))
        self._beliefs = Beliefs(self._kernel, self._limits)
        self._fitted_at = 0
        self._source = CandidateSource(self.space, self._features, self.seed, self.candidates)
        self._screening: _Screening | None = None
        self._added = 0
        self._pool: Candidates | None = None
        self._gone: list[int] = []
        self._gone_rows = 0

    # The seam

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
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
        """What is known, the hyperparameters, and when the pool was chosen."""
        return {
            "asked": self._asked,
            "known": self._known.to_json(),
            "fitted_at": self._fitted_at,
            "hyperparameters": [fitted.to_json() for fitted in self._beliefs.fitted],
            "screening": self._screening and asdict(self._screening),
            "added": self._added,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            SpaceError: When the state is not of this space.
        """
        self._asked = state["asked"]
        self._restart(Observations.from_json(state["known"], self.space, self.objectives))
        self._beliefs.fitted = [Hyperparameters.from_json(fitted) for fitted in state["hyperparameters"]]
        self._fitted_at = state["fitted_at"]
        if state["screening"] is not None:
            self._screen(_Screening(**state["screening"]))
            self._add_rows(state["added"])

    # The model

    def _promising(self) -> Candidate | None:
        """The candidate that promises most; None when nothing is known yet, or there is no candidate."""
        rows, told, last = len(self._known), self._known.told, self._screening
        known = self._known.at(rows, told)
        if not known.feasible.any() and not (self._limits and bool((~np.isnan(known.losses)).any())):
            return None
        goal = self._goal(known, self._asked)
        if last is None or told >= _REFIT * self._fitted_at:
            self._update_rows()
            self._beliefs.fit(self._rows, goal)
            self._fitted_at = told
            self._screen(_Screening(self._asked, self._asked, told, rows))
        elif self._is_outdated(last, known):
            self._screen(_Screening(last.draw, self._asked, told, rows))
        else:
            self._add_rows(rows)
        pool = self._pool
        if pool is None or not pool.architectures:
            return None
        promise = np.round(self._beliefs.promise(goal), DIGITS)
        promise[self._proposed(pool)] = -np.inf
        place = int(promise.argmax())
        if promise[place] == -np.inf:
            return None
        self._known.propose(pool.architectures[place])
        source = pool.sources[place]
        parent = None if source is None else self._known.numbers[source]
        return Candidate(pool.architectures[place], parent=parent)

    def _goal(self, known: Known, ask: int) -> Goal:
        """What the processes are to learn of some rows, by the weights of an ask."""
        optimized = known.losses[:, self._optimized]
        if len(self._optimized) > 1:
            random = random_for(self.seed, ask)
            drawn = np.array([random.expovariate(1.0) for _ in self._optimized])
            loss = scalarised(optimized, drawn / drawn.sum())
        else:
            loss = optimized[:, 0].copy()
        measured = ~np.isnan(loss)
        if measured.any():
            loss[known.failed] = loss[measured].max()
        values, _, _ = standard(tamed(loss))
        incumbent = float(values[known.feasible].min()) if known.feasible.any() else None
        return Goal(values, incumbent, bounded(known.losses, self.objectives))

    def _is_outdated(self, last: _Screening, known: Known) -> bool:
        """Whether what has come since the pool was chosen may make others promise more: a new best."""
        since = [row for row in self._known.order[last.told :] if known.feasible[row]]
        if not since:
            return False
        if len(self._optimized) > 1:
            return self._known.told >= last.told + _RENEWED
        losses = np.where(known.feasible, known.losses[:, self._optimized[0]], np.inf)
        best = losses[since].min()
        losses[since] = np.inf
        return bool(best < losses.min())

    def _screen(self, screening: _Screening) -> None:
        """Choose the pool: of all candidates those that promise most, for several objectives by several weights."""
        self._update_rows()
        self._screening, self._added = screening, screening.rows
        known = self._known.at(screening.rows, screening.told)
        self._beliefs.condition(self._rows[: screening.rows])
        best = self._best(known)
        found = self._source.candidates(screening.draw, {row: self._known.architectures[row] for row in best})
        kept: dict[int, None] = dict.fromkeys(range(len(found.architectures)))
        if len(kept) > _KEPT:
            asks = _WEIGHTS if len(self._optimized) > 1 else 1
            proposed = self._places(found, 0, screening.rows)
            kept = {}
            for ask in range(screening.asked, screening.asked + asks):
                goal = self._goal(known, ask)
                kept |= dict.fromkeys(self._beliefs.screen(goal, found.rows, _KEPT // asks, proposed))
        self._pool = found.taken(list(kept), self.space)
        self._gone, self._gone_rows = [], 0
        self._beliefs.watch(self._pool.rows)

    def _best(self, known: Known) -> list[int]:
        """The best feasible rows, best first; of equals the earlier."""
        rows = np.flatnonzero(known.feasible).tolist()
        if len(self._optimized) == 1:
            losses = known.losses[rows, self._optimized[0]]
            return [rows[i] for i in np.argsort(losses, kind="stable")[:_CENTRES]]
        keys = standings([score for row in rows if (score := self._known.scores[row]) is not None])
        return [row for _, row in sorted(zip(keys, rows, strict=True))[:_CENTRES]]

    def _update_rows(self) -> None:
        fresh = self._known.architectures[len(self._rows) :]
        if fresh:
            self._rows = np.vstack([self._rows, self._source.describe(fresh)])

    def _add_rows(self, rows: int) -> None:
        """Condition on all up to so many rows."""
        self._update_rows()
        for row in range(self._added, rows):
            self._beliefs.add_row(self._rows[row : row + 1])
        self._added = max(self._added, rows)

    def _proposed(self, pool: Candidates) -> list[int]:
        """The places in the pool of what was proposed."""
        self._gone += self._places(pool, self._gone_rows, len(self._known))
        self._gone_rows = len(self._known)
        return self._gone

    def _places(self, pool: Candidates, begin: int, end: int) -> list[int]:
        found = (
            pool.places.get(self.space.canonical(architecture))
            for architecture in self._known.architectures[begin:end]
        )
        return [place for place in found if place is not None]
