"""The loop that joins a strategy and an estimator, and loses nothing."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from archwright.errors import SearchError, SpaceExhaustedError
from archwright.experiments.budget import Budget
from archwright.experiments.executors import Ended, Executor, Failure
from archwright.experiments.jobs import Job, Outcome
from archwright.experiments.listener import Listener
from archwright.experiments.replay import Replay
from archwright.experiments.store import Stage, Store
from archwright.objectives import Objective, best_trial
from archwright.strategies.strategy import Strategy
from archwright.trials import FULL, Candidate, Fidelity, Trial, TrialState

__all__ = ["Experiment", "Interrupts"]

_ALL_FAILED = 20
_ALL_INFEASIBLE = 2_000


class Interrupts:
    """Ctrl-C: the first asks to stop after the running trials, the second stops at once.

    Attributes:
        asked: Whether the first has come.
    """

    def __init__(self) -> None:
        self.asked = False
        self.listener = Listener()

    @contextmanager
    def watched(self, listener: Listener) -> Iterator[None]:
        """Catch the signals while the block runs; outside the main thread nothing is caught."""
        self.listener = listener
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self.listener.said("stopping after the running trials; Ctrl-C again stops at once")


class Experiment:
    """Runs trials: asks, starts, waits, notes, tells. Everything it knows is in the store.

    Args:
        store: Locked by the caller.
        executor: Open; runs the jobs of all stages.
        objectives: The first is what the budget's target and "best" refer to.
        listener: Is told of every step.
        interrupts: Says when to stop early.
    """

    def __init__(
        self,
        *,
        store: Store,
        executor: Executor[Job, Outcome],
        objectives: Sequence[Objective],
        listener: Listener | None = None,
        interrupts: Interrupts | None = None,
    ) -> None:
        self.store, self.executor, self.objectives = store, executor, tuple(objectives)
        self.listener = listener or Listener()
        self.interrupts = interrupts or Interrupts()
        self._best: dict[Stage, Trial] = {}

    def search(self, strategy: Strategy, budget: Budget, fidelity: Fidelity = FULL) -> str | None:
        """Search, or go on with a search, until the budget is spent or the space is.

        Args:
            strategy: As it was made: what an earlier session asked and told it is replayed.
            budget: When to stop.
            fidelity: For candidates that ask for none of their own.

        Returns:
            Why it ended, in words; None when it was interrupted, and can go on.

        Raises:
            SearchError: When every trial fails, or no candidate keeps the limits.
        """
        replay = Replay(strategy, self.store)
        trials = replay.restore()
        for text in replay.messages:
            self._say(text)
        if reason := self.store.get("search_ended"):
            return str(reason)
        sessions = [*self.store.get("sessions", []), time.time()]
        self.store.put("sessions", sessions)
        loop = _Search(self, replay, budget, fidelity, trials, spent_seconds(sessions, trials))
        minutes = None if budget.minutes is None else max(0.0, budget.minutes - loop.seconds() / 60)
        self.listener.stage_started(Stage.SEARCH, budget.trials, loop.counted, minutes)
        self._run(Stage.SEARCH, loop)
        self.listener.stage_finished(Stage.SEARCH)
        if loop.reason is None:
            return None
        if not any(trial.state is TrialState.COMPLETED for trial in self.store.trials()):
            self.store.put("search_failed", loop.reason)
            raise SearchError(f"no trial was completed: {loop.reason}{_why_none(self.store.trials())}")
        self.store.put("search_ended", loop.reason)
        self._say(f"search ended: {loop.reason}")
        return loop.reason

    def run_all(self, stage: Stage, candidates: Mapping[int, Candidate]) -> list[Trial]:
        """Run the given candidates as trials of a stage, under the given numbers; those that ended are kept.

        Returns:
            Those of them that ended; fewer than the candidates when interrupted.
        """
        ended = {t.number for t in self.store.trials(stage) if t.state is not TrialState.RUNNING}
        self.listener.stage_started(stage, len(candidates), len(ended & candidates.keys()))
        self._run(stage, _Listed(Trial(n, c) for n, c in candidates.items() if n not in ended))
        self.listener.stage_finished(stage)
        trials = self.store.trials(stage)
        return [t for t in trials if t.number in candidates and t.state is not TrialState.RUNNING]

    def _run(self, stage: Stage, source: _Source) -> None:
        running: dict[int, Trial] = {}
        while True:
            while len(running) < self.executor.slots and not self.interrupts.asked:
                waiting = source.next()
                if waiting is None:
                    break
                trial = replace(waiting, started=time.time())
                self.store.start(trial, stage)
                running[trial.number] = trial
                self.listener.trial_started(stage, trial)
                self.executor.submit(Job(stage, trial.number, trial.candidate))
            if not running:
                return
            for outcome in map(_outcome, self.executor.wait(0.5)):
                trial = self._ended(running.pop(outcome.job.number), outcome)
                self.store.finish(trial, stage)
                source.done(trial)
                self._note_best(stage, trial)
                self.listener.trial_finished(stage, trial, self._best.get(stage))
                if outcome.trace is not None:
                    self._say(f"{stage} trial {trial.number} failed with\n{outcome.trace.rstrip()}")

    def _ended(self, trial: Trial, outcome: Outcome) -> Trial:
        return replace(
            trial,
            state=outcome.state,
            measurement=outcome.measurement,
            error=outcome.error,
            finished=time.time(),
        )

    def _note_best(self, stage: Stage, trial: Trial) -> None:
        if trial.state is TrialState.COMPLETED:
            rivals = [self._best[stage], trial] if stage in self._best else [trial]
            best = best_trial(rivals, self.objectives)
            if best is not None:
                self._best[stage] = best

    def _say(self, text: str) -> None:
        self.store.say(text)
        self.listener.said(text)


class _Source:
    """Where a stage's trials come from."""

    def next(self) -> Trial | None:
        """The next trial to start, None when there is none now."""
        raise NotImplementedError

    def done(self, trial: Trial) -> None:
        """A trial ended."""


class _Listed(_Source):
    def __init__(self, trials: Iterable[Trial]) -> None:
        self.trials = iter(trials)

    def next(self) -> Trial | None:
        return next(self.trials, None)


class _Search(_Source):
    """The trials of a search: first those that were running when an earlier session ended, then the strategy's."""

    def __init__(
        self,
        experiment: Experiment,
        replay: Replay,
        budget: Budget,
        fidelity: Fidelity,
        trials: list[Trial],
        spent: float,
    ) -> None:
        self.experiment, self.replay, self.budget, self.fidelity = experiment, replay, budget, fidelity
        self.number = len(trials)
        self.running = {t.number: t for t in trials if t.state is TrialState.RUNNING}
        self.again = deque(t for t in trials if t.state is TrialState.RUNNING)
        self.counted = sum(t.state in (TrialState.COMPLETED, TrialState.FAILED) for t in trials)
        self.completed = sum(t.state is TrialState.COMPLETED for t in trials)
        self.started = self.counted + len(self.again)
        self.infeasible_in_a_row = 0
        self.spent, self.began = spent, time.monotonic()
        self.reason: str | None = None
        for trial in trials:
            experiment._note_best(Stage.SEARCH, trial)
        self._check()

    def seconds(self) -> float:
        """Seconds of search over all sessions."""
        return self.spent + time.monotonic() - self.began

    def next(self) -> Trial | None:
        if self.again:
            return self.again.popleft()
        self._check()
        if self.reason is not None or (self.budget.trials is not None and self.started >= self.budget.trials):
            return None
        try:
            candidate = self.replay.ask([trial.candidate for trial in self.running.values()])
        except SpaceExhaustedError as error:
            self.reason = str(error)
            return None
        if candidate is None:
            if self.running:
                return None
            raise SearchError(
                "the strategy proposed nothing while no trial was running, so the search cannot go on; a strategy "
                "returns None only to wait for a running trial, and raises SpaceExhaustedError at its end"
            )
        if candidate.fidelity is None:
            candidate = replace(candidate, fidelity=self.fidelity)
        trial = Trial(self.number, candidate)
        self.running[trial.number] = trial
        self.number += 1
        self.started += 1
        return trial

    def done(self, trial: Trial) -> None:
        del self.running[trial.number]
        self.replay.tell(trial)
        if trial.state is TrialState.INFEASIBLE:
            self.started -= 1
            self.infeasible_in_a_row += 1
        else:
            self.counted += 1
            self.infeasible_in_a_row = 0
            self.completed += trial.state is TrialState.COMPLETED
        self._check()

    def _check(self) -> None:
        """Set the reason to stop, if there is one."""
        budget, first = self.budget, self.experiment.objectives[0]
        if self.reason is not None:
            return
        best = self.experiment._best.get(Stage.SEARCH)
        if budget.trials is not None and self.counted >= budget.trials:
            self.reason = f"{budget.trials} trial{'s' * (budget.trials != 1)}"
        elif budget.minutes is not None and self.seconds() >= budget.minutes * 60:
            self.reason = f"{budget.minutes:g} minute{'s' * (budget.minutes != 1)}"
        elif (
            budget.target is not None
            and best is not None
            and first.loss(best.metrics[first.name]) <= first.loss(budget.target)
        ):
            self.reason = f"the target {first.name} {budget.target:g} was reached"
        elif self.completed == 0 and self.counted >= _ALL_FAILED:
            self.reason = f"the first {self.counted} trials all failed"
        elif self.infeasible_in_a_row >= _ALL_INFEASIBLE:
            self.reason = (
                f"{_ALL_INFEASIBLE:,} candidates in a row were over a limit; loosen it, or shrink the space"
            )


def _outcome(ended: Ended[Job, Outcome]) -> Outcome:
    """How a trial ended; without a result it has failed."""
    if ended.result is not None:
        return ended.result
    failure = ended.failure or Failure("it gave no result")
    return Outcome(ended.job, TrialState.FAILED, error=failure.error, trace=failure.trace)


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


def _why_none(trials: Sequence[Trial]) -> str:
    """What kept trials from being completed, to end a sentence with."""
    if trials and all(trial.state is TrialState.INFEASIBLE for trial in trials):
        return "; all of them were over a limit: loosen it"
    errors = Counter(trial.error for trial in trials if trial.error)
    if not errors:
        return ""
    (error, times) = errors.most_common(1)[0]
    return f"; {times} failed with: {error}"
