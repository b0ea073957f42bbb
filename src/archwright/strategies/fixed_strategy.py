"""Given architectures first: starting points of a search, or what a one-shot method proposes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, final

from archwright.errors import SpaceExhaustedError
from archwright.spaces import SearchSpace
from archwright.strategies.strategy import Strategy
from archwright.trials import Candidate, Trial

__all__ = ["FixedStrategy"]


@final
class FixedStrategy(Strategy):
    """Asks for given architectures in their order, each canonical form once, then for what another strategy proposes.

    The other strategy is told of all trials. What it proposes again of the given ones is passed over, unless it is to
    go on from a checkpoint or at a fidelity of its own.

    Args:
        space: Tells architectures apart.
        source: The architectures, or a function that gives them, called when the first is asked for.
        then: Asked when all have been proposed; None ends there.
    """

    verbs = frozenset({"canonical"})

    def __init__(
        self,
        space: SearchSpace[Any],
        source: Iterable[Any] | Callable[[], Iterator[Any]],
        then: Strategy | None = None,
    ) -> None:
        self.check_space(space)
        self.space, self.then = space, then
        self.inherits = then is not None and then.inherits
        self.repeatable = then is None or then.repeatable
        self.source: Callable[[], Iterator[Any]]
        self.source = source if callable(source) else tuple(source).__iter__
        self._begin()

    def _begin(self) -> None:
        self._asked = 0
        self._known: set[Hashable] = set()
        self._rest: Iterator[Any] | None = None

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate | None:
        """The next one. See `Strategy.ask`.

        Raises:
            SpaceExhaustedError: When there is none, and no other strategy.
        """
        for architecture in self._ahead():
            self._asked += 1
            if self._note(architecture):
                return Candidate(architecture)
        if self.then is None:
            raise SpaceExhaustedError(f"every proposal was tried ({len(self._known)} in all)")
        while True:
            candidate = self.then.ask(running)
            if candidate is None or not self._repeats(candidate):
                return candidate

    def adopt(self, candidate: Candidate) -> None:
        """Pass over the next given one; the other strategy adopts what comes after them."""
        for architecture in self._ahead():
            self._asked += 1
            if self._note(architecture):
                return
        if self.then is not None:
            self.then.adopt(candidate)

    def remarks(self) -> list[str]:
        """Those of the other strategy."""
        return [] if self.then is None else self.then.remarks()

    def conclusions(self) -> list[str]:
        """Those of the other strategy."""
        return [] if self.then is None else self.then.conclusions()

    def tell(self, trial: Trial) -> None:
        """Tell the other strategy."""
        if self.then is not None:
            self.then.tell(trial)

    def needed(self) -> set[int] | None:
        """What the other strategy needs."""
        return set() if self.then is None else self.then.needed()

    def needed_later(self) -> set[int] | None:
        """What the other strategy needs once reopened."""
        return set() if self.then is None else self.then.needed_later()

    def finish(self) -> None:
        """Tell the other strategy."""
        if self.then is not None:
            self.then.finish()

    def reopen(self) -> None:
        """Tell the other strategy."""
        if self.then is not None:
            self.then.reopen()

    def state_dict(self) -> dict[str, Any]:
        """How many of the given ones were gone through, and the state of the other strategy."""
        return {"asked": self._asked, "then": None if self.then is None else self.then.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._begin()
        self._asked = state["asked"]
        if self.then is not None:
            self.then.load_state_dict(state["then"])

    def _ahead(self) -> Iterator[Any]:
        if self._rest is None:
            self._rest = self.source()
            for architecture in itertools.islice(self._rest, self._asked):
                self._note(architecture)
        return self._rest

    def _note(self, architecture: Any) -> bool:
        """Whether it is new."""
        before = len(self._known)
        self._known.add(self.space.canonical(architecture))
        return len(self._known) > before

    def _repeats(self, candidate: Candidate) -> bool:
        is_new_look = candidate.fidelity is not None or candidate.inherit != "nothing"
        return not is_new_look and self.space.canonical(candidate.architecture) in self._known
