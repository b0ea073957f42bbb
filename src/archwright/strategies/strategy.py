"""The seam of strategies: what to try next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from archwright.trials import Candidate, Trial

__all__ = ["Strategy"]


class Strategy(ABC):
    """Picks what to try next; knows spaces and scores, never training, clocks or files.

    Several candidates may be asked before their trials are told, in any order of finishing. The same calls
    after the same seed give the same candidates, and a state that went through JSON continues exactly.
    """

    @abstractmethod
    def ask(self, running: Sequence[Candidate] = ()) -> Candidate | None:
        """The next candidate; its canonical form was not proposed before at its fidelity.

        Args:
            running: Those asked for and not told yet, in the order of asking.

        Returns:
            The candidate. None, which leaves the state as it was, when there is nothing to propose before a
            running trial ends.

        Raises:
            SpaceExhaustedError: When every architecture of the space has been proposed.
        """

    @abstractmethod
    def tell(self, trial: Trial) -> None:
        """Take note of a finished trial: completed, failed or infeasible."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything that `ask` depends on besides the constructor's arguments, in JSON's own types."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
