"""Bringing a strategy back to where it was: its last saved state, then what happened since."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from archwright.errors import SpaceExhaustedError
from archwright.experiments.store import Event, Store
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

        pause: Seconds of asking after which the state is saved, at least; less where others have to ask again at
            once.

    Attributes:
        messages: What a user should know of the restored state.
        events: How many the strategy has been through.
    """

    def __init__(self, strategy: Strategy, store: Store, pause: float | None = None) -> None:
        self.strategy, self.store = strategy, store
        self.messages: list[str] = []
        self.events = 0
        self._asking = 0.0
        self._pause = self._first_pause = _FIRST_PAUSE if pause is None else pause
        self._turns: list[int] = []
        """After how many events the strategy was finished, reopened, finished again and so on."""
        self._turned = 0
        self.know_turns(store.get("strategy_finished"))

    def know_turns(self, turns: int | list[int] | None) -> None:
        """Take note of when the strategy was finished and reopened, as that is recorded."""
        self._turns = [turns] if isinstance(turns, int) else list(turns or ())

    def restore(self) -> list[Trial]:
        """Repeat what an earlier session did.

        Returns:
            The trials of the search so far.
        """
        trials = self.store.trials()
        if trials:
            self.follow(self.store.events(), {}, self.store.get("strategy"))
        return trials

    def follow(
        self, events: Sequence[Event], running: dict[int, Trial], saved: Mapping[str, Any] | None = None
    ) -> None:
        """Repeat the events that come next.

        Args:
            events: In the order in which they happened.
            running: Those that ran before, in the order of asking; in the end those that run after.
            saved: A state from after some of the events, which need not be repeated then.
        """
        position = first = self.events
        if saved is not None:
            self.strategy.load_state_dict(saved["state"])
            first = saved["events"]
            self._turned = sum(turn < first for turn in self._turns)
        strayed = False
        for kind, trial in events:
            is_to_be_repeated = position >= first
            if is_to_be_repeated:
                self._turn_again(position)
            position += 1
            if kind == "tell":
                del running[trial.number]
                if is_to_be_repeated:
                    self.strategy.tell(trial)
                continue
            if is_to_be_repeated:
                strayed |= self._strays([t.candidate for t in running.values()], trial.candidate)
            running[trial.number] = trial
        self.events = position
        self._turn_again(position)
        if strayed and not self.messages:
            self.messages.append(
                "the strategy did not repeat its earlier choices, so the search goes on differently than it would "
                "have without the interruption; no trial is lost"
            )

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
        self._turns.append(self.events)
        self._turned += 1
        self.store.set_fact("strategy_finished", self._turns)

    def _turn_again(self, events: int) -> None:
        while self._turned < len(self._turns) and self._turns[self._turned] <= events:
            (self.strategy.reopen if self._turned % 2 else self.strategy.finish)()
            self._turned += 1

    def ask(self, running: Sequence[Candidate], *, may_be_new: bool = True) -> Candidate | None:
        """The strategy's next candidate; its trial must be started in the store before anything else happens.

        Args:
            running: As for `Strategy.ask`.
            may_be_new: Whether it may be a new configuration; if not, one is taken back, as if nothing was asked.

        Raises:
            SpaceExhaustedError: When there is none.
        """
        self.save_when_due()
        begin = time.perf_counter()
        before = None if may_be_new else self.strategy.state_dict()
        candidate = self.strategy.ask(running)
        if before is not None and candidate is not None and candidate.is_new:
            self.strategy.load_state_dict(before)
            candidate = None
        self._asking += time.perf_counter() - begin
        self.events += candidate is not None
        return candidate

    def tell(self, trial: Trial) -> None:
        """Tell the strategy; the trial must have been finished in the store."""
        self.events += 1
        self.strategy.tell(trial)

    def _strays(self, running: Sequence[Candidate], recorded: Candidate) -> bool:
        """Ask again; whether the strategy proposes another candidate than it did.

        One that need not propose the same again is given the candidate.
        """
        if not self.strategy.repeatable:
            self.strategy.adopt(recorded)
            return False
        begin = time.perf_counter()
        try:
            asked = self.strategy.ask(running)
        except SpaceExhaustedError:
            return True
        self._asking += time.perf_counter() - begin
        # The search fills in a fidelity that is left open.
        return asked is None or replace(asked, fidelity=asked.fidelity or recorded.fidelity) != recorded

    def save_when_due(self) -> None:
        """Save the state where asking has taken so long since the last time that saving it pays."""
        if self._asking > self._pause:
            self._save()

    def _save(self) -> None:
        begin = time.perf_counter()
        self.store.set_fact("strategy", {"events": self.events, "state": self.strategy.state_dict()})
        self.store.set_fact("strategy_saved", self.events)
        self._pause = max(self._first_pause, _SHARE * (time.perf_counter() - begin))
        self._asking = 0.0
