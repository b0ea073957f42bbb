"""The loop that joins a strategy and an estimator, and loses nothing."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence

from archwright.errors import SearchError
from archwright.experiments.budget import Budget
from archwright.experiments.conversations import Conversations
from archwright.experiments.executors import Executor
from archwright.experiments.expense import Expense, ExpenseWatch
from archwright.experiments.interrupts import Interrupts
from archwright.experiments.jobs import DiskFull, Job, JobResult, Message, Printed
from archwright.experiments.listener import Listener
from archwright.experiments.memory import MemoryWatch
from archwright.experiments.records import decode, encode
from archwright.experiments.replay import Replay
from archwright.experiments.sharing import SharedSearch
from archwright.experiments.sources import Listed, Search, Source, begun_again, spent_seconds
from archwright.experiments.stage_loop import StageLoop
from archwright.experiments.store import SharedStore, Stage, Store, TurnLostError
from archwright.experiments.store.checkpoints import CheckpointFolder
from archwright.objectives import Objective
from archwright.strategies.pruners import NeverPruner, Pruner
from archwright.strategies.strategy import Strategy
from archwright.trials import FULL, Candidate, Fidelity, Trial, TrialState, Verdict

__all__ = ["Experiment"]


class Experiment:
    """Runs trials: asks, starts, waits, answers, notes, tells. Everything it knows is in the store.

    Open the executor with `answer` as its handle.

    Args:
        store: Locked by the caller.
        executor: Open; runs the jobs of all stages.
        objectives: The first is what the budget's target and "best" refer to.
        searched: The same of the search; None where they are the same.
        listener: Is told of every step.
        interrupts: Says when to stop early.
        pruner: Says which trials of the search to stop early; None lets all of them go on.
        checkpoints: Where trials save their states; without it they cannot.
    """

    def __init__(
        self,
        *,
        store: Store,
        executor: Executor[Job, JobResult],
        objectives: Sequence[Objective],
        searched: Sequence[Objective] | None = None,
        listener: Listener | None = None,
        interrupts: Interrupts | None = None,
        pruner: Pruner | None = None,
        checkpoints: CheckpointFolder | None = None,
    ) -> None:
        self.store, self.executor, self.objectives = store, executor, tuple(objectives)
        self.searched = self.objectives if searched is None else tuple(searched)
        self.listener = listener or Listener()
        self.interrupts = interrupts or Interrupts()
        self.pruner = pruner or NeverPruner()
        self.checkpoints = checkpoints
        self._began: float | None = None
        self._conversations: Conversations | None = None
        self._memory = MemoryWatch(store.get("memory"))
        self._expense = ExpenseWatch(decode(Expense, store.get("expense", {}), "expense"))
        meters = [objective.load_meter() for objective in (*self.objectives, *self.searched)]
        self.is_exclusive = any(meter is not None and meter.exclusive for meter in meters)

    def begin(self, began: float) -> None:
        """Note that a session of the run began before its search, which all that it takes from then on counts for.

        Args:
            began: Unix time.
        """
        self._began = began
        self.store.set_fact("sessions", [*self.store.get("sessions", []), began])

    def earlier_seconds(self) -> float:
        """Seconds that all stages took in earlier sessions."""
        trials = [trial for stage in Stage for trial in self.store.trials(stage)]
        sessions = self.store.get("sessions", [])
        return spent_seconds(sessions if self._began else [*sessions, math.inf], trials)

    def search(self, strategy: Strategy, budget: Budget, fidelity: Fidelity = FULL) -> str | None:
        """Search, or go on with a search, until the budget is spent or the space is.

        Args:
            strategy: As it was made: what an earlier session asked and told it is replayed.
            budget: When to stop.
            fidelity: For candidates that leave theirs open.

        Returns:
            Why it ended, in words; None when it was interrupted, and can go on.

        Raises:
            SearchError: When every trial fails, no candidate keeps the limits, or the strategy proposes nothing while
                nothing runs.
        """
        if isinstance(self.store, SharedStore) and self.store.worker is not None:
            if reason := self.store.get("search_ended"):
                return str(reason)
            loop: Search = SharedSearch(self.searched, strategy, self.store, fidelity)
        else:
            replay = Replay(strategy, self.store)
            trials = replay.restore()
            for text in replay.messages:
                self.say(text)
            if reason := self.store.get("search_ended"):
                return str(reason)
            loop = Search(self.searched, replay, budget, fidelity, trials, self._spent(trials))
        minutes = None if budget.minutes is None else max(0.0, budget.minutes - loop.seconds() / 60)
        self.listener.stage_started(Stage.SEARCH, budget.trials, loop.counted, minutes)
        try:
            self._run(Stage.SEARCH, loop, strategy, loop.is_over)
        finally:
            self.listener.stage_finished(Stage.SEARCH)
        return self._concluded(loop, strategy)

    def spent_before(self) -> float:
        """Seconds that the run has taken up to now."""
        return self._spent(self.store.trials())

    def _spent(self, trials: Sequence[Trial]) -> float:
        """Seconds that the search took already, this session's beginning among them."""
        before = 0.0
        if self._began is None:
            self.store.set_fact("sessions", [*self.store.get("sessions", []), time.time()])
        else:
            before = max(0.0, time.time() - self._began)
        return spent_seconds(self.store.get("sessions"), trials) + before

    def _concluded(self, loop: Search, strategy: Strategy) -> str | None:
        """Why the search ended, noted once; None where it was interrupted."""
        if loop.reason is None or (loop.is_shared and loop.running):
            return None
        if not loop.measured:
            self.store.set_fact("search_failed", loop.reason)
            raise SearchError(f"no trial was completed: {loop.reason}{loop.why_none(self.store.trials())}")
        if self._is_first_to_end(loop.reason, loop.is_shared):
            for text in strategy.conclusions():
                self.say(text)
            if self._conversations is not None:
                self._conversations.clean(strategy.needed_later())
            self.say(f"search ended: {loop.reason}")
        return loop.reason

    def _is_first_to_end(self, reason: str, is_shared: bool) -> bool:
        """Note why the search ended; False where another worker was here before."""
        store, is_lost = self.store, False
        while True:
            try:
                with (
                    store.turn() if is_shared and isinstance(store, SharedStore) else contextlib.nullcontext()
                ):
                    is_first = store.get("search_ended") is None
                    if is_first:
                        store.set_fact("search_ended", reason)
                return is_first or is_lost
            except TurnLostError:  # it may have been noted: rather told twice than never
                is_lost = True

    def run_all(self, stage: Stage, candidates: Mapping[int, Candidate]) -> list[Trial]:
        """Run the given candidates as trials of a stage, under the given numbers; those that completed are kept.

        Returns:
            Those of them that ended; fewer than the candidates when interrupted.
        """
        before = {trial.number: trial for trial in self.store.trials(stage)}
        again = (TrialState.RUNNING, TrialState.FAILED)  # what made one fail may have passed, as a full disk
        ended = {number for number, trial in before.items() if trial.state not in again}
        self.listener.stage_started(stage, len(candidates), len(ended & candidates.keys()))
        left = [
            begun_again(before[number]) if number in before else Trial(number, candidate)
            for number, candidate in candidates.items()
            if number not in ended
        ]
        try:
            self._run(stage, Listed(() if stage is Stage.JUDGE else self.objectives, left))
        finally:
            self.listener.stage_finished(stage)
        trials = self.store.trials(stage)
        return [t for t in trials if t.number in candidates and t.state is not TrialState.RUNNING]

    def answer(self, job: Job, message: Message | DiskFull | Printed) -> Verdict | None:
        """Record what a running trial tells, and answer it; what it prints is only kept.

        Raises:
            RunError: When the store cannot be written, or the trial found the disk full.
        """
        if isinstance(message, Printed):
            self.store.output(job.number, job.attempt, message.text, place=message.place, stage=job.stage)
            return None
        assert self._conversations is not None
        report, is_new = self._conversations.answer(job, message)
        if is_new:
            self.listener.trial_reported(job.stage, job.number, report)
        return report.verdict

    def _run(
        self,
        stage: Stage,
        source: Source,
        strategy: Strategy | None = None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        """Run the trials that a source gives, to the end or to an interrupt."""
        self._conversations = Conversations(
            self.store, stage, self.pruner, self.checkpoints, is_over, is_shared=source.is_shared
        )
        StageLoop(self, stage, source, strategy, self._conversations).run()

    def note_expense(self, *, now: bool = False) -> None:
        """Note what the run has taken of the machine so far, from time to time or `now`."""
        if isinstance(self.store, SharedStore) and self.store.is_guest:
            return  # these are of the machine whose process has the run
        if memory := self._memory.look():
            self.store.set_fact("memory", memory)
        if expense := self._expense.look(now=now):
            self.store.set_fact("expense", encode(expense))

    def say(self, text: str) -> None:
        """Tell the run's log and the listener."""
        self.store.log(text)
        self.listener.log(text)
