"""Where the trials of a stage come from, and when there are enough of them."""

from __future__ import annotations

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from archwright.durations import count_of, duration
from archwright.errors import SearchError, SpaceExhaustedError
from archwright.experiments.budget import Budget
from archwright.experiments.replay import Replay
from archwright.objectives import Objective, best_trial
from archwright.trials import Fidelity, Trial, TrialState

__all__ = ["Listed", "Search", "Source", "begun_again", "spent_seconds"]

_ALL_FAILED = 20
_ALL_INFEASIBLE = 2_000
_PATIENCE, _LEAST_INFEASIBLE = 600.0, 200
"""Seconds after which fewer candidates in a row, but so many, that were over a limit end a search."""


class Source:
    """Where a stage's trials come from.

    Args:
        objectives: What decides which is best; empty where they cannot be compared.

    Attributes:
        best: The best trial so far, by the rule of `best_trial`.
        is_shared: Whether other processes take trials from it, too.
    """

    is_shared: bool = False

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self.objectives = tuple(objectives)
        self.best: Trial | None = None

    def next(self) -> Trial | None:
        """The next trial to start, None when there is none now."""
        raise NotImplementedError

    def take(self, start: Callable[[Trial], Trial]) -> Trial | None:
        """The next trial, started by `start`, which gives it with its time; None when there is none now."""
        waiting = self.next()
        return None if waiting is None else start(waiting)

    def heard(self) -> list[Trial]:
        """How the trials of other processes stand that have changed since the last call."""
        return []

    def given_up(self, number: int) -> None:
        """A trial of this process was given to another one."""

    def waits(self) -> bool:
        """Whether more trials may come though none runs here; waits a moment if so."""
        return False

    def done(self, trial: Trial) -> None:
        """A trial ended."""
        if trial.is_measured and self.objectives:
            rivals = [trial] if self.best is None else [self.best, trial]
            self.best = best_trial(rivals, self.objectives) or self.best


class Listed(Source):
    """Given trials, one after another."""

    def __init__(self, objectives: Sequence[Objective], trials: Iterable[Trial]) -> None:
        super().__init__(objectives)
        self.trials = iter(trials)

    def next(self) -> Trial | None:
        """The next of them."""
        return next(self.trials, None)


class Search(Source):
    """The trials of a search: first those that were running when an earlier session ended, then the strategy's."""

    def __init__(
        self,
        objectives: Sequence[Objective],
        replay: Replay,
        budget: Budget,
        fidelity: Fidelity,
        trials: list[Trial],
        spent: float,
    ) -> None:
        super().__init__(objectives)
        self.replay, self.budget, self.fidelity = replay, budget, fidelity
        self.number = len(trials)
        self.running = {t.number: t for t in trials if t.state is TrialState.RUNNING}
        self.again = deque(begun_again(t) for t in self.running.values())
        uncounted = (TrialState.RUNNING, TrialState.INFEASIBLE)
        self.counted = sum(t.state not in uncounted and t.candidate.is_new for t in trials)
        self.measured = sum(t.is_measured for t in trials)
        self.infeasible_in_a_row = 0
        self.closest: dict[str, float] = {}
        self.feasible_at = time.monotonic()
        self.spent, self.began = spent, time.monotonic()
        self.reason: str | None = None
        for trial in trials:
            super().done(trial)
        self._check()

    def seconds(self) -> float:
        """Seconds of search over all sessions."""
        return self.spent + time.monotonic() - self.began

    def is_over(self) -> bool:
        """Whether the time is over."""
        minutes = self.budget.minutes
        return minutes is not None and self.seconds() >= 60 * minutes

    def next(self) -> Trial | None:
        """The next trial; of the strategy's once the budget is spent only what continues others."""
        if self.again:
            return self.again.popleft()
        self._check()
        begun = self.counted + sum(trial.candidate.is_new for trial in self.running.values())
        is_spent = self.budget.trials is not None and begun >= self.budget.trials
        if self.reason is not None or (is_spent and not self.replay.strategy.inherits):
            return None
        if self.running and self.is_over():
            return None  # these may turn out to be over a limit: then another one is tried
        if self.budget.trials is not None and self.counted >= self.budget.trials:
            self.replay.finish()
        else:
            self.replay.reopen()
        try:
            running = [trial.candidate for trial in self.running.values()]
            candidate = self.replay.ask(running, may_be_new=not is_spent)
        except SpaceExhaustedError as error:
            self.reason = str(error)
            return None
        if candidate is None:
            if self.running:
                return None
            if is_spent:
                self.reason = self._trials()
                return None
            raise SearchError(
                "the strategy proposed nothing while no trial was running, so the search cannot go on; a strategy "
                "returns None only to wait for a running trial, and raises SpaceExhaustedError at its end"
            )
        if candidate.inherit != "nothing" and not self.replay.strategy.inherits:
            raise SearchError(
                f"the strategy proposed a candidate with inherit={candidate.inherit!r}, but its attribute `inherits` "
                "is False, so no checkpoints are kept for it; set it to True"
            )
        if candidate.fidelity is None:
            candidate = replace(candidate, fidelity=self.fidelity)
        trial = Trial(self.number, candidate)
        self.running[trial.number] = trial
        self.number += 1
        return trial

    def done(self, trial: Trial) -> None:
        """Tell the strategy, and count."""
        del self.running[trial.number]
        self.replay.tell(trial)
        self._count(trial)
        self._check()

    def _count(self, trial: Trial) -> None:
        if trial.state is TrialState.INFEASIBLE:
            self.infeasible_in_a_row += 1
            self._note_closest(trial)
        else:
            self.counted += trial.candidate.is_new
            self.infeasible_in_a_row = 0
            self.feasible_at = time.monotonic()
            self.measured += trial.is_measured
        super().done(trial)

    def _check(self) -> None:
        """Set the reason to stop, if there is one."""
        budget, first, best = self.budget, self.objectives[0], self.best
        if self.reason is not None:
            return
        may_continue = self.replay.strategy.inherits
        if budget.trials is not None and self.counted >= budget.trials and not may_continue:
            self.reason = self._trials()
        elif budget.minutes is not None and self.is_over() and self.counted:
            # One is tried whatever the clock says.
            self.reason = f"its time, {duration(60 * budget.minutes)}"
        elif (
            budget.target is not None
            and best is not None
            and first.loss(best.metrics[first.name]) <= first.loss(budget.target)
        ):
            self.reason = f"the target {first.name} {budget.target:g} was reached"
        elif self.measured == 0 and self.counted >= _ALL_FAILED:
            self.reason = f"the first {self.counted} trials all failed"
        elif self._are_all_infeasible():
            self.reason = (
                f"{self.infeasible_in_a_row:,} candidates in a row were over a limit{self._told_closest()}; loosen it, "
                "or shrink the space"
            )

    def _are_all_infeasible(self) -> bool:
        """Whether so many candidates in a row were over a limit that none is hoped for any more."""
        minutes = self.budget.minutes
        patience = _PATIENCE if minutes is None else min(_PATIENCE, 60 * minutes)
        is_long = time.monotonic() - self.feasible_at >= patience
        return self.infeasible_in_a_row >= (_LEAST_INFEASIBLE if is_long else _ALL_INFEASIBLE)

    def why_none(self, trials: Sequence[Trial]) -> str:
        """What kept trials from being completed, where the reason of the end does not say it; to end a sentence."""
        if trials and all(trial.state is TrialState.INFEASIBLE for trial in trials):
            if "over a limit" in (self.reason or ""):
                return ""
            return f"; all of them were over a limit{self._told_closest()}: loosen it"
        errors = Counter(trial.error for trial in trials if trial.error)
        if not errors:
            return ""
        (error, times) = errors.most_common(1)[0]
        return f"; {times} failed with: {error}"

    def _note_closest(self, trial: Trial) -> None:
        """Note what came closest to each limit that it is over."""
        for one in self.objectives:
            value = trial.metrics.get(one.name)
            if value is not None and one.violation(value):
                before = self.closest.get(one.name, value)
                self.closest[one.name] = min(before, value, key=one.violation)

    def _told_closest(self) -> str:
        limits = {one.name: one.limit_text for one in self.objectives if one.limit is not None}
        told = [
            f"{limits[name]} was asked for, {value:g} came closest" for name, value in self.closest.items()
        ]
        return f" ({'; '.join(told)})" if told else ""

    def _trials(self) -> str:
        return count_of(self.budget.trials or 0, "trial")


def begun_again(trial: Trial) -> Trial:
    """The next attempt at a trial whose process was lost, or that failed for what may have passed."""
    attempt = trial.attempt + 1
    return replace(
        trial, state=TrialState.RUNNING, measurement=None, error=None, finished=None, attempt=attempt
    )


def spent_seconds(sessions: Sequence[float], trials: Sequence[Trial]) -> float:
    """Seconds that earlier sessions of a search took: each from its start to the last transition in it.

    Args:
        sessions: Unix times at which the sessions began, the present one last.
        trials: All trials of the search.
    """
    moments = [t.started for t in trials] + [t.finished for t in trials if t.finished is not None]
    total = 0.0
    for begin, end in itertools.pairwise(sessions):
        total += max((m - begin for m in moments if begin <= m < end), default=0.0)
    return total
