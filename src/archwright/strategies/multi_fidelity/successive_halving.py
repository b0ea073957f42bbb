"""Successive halving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.strategies.multi_fidelity.brackets import Synchronous
from archwright.strategies.multi_fidelity.engine import MultiFidelity
from archwright.strategies.multi_fidelity.levels import kept, rung_levels

__all__ = ["SuccessiveHalving"]


class SuccessiveHalving(MultiFidelity):
    """Measures n configurations at r; the best 1/eta go on to eta times as much, until R.

    Jamieson and Talwalkar 2016, arXiv:1502.07943. Rung i has the resource r·eta^i, the last one R, and ⌊n / eta^i⌋
    configurations (at least one); all of a rung end before the best of them go on. After that the next n begin. While
    a rung waits for its last trials, other workers begin with the next n.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        configurations: How many there will be at most, where that is known.
        n: How many begin together; none takes as many as the search may try, or else eta to the number of halvings.
        options: Of `MultiFidelity`.

    Raises:
        UsageError: When an option is out of range, or the fidelity is no range.
    """

    def __init__(
        self,
        space: SearchSpace[Any],
        objectives: Sequence[Objective],
        *,
        configurations: int | None = None,
        n: int | None = None,
        **options: Any,
    ) -> None:
        if n is not None and n < 1:
            raise UsageError(f"successive halving: expected n >= 1, got {n}")
        super().__init__(space, objectives, **options)
        self.levels = [self.fidelity.at(level) for level in rung_levels(*self.ends, self.eta)]
        self.n = n or configurations or self.eta ** (len(self.levels) - 1)

    def open_bracket(self, number: int) -> Synchronous:
        """The next n."""

        def halve(size: int) -> list[int]:
            return kept(size, self.eta, len(self.levels))

        return Synchronous(self.levels, halve(self.n), halve)

    def state_dict(self) -> dict[str, Any]:
        """That of the engine, and n, which a search that goes on with another budget keeps."""
        return {**super().state_dict(), "n": self.n}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.n = state.get("n", self.n)  # runs of earlier versions have none
        super().load_state_dict(state)
