"""The strategy that fits, where the user names none."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

from archwright.durations import count_of
from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.strategy import Strategy
from archwright.trials import Candidate, Trial

__all__ = ["AutoStrategy", "fitting_strategy"]

_MODELLED = 1000
_ON_THE_FRONT = 500
_COLUMNS = 1000
_MOST_IN_BOXES = 4  # objectives; what of their space is not dominated takes too many boxes of more


def fitting_strategy(
    space: Space, objectives: Sequence[Objective], trials: int | None
) -> tuple[str, dict[str, Any], str]:
    """The strategy that fits a space and a budget.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        trials: How many trials there will be at most; None where that is not known.

    Returns:
        Its name, its options, and why it fits, as the end of a sentence.
    """
    if trials is not None and space.size_bound <= trials:
        return "grid", {}, f"every architecture fits into the budget ({space.size_bound:,} in all)"
    optimized = sum(objective.optimize for objective in objectives)
    several = optimized > 1
    if several and trials is not None and trials > _ON_THE_FRONT:
        return "nsga2", {}, f"{trials:,} trials are enough to spread along the front of several objectives"
    if trials is not None and trials > _MODELLED:
        return "evolution", {}, f"a model of {trials:,} trials would take longer than what it saves"
    if space.columns > _COLUMNS:
        return "evolution", {}, f"{len(space.decisions):,} decisions are too many for a model of them"
    initial = {} if trials is None else {"initial": max(2, min(10, trials // 4))}
    many = "few trials" if trials is None else count_of(trials, "trial")
    if not several:
        return "bayesian", initial, f"it finds most with {many}"
    if optimized > _MOST_IN_BOXES:
        return "bayesian", initial, f"it finds most with {many}, by random weights of {optimized} objectives"
    if importlib.util.find_spec("botorch") is not None:
        return "ehvi", initial, f"it finds most of the front of several objectives with {many}"
    return (
        "bayesian",
        initial,
        "it needs few trials (pip install 'archwright[bayes]' for ehvi, which finds more of a front)",
    )


class AutoStrategy(Strategy):
    """Takes the strategy that fits the space, the objectives and the budget, and says which.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        trials: How many trials there will be at most; None where that is not known.

    Attributes:
        picked: The name of the strategy.
        why: Why it fits.

    Raises:
        UsageError: When trials < 1, or no objective is to be optimised.
    """

    def __init__(
        self, space: Space, objectives: Sequence[Objective], *, seed: int = 0, trials: int | None = None
    ) -> None:
        from archwright.strategies.registry import make_strategy

        self.check_space(space)
        if trials is not None and trials < 1:
            raise UsageError(f"auto: expected trials >= 1, got {trials}")
        self.space, self.objectives, self.seed, self.trials = space, tuple(objectives), seed, trials
        self.picked, options, self.why = fitting_strategy(space, objectives, trials)
        self._strategy = make_strategy(self.picked, space, objectives, seed, **options)
        self.inherits = self._strategy.inherits

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate | None:
        """What the picked strategy proposes. See `Strategy.ask`."""
        return self._strategy.ask(running)

    def tell(self, trial: Trial) -> None:
        """Tell it."""
        self._strategy.tell(trial)

    def needed(self) -> set[int] | None:
        """What the picked strategy needs."""
        return self._strategy.needed()

    def needed_later(self) -> set[int] | None:
        """What the picked strategy needs once reopened."""
        return self._strategy.needed_later()

    def finish(self) -> None:
        """Tell it."""
        self._strategy.finish()

    def reopen(self) -> None:
        """Tell it."""
        self._strategy.reopen()

    def state_dict(self) -> dict[str, Any]:
        """The state of the picked strategy."""
        return {"picked": self.picked, "state": self._strategy.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            UsageError: When another strategy had been picked.
        """
        if state["picked"] != self.picked:
            raise UsageError(
                f"auto: the saved search was by {state['picked']!r}, but {self.picked!r} fits now, since {self.why}; "
                "go on with the budget that the search began with"
            )
        self._strategy.load_state_dict(state["state"])
