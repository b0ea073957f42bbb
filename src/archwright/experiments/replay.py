"""Bringing a strategy back to where it was: its last saved state, then what happened since."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from archwright.errors import SpaceExhaustedError
from archwright.experiments.store import Store
from archwright.strategies.strategy import Strategy
from archwright.trials import Candidate, Trial

__all__ = ["Replay"]

_FIRST_PAUSE = 1.0
_SHARE = 10.0


class Replay:
    """A strategy whose every question and answer can be repeated.

    The store already holds what was asked and told. Asking again gives the same candidates, so that the
    strategy's state is only saved now and then, to bound how much has to be asked again: when asking has taken a
    second, or ten times what saving took, since the last time. What it costs stays in proportion, however long
    the search.

    Args:
        strategy: As it was made.
        store: Holds the events.

    Attributes:
        messages: What a user should know of the restored state.
    """

    def __init__(self, strategy: Strategy, store: Store) -> None:
        self.strategy, self.store = strategy, store
        self.messages: list[str] = []
        self._events = 0
        self._asking = 0.0
        self._pause = _FIRST_PAUSE
        turns = store.get("strategy_finished") or []
        self._turns: list[int] = [turns] if isinstance(turns, int) else list(turns)
        """After how many events the strategy was finished, reopened, finished again and so on."""

    def restore(self) -> list[Trial]:
        """Repeat what an earlier session did.

        Returns:
            The trials of the search so far.
        """
        trials = self.store.trials()
        if not trials:
            return trials
        saved = self.store.get("strategy")
        if saved is not None:
            self.strategy.load_state_dict(saved["state"])
            self._events = saved["events"]
        strayed = False
        running: dict[int, Candidate] = {}  # in the order of asking
        events = self.store.events()
        for position, (kind, trial) in enumerate(events):
            is_to_be_repeated = position >= self._events
            if is_to_be_repeated:
                self._turn_again(position)
            if kind == "tell":
                del running[trial.number]
                if is_to_be_repeated:
                    self.strategy.tell(trial)
                continue
            if is_to_be_repeated:
                strayed |= self._strays(list(running.values()), trial.candidate)
            running[trial.number] = trial.candidate
        self._events = len(events)
        self._turn_again(self._events)
        if strayed:
            self.messages.append(
                "the strategy did not repeat its earlier choices, so the search goes on differently than it would "
                "have without the interruption; no trial is lost"
            )
        return trials

    def finish(self) -> None:
        """Tell the strategy, once and durably, that the budget allows no new configuration any more."""
        if not self._is_finished:
            self._turn()
            self.strategy.finish()

    def reopen(self) -> None:
        """Tell the strategy durably that the budget has grown, where it was told of its end."""
        if self._is_finished:
            self._turn()
            self.strategy.reopen()

    @property
    def _is_finished(self) -> bool:
        return len(self._turns) % 2 == 1

    def _turn(self) -> None:
        self._save()  # a search that goes on with another budget is not asked again what it was with this one
        self._turns.append(self._events)
        self.store.set_fact("strategy_finished", self._turns)

    def _turn_again(self, events: int) -> None:
        for number, turn in enumerate(self._turns):
            if turn == events:
                (self.strategy.reopen if number % 2 else self.strategy.finish)()

    def ask(self, running: Sequence[Candidate], *, may_be_new: bool = True) -> Candidate | None:
        """The strategy's next candidate; its trial must be started in the store before anything else happens.

        Args:
            running: As for `Strategy.ask`.
            may_be_new: Whether it may be a new configuration; if not, one is taken back, as if nothing was asked.

        Raises:
            SpaceExhaustedError: When there is none.
        """
        if self._asking > self._pause:
            self._save()
        begin = time.perf_counter()
        before = None if may_be_new else self.strategy.state_dict()
        candidate = self.strategy.ask(running)
        if before is not None and candidate is not None and candidate.is_new:
            self.strategy.load_state_dict(before)
            candidate = None
        self._asking += time.perf_counter() - begin
        self._events += candidate is not None
        return candidate

    def tell(self, trial: Trial) -> None:
        """Tell the strategy; the trial must have been finished in the store."""
        self._events += 1
        self.strategy.tell(trial)

    def _strays(self, running: Sequence[Candidate], recorded: Candidate) -> bool:
        """Ask again; whether the strategy proposes another candidate than it did."""
        try:
            asked = self.strategy.ask(running)
        except SpaceExhaustedError:
            return True
        # The search fills in a fidelity that is left open.
        return asked is None or replace(asked, fidelity=asked.fidelity or recorded.fidelity) != recorded

    def _save(self) -> None:
        begin = time.perf_counter()
        self.store.set_fact("strategy", {"events": self._events, "state": self.strategy.state_dict()})
        self._pause = max(_FIRST_PAUSE, _SHARE * (time.perf_counter() - begin))
        self._asking = 0.0
