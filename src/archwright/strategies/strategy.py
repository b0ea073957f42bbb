"""The seam of strategies: what to try next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from archwright.errors import UsageError
from archwright.spaces import SearchSpace, Space
from archwright.trials import Candidate, Trial

__all__ = ["Strategy"]


class Strategy(ABC):
    """Picks what to try next; knows spaces and scores, never training, clocks or files.

    Several candidates may be asked before their trials are told, in any order of finishing. The same calls
    after the same seed give the same candidates, and a state that went through JSON continues exactly.

    Attributes:
        verbs: The methods of a `SearchSpace` that it calls. None: it reads the decisions of a `Space`.
        inherits: Whether its candidates may continue earlier trials or take over their weights. If so, the checkpoints
            of ended trials are kept for it, and it is asked for continuations when the budget allows no more
            configurations.
        repeatable: Whether it would propose the same again from the same state. If not, what an earlier session asked
            for is given to it by `adopt`, instead of asking again.
        measured_by: Name of the estimator that its candidates are made for; a search without one takes it.
        ends_itself: Whether it has so many candidates as it needs and then ends; a search without a budget leaves it to
            that.
    """

    verbs: ClassVar[frozenset[str] | None] = None
    inherits: bool = False
    repeatable: bool = True
    measured_by: ClassVar[str | None] = None
    ends_itself: ClassVar[bool] = False

    @classmethod
    def check_space(cls, space: SearchSpace[Any]) -> None:
        """Raise a UsageError when the strategy cannot search the space."""
        if cls.verbs is None and not isinstance(space, Space):
            raise UsageError(
                f"{cls.__name__} reads decisions: expected an aw.Space, got {type(space).__name__}; "
                "use random search, evolution or local search"
            )
        if missing := sorted(verb for verb in cls.verbs or () if not hasattr(space, verb)):
            raise UsageError(
                f"{cls.__name__} cannot search a {type(space).__name__}, which lacks {', '.join(missing)}; "
                "see archwright.spaces.SearchSpace for what they do"
            )

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
        """Take note of a finished trial: completed, pruned, failed or infeasible."""

    def needed(self) -> set[int] | None:
        """The ended trials whose checkpoints it may still inherit; None where it cannot say: all, within bounds."""
        return None if self.inherits else set()

    def needed_later(self) -> set[int] | None:
        """As `needed`, when the search has ended: what it begins from if it is reopened. The rest is deleted."""
        return self.needed()

    def finish(self) -> None:  # noqa: B027 - optional
        """The budget allows no new configuration any more, and all that there were have ended.

        A strategy whose candidates continue earlier trials may bring what it has begun to an end. It may be told again.
        """

    def reopen(self) -> None:  # noqa: B027 - optional
        """The budget has grown since `finish`: new configurations are wanted again."""

    def adopt(self, candidate: Candidate) -> None:
        """Take note of a candidate as if it had just been asked for. Called where it is not `repeatable`.

        Raises:
            NotImplementedError: Where that is not filled in.
        """
        raise NotImplementedError(f"{type(self).__name__} is not repeatable and so needs adopt()")

    def remarks(self) -> list[str]:
        """What the log should say of the last asks, a sentence each; each is given once."""
        return []

    def conclusions(self) -> list[str]:
        """What it says, once the search has ended, of how well its own estimates held; a sentence each."""
        return []

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything that `ask` depends on besides the constructor's arguments, in JSON's own types."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
