"""A Gaussian process that is updated trial by trial, and the pool of candidates that it is asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.strategies.bayesian.acquisition import constrained_improvement
from archwright.strategies.bayesian.candidates import Candidates, Surroundings
from archwright.strategies.bayesian.models import ConstrainedModel
from archwright.strategies.bayesian.observations import Ask, Observations
from archwright.strategies.bayesian.targets import ScalarTargets, Targets
from archwright.surrogates import (
    MixedKernel,
    Posterior,
    Prediction,
    fit_hyperparameters,
    prior_hyperparameters,
)

__all__ = ["PooledProcess"]

Matrix = NDArray[np.float64]

_REFIT = 1.35
_STEPS = 15
_RENEWED = 20
_CENTRES = 10
_KEPT = 1000
_WEIGHTS = 4
_LOOKED_AT = 3


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


class PooledProcess(ConstrainedModel):
    """Gaussian processes that share kernel and rows, and of all candidates the 1,000 that promise most.

    Its method `candidates` is the source that belongs to it: the posterior of the pool is updated row by row, whatever
    the values of the rows are, instead of worked out anew. Hyperparameters are fitted anew each time the number of
    trials has grown by a third, from where they were. At a fit and at each new best (of several objectives: after 20
    trials) the pool is chosen again. Trials that run count with what is expected of them (Kriging believer).

    Args:
        surroundings: All candidates.
        targets: Makes the targets.
    """

    digits = 9

    def __init__(self, surroundings: Surroundings, targets: ScalarTargets) -> None:
        self._surroundings, self.make_targets = surroundings, targets
        self._kernel = MixedKernel(surroundings.features.groups)
        limits = sum(objective.limit is not None for objective in targets.objectives)
        self._restart([prior_hyperparameters(self._kernel)] * (1 + limits), 0)

    def _restart(self, fitted: list[Matrix], fitted_at: int) -> None:
        self._fitted, self._fitted_at = fitted, fitted_at
        self._rows = np.zeros((0, self._surroundings.features.columns))
        self._posteriors: list[Posterior] = []
        self._screening: _Screening | None = None
        self._pool = Candidates([], [])
        self._conditioned = self._marked = 0

    def update(self, ask: Ask) -> bool:
        """Make new targets, and fit the hyperparameters where it is due. See `ConstrainedModel.update`."""
        known, now, is_due = ask.known, ask.now, ask.known.told >= _REFIT * self._fitted_at
        if not now.feasible.any() and (len(self._fitted) == 1 or np.isnan(now.losses).all()):
            return False
        self.targets = self.make_targets(now, ask.number)
        self._describe(known)
        if is_due:
            for i, values in enumerate(self.targets.columns):
                given = ~np.isnan(values)
                if given.sum() >= 2:
                    rows, start = self._rows[given], self._fitted[i]
                    self._fitted[i] = fit_hyperparameters(
                        self._kernel, rows, values[given], start, steps=_STEPS
                    )
            self._fitted_at, self._screening = known.told, None
        return True

    def candidates(self, ask: Ask) -> Candidates:
        """The pool, with those marked that were proposed. See `CandidateSource`."""
        known, last = ask.known, self._screening
        rows, told = len(known), known.told
        if last is None:
            self._screen(known, _Screening(ask.number, ask.number, told, rows))
        elif self._is_outdated(ask, last):
            self._screen(known, replace(last, asked=ask.number, told=told, rows=rows))
        else:
            self._add_rows(rows)
        self._pool.proposed.extend(self._places(self._pool, known, self._marked, rows))
        self._marked = rows
        return self._pool

    def predict(self, candidates: Candidates) -> list[Prediction | None]:
        """The posterior of the pool. See `ConstrainedModel.predict`."""
        return self._predictions(self.targets, lambda posterior, values: posterior.predict(values))

    def state_dict(self) -> dict[str, Any]:
        """The hyperparameters, and when they were fitted and the pool was chosen."""
        return {
            "fitted_at": self._fitted_at,
            "hyperparameters": [fitted.tolist() for fitted in self._fitted],
            "screening": self._screening and asdict(self._screening),
            "added": self._conditioned,
        }

    def load_state_dict(self, state: dict[str, Any], known: Observations) -> None:
        """Choose the pool again."""
        fitted = [np.array(values, dtype=np.float64) for values in state["hyperparameters"]]
        self._restart(fitted, state["fitted_at"])
        self._describe(known)
        if state["screening"] is not None:
            self._screen(known, _Screening(**state["screening"]))
            self._add_rows(state["added"])

    def _describe(self, known: Observations) -> None:
        if fresh := known.architectures[len(self._rows) :]:
            self._rows = np.vstack([self._rows, self._surroundings.describe(fresh)])

    def _add_rows(self, rows: int) -> None:
        """Condition on all up to so many rows."""
        for row in range(self._conditioned, rows):
            for posterior in self._posteriors:
                posterior.add_row(self._rows[row : row + 1])
        self._conditioned = max(self._conditioned, rows)

    def _predictions(
        self, targets: Targets, predict: Callable[[Posterior, Matrix], Prediction]
    ) -> list[Prediction | None]:
        found: list[Prediction | None] = []
        aims: Sequence[float | None] = [targets.incumbent, *targets.limits]
        for posterior, values, aim in zip(self._posteriors, targets.columns, aims, strict=True):
            is_known = aim is not None and not np.isnan(values).all()
            found.append(predict(posterior, posterior.impute_pending(values)) if is_known else None)
        return found

    def _is_outdated(self, ask: Ask, last: _Screening) -> bool:
        """True if a new incumbent arrived since the last screening; for several objectives, 20 trials."""
        since = [row for row in ask.known.order[last.told :] if ask.now.feasible[row]]
        if not since or len(self.make_targets.optimized) > 1:
            return bool(since) and ask.known.told >= last.told + _RENEWED
        losses = np.where(ask.now.feasible, ask.now.losses[:, self.make_targets.optimized[0]], np.inf)
        best = losses[since].min()
        losses[since] = np.inf
        return bool(best < losses.min())

    def _screen(self, known: Observations, screening: _Screening) -> None:
        """Choose the pool; for several objectives by several weights."""
        self._screening, self._conditioned, self._marked = screening, screening.rows, 0
        rows = self._rows[: screening.rows]
        self._posteriors = [Posterior(self._kernel, fitted, rows) for fitted in self._fitted]
        then = known.snapshot(screening.rows, screening.told)
        best = known.best(then.feasible, _CENTRES, screening.told)
        found = self._surroundings.of(screening.draw, {row: known.architectures[row] for row in best})
        kept: dict[int, None] = dict.fromkeys(range(len(found)))
        if len(found) > _KEPT:
            asks = _WEIGHTS if len(self.make_targets.optimized) > 1 else 1
            proposed = self._places(found, known, 0, screening.rows)
            kept = {}
            for ask in range(screening.asked, screening.asked + asks):
                targets = self.make_targets(then, ask)
                kept |= dict.fromkeys(self._most_promising(targets, found, _KEPT // asks, proposed))
        self._pool = found.taken(list(kept), known.space)
        for posterior in self._posteriors:
            posterior.set_pool(self._pool.rows)

    def _most_promising(
        self, targets: Targets, found: Candidates, kept: int, left_out: list[int]
    ) -> list[int]:
        """The places of the candidates with the largest expected improvement, best first.

        Of all it is bounded in single precision; of several times as many as are kept it is worked out.
        """
        single, count = found.rows.astype(np.float32), len(found)
        bounds = self._predictions(targets, lambda one, values: one.optimistic_bound(values, single))
        most = constrained_improvement(bounds, targets, count, optimistic=True)
        most[left_out] = -np.inf
        likely = np.argpartition(-most, min(_LOOKED_AT * kept, count - 1))[: _LOOKED_AT * kept]
        likely = np.sort(likely[most[likely] > -np.inf])
        exact = self._predictions(targets, lambda one, values: one.predict_at(values, found.rows[likely]))
        value = np.round(constrained_improvement(exact, targets, len(likely)), self.digits)
        best: list[int] = likely[np.argsort(-value, kind="stable")[:kept]].tolist()
        return best

    def _places(self, pool: Candidates, known: Observations, begin: int, end: int) -> list[int]:
        found = (pool.places.get(known.space.canonical(made)) for made in known.architectures[begin:end])
        return [place for place in found if place is not None]
