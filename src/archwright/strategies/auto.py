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

__all__ = ["AutoStrategy", "fitting_strategy", "lowest_epochs"]

_MODELLED = 1000
_ON_THE_FRONT = 500
_COLUMNS = 1000
_LOWEST = 9
"""A first look at a network has one of so many of the epochs."""
_EPOCHS = 3
"""Of a full training, from which there is a shorter one."""
_SCARCE = 60
"""Full trainings: where there is time for more, a model of these finds as much, without the errors of short ones."""
_TRIALS_EACH = 3
"""Looks that must be allowed for each full training that there is time for; else trials are what is scarce."""
_MOST_IN_BOXES = 4  # objectives; what of their space is not dominated takes too many boxes of more


def fitting_strategy(
    space: Space,
    objectives: Sequence[Objective],
    trials: int | None,
    *,
    trainings: float | None = None,
    epochs: int | None = None,
) -> tuple[str, dict[str, Any], str]:
    """The strategy that fits a space and a budget.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        trials: How many trials there will be at most; None where that is not known.
        trainings: About how many full trainings there is time for; None where that is not known.
        epochs: Of a full training, where short trainings cost less; None where the effort of a trial is not free.

    Returns:
        Its name, its options, and why it fits, as the end of a sentence.
    """
    known = [count for count in (trials, trainings) if count is not None]
    most = max(1, int(min(known))) if known else None
    if most is not None and space.size_bound <= most:
        return "grid", {}, f"every architecture fits into the budget ({space.size_bound:,} in all)"
    optimized = sum(objective.optimize for objective in objectives)
    several = optimized > 1
    if several and most is not None and most > _ON_THE_FRONT:
        return "nsga2", {}, f"{most:,} trials are enough to spread along the front of several objectives"
    if most is not None and most > _MODELLED:
        return "evolution", {}, f"a model of {most:,} trials would take longer than what it saves"
    if space.columns > _COLUMNS:
        return "evolution", {}, f"{len(space.decisions):,} decisions are too many for a model of them"
    initial = {} if most is None else {"initial": _initial(most)}
    many = "few trials" if most is None else count_of(most, "trial")
    if not several:
        if trainings is not None and epochs is not None and _is_scarce(trials, trainings, epochs):
            return _multi_fidelity(trainings, epochs)
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


def lowest_epochs(epochs: int) -> int:
    """Epochs of the first look at a network, of those of a full training: a ninth, rounded up."""
    return -(-epochs // _LOWEST)


def _initial(configurations: int) -> int:
    """How many of so many are random, before a model has anything to say."""
    return max(2, min(10, configurations // 10))


def _is_scarce(trials: int | None, trainings: float, epochs: int) -> bool:
    """Whether short looks at more networks are worth more than full trainings of few."""
    return (
        epochs >= _EPOCHS and trainings <= _SCARCE and (trials is None or trials >= _TRIALS_EACH * trainings)
    )


def _multi_fidelity(trainings: float, epochs: int) -> tuple[str, dict[str, Any], str]:
    looks = max(1, int(_LOWEST / 3 * trainings))
    options = {"sampler": "bayesian", "sampler_options": {"initial": _initial(looks)}}
    low = lowest_epochs(epochs)
    why = (
        f"there is {_time_for(trainings)}: each network is first trained for "
        f"{count_of(low, 'epoch')} of {epochs}, the best third of them go on from there, and a model of all says which "
        "to try next"
    )
    return "asha", options, why


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


def _time_for(trainings: float) -> str:
    count = round(trainings)
    return (
        f"time for about {count_of(count, 'full training')}"
        if count
        else "less time than a full training takes"
    )
