"""A search of which several processes take trials: who has the turn follows what happened, and asks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from archwright.experiments.budget import Budget
from archwright.experiments.records import decode
from archwright.experiments.replay import Replay
from archwright.experiments.sources import Search, begun_again
from archwright.experiments.store import SharedStore, TurnLostError
from archwright.objectives import Objective
from archwright.trials import Fidelity, Trial

if TYPE_CHECKING:
    from archwright.strategies.strategy import Strategy

__all__ = ["SharedSearch", "worked_seconds"]

_PAUSE = 0.1
"""Seconds of asking after which a strategy's state is saved, so that the other workers need not ask again."""

_WAIT = 1.0
"""Seconds between two looks whether a lost trial is to be taken over."""


class SharedSearch(Search):
    """The trials of a search as one of its workers takes them.

    Each worker has the strategy, and repeats with it what the others asked and told; the candidate that is recorded
    counts. So nobody is the head, and a worker that comes later or comes back only has more to follow.

    Args:
        objectives: Of the search.
        strategy: As it was made.
        store: Joined by this process.
        fidelity: For candidates that leave theirs open.
    """

    is_shared = True

    def __init__(
        self, objectives: Sequence[Objective], strategy: Strategy, store: SharedStore, fidelity: Fidelity
    ) -> None:
        self.store, self._fresh = store, strategy.state_dict()
        store.forget()
        self._own: set[int] = set()
        self._ended: set[int] = set()  # of those that ran here
        self._changed: dict[int, Trial] = {}
        budget = decode(Budget, store.get("budget"), "budget")
        super().__init__(objectives, Replay(strategy, store, _PAUSE), budget, fidelity, [], 0.0)
        self._in_turn(lambda: None)

    def take(self, start: Callable[[Trial], Trial]) -> Trial | None:
        """In one turn: hear what happened, take over a lost trial or ask for a new one, and record it as one's own."""

        def taken() -> Trial | None:
            if (waiting := self.next()) is None:
                return None
            trial = start(waiting)
            self.running[trial.number] = trial
            self.replay.save_when_due()
            return trial

        trial = self._in_turn(taken)
        if trial is not None:
            self._own.add(trial.number)
        return trial

    def _in_turn(self, action: Callable[[], Trial | None]) -> Trial | None:
        """Hear what happened and act on it, all or nothing."""
        while True:
            try:
                with self.store.turn():
                    self._hear()
                    return action()
            except TurnLostError:
                self._begin_again()

    def _hear(self) -> None:
        """Follow what happened since the last turn, one's own results among it."""
        store = self.store
        facts = store.facts(("search_ended", "strategy_finished", "strategy_saved", "budget", "shared_spent"))
        self.budget = decode(Budget, facts["budget"], "budget")
        news, replay = store.news(), self.replay
        replay.know_turns(facts.get("strategy_finished"))
        to_be_asked = sum(kind == "ask" for kind, _ in news)
        is_ahead = bool(to_be_asked) and facts.get("strategy_saved", 0) > replay.events
        told = len(replay.messages)
        replay.follow(news, self.running, store.get("strategy") if is_ahead else None)
        for text in replay.messages[told:]:
            store.log(text)
        for kind, trial in news:
            self._changed[trial.number] = trial
            if kind == "ask":
                self.number = max(self.number, trial.number + 1)
            else:
                self._count(trial)
        if self.budget.minutes is not None:
            self.spent = facts.get("shared_spent", 0.0) + worked_seconds(
                [
                    (worker.began, store.now() if worker.is_alive else worker.beat)
                    for worker in store.workers()
                ]
            )
            self.began = time.monotonic()
        self._check()
        self.reason = facts.get("search_ended") or self.reason
        self.again = deque(
            begun_again(replace(self.running[number], attempt=attempt))
            for number, attempt in store.lost(self.running, self._own).items()
        )

    def _begin_again(self) -> None:
        """A turn was lost: whether the candidate of it was recorded is not known, so all is followed anew."""
        self.store.forget()
        strategy = self.replay.strategy
        strategy.load_state_dict(self._fresh)
        own, best = self._own, self.best
        super().__init__(
            self.objectives, Replay(strategy, self.store, _PAUSE), self.budget, self.fidelity, [], 0.0
        )
        self._own, self.best = own, best

    def heard(self) -> list[Trial]:
        """How the trials of other processes stand that have changed since the last call."""
        changed = [self._changed[number] for number in sorted(self._changed)]
        self._changed.clear()
        return [t for t in changed if t.number not in self._own and t.number not in self._ended]

    def done(self, trial: Trial) -> None:
        """The trial is in the store: the strategy is told in the next turn, in the order of all that ended."""
        self._own.discard(trial.number)
        self._ended.add(trial.number)

    def given_up(self, number: int) -> None:
        """A trial of this process was given to another one."""
        self._own.discard(number)

    def waits(self) -> bool:
        """Until no trial runs anywhere: one may be lost, or let the strategy go on."""
        if self.reason is not None and not self.running:
            return False
        self.store.wait(_WAIT)
        return True


def worked_seconds(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds in which there was at least one worker.

    Args:
        spans: From when to when each was there.
    """
    total, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total
