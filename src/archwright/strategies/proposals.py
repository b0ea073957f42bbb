"""A list of architectures as a strategy: what a one-shot method proposes, say."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, final

from archwright.errors import SpaceExhaustedError
from archwright.spaces import Architecture
from archwright.strategies.strategy import Strategy
from archwright.trials import Candidate, Trial

__all__ = ["Proposals"]


@final
class Proposals(Strategy):
    """Asks for given architectures in their order, whatever it is told.

    Args:
        source: Gives the architectures from the first one; called when the first is asked for.
    """

    def __init__(self, source: Callable[[], Iterator[Architecture]]) -> None:
        self.source = source
        self._asked = 0
        self._rest: Iterator[Architecture] | None = None

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        """The next one.

        Raises:
            SpaceExhaustedError: When there is none.
        """
        if self._rest is None:
            self._rest = itertools.islice(self.source(), self._asked, None)
        try:
            architecture = next(self._rest)
        except StopIteration:
            raise SpaceExhaustedError(f"all {self._asked} proposals were tried") from None
        self._asked += 1
        return Candidate(architecture)

    def tell(self, trial: Trial) -> None:
        """Nothing changes."""

    def state_dict(self) -> dict[str, Any]:
        """How many were asked for."""
        return {"asked": self._asked}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._asked = state["asked"]
        self._rest = None
