"""Grid search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archwright.errors import SpaceExhaustedError, UsageError
from archwright.objectives import Objective
from archwright.spaces import Architecture, Space
from archwright.strategies.proposed_set import ProposedSet
from archwright.strategies.strategy import Strategy
from archwright.trials import Candidate, Trial

__all__ = ["GridSearch"]


class GridSearch(Strategy):
    """Proposes every architecture once, in the order of `Space.__iter__`: the last decision turns fastest.

    A real is taken at `resolution` points, evenly spaced on its own scale (logarithmic where the decision
    is), both ends included. All other decisions take every value they have.

    The state is a position and the architecture there, from which a resumed grid goes on at once. Only a
    space with its own canonical form needs all architectures, to leave out other spellings of them.

    Args:
        space: What to list.
        objectives: Not used; taken so that all strategies are made alike.
        resolution: Points of a real, at least 1; a single one is the middle of the scale.

    Raises:
        UsageError: When resolution < 1.
    """

    def __init__(self, space: Space, objectives: Sequence[Objective] = (), *, resolution: int = 10) -> None:
        self.check_space(space)
        if resolution < 1:
            raise UsageError(f"grid: expected resolution >= 1, got {resolution}")
        self.space, self.objectives, self.resolution = space, tuple(objectives), resolution
        self._listing = space.iterate(resolution=resolution)
        self._seen = None if space.canonicalize is None else ProposedSet(space)
        self._asked = 0
        self._last: dict[str, Any] | None = None

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        """The next architecture of the grid. See `Strategy.ask`."""
        for architecture in self._listing:
            if self._seen is None or self._seen.add(architecture):
                self._asked += 1
                self._last = architecture.to_json()
                return Candidate(architecture)
        raise SpaceExhaustedError(
            f"every architecture of the grid has been proposed ({self._asked:,} in all); to go on, search a larger "
            "space or, where it has reals, with a higher resolution"
        )

    def tell(self, trial: Trial) -> None:
        """Nothing: a grid does not learn."""

    def state_dict(self) -> dict[str, Any]:
        """The position: how many were asked and the last of them; all where there are several spellings."""
        return {
            "asked": self._asked,
            "last": self._last,
            "seen": None if self._seen is None else self._seen.to_json(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            UsageError: When the state is not of this space and resolution.
        """
        self._asked, self._last = state["asked"], state["last"]
        after = None if self._last is None else Architecture.from_json(self._last)
        self._listing = self.space.iterate(resolution=self.resolution, after=after)
        if self._seen is not None:
            self._seen.load_json(state["seen"])
