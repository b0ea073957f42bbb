"""One-shot methods in a session: what searches on the trained weights, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from archwright.experiments import Budget, RunConfig
from archwright.objectives import Direction, Objective
from archwright.pretrained import original_network
from archwright.spaces import Space
from archwright.strategies import STRATEGIES, Strategy
from archwright.supernets import METHODS

__all__ = [
    "after_training",
    "bounded_budget",
    "default_budget",
    "follow_up",
    "options_with_weights",
    "training_minutes",
]

_SEARCHED = 100
_SOLVED = Budget(trials=100, target=0.9999)
"""Programs are taken for solving their tasks from this fitness on (Real et al. 2020, arXiv:2003.03384)."""
_KEEPING = 0.01
"""The first learning rate of the sandwich rule where the supernet begins with trained weights."""
_SHARE = 0.8
"""Of the minutes, for the supernet, where a search on its weights follows."""


def default_budget(name: str | None, retrain: int, scored: int | None = None) -> Budget:
    """How many architectures are scored where the user does not say.

    A method that orders what it proposes is taken at its word: as many as are retrained. Of one that draws them, more
    are scored. A search on shared weights, where a trial takes a second, tries 100; any other 50. Evolved programs are
    tried until one is right.

    Args:
        name: Of the strategy or one-shot method, None where it was given as an object.
        retrain: How many are trained from scratch.
        scored: A one-shot method's `OneShot.proposals_per_retrain`; None for any other strategy.
    """
    if scored is None:
        if name == "program_evolution":
            return _SOLVED
        made: Any = STRATEGIES[name].load() if name and name in STRATEGIES else Strategy
        return Budget(trials=None if getattr(made, "ends_itself", False) else 50)
    if name is not None and name in METHODS and METHODS[name].follow_up_strategy:
        return Budget(trials=_SEARCHED)
    return Budget(trials=scored * max(1, retrain))


def bounded_budget(
    budget: Budget | None,
    name: str | None,
    retrain: int,
    scored: int | None = None,
    objectives: Sequence[Objective] = (),
) -> Budget:
    """The budget of a search: what the user says, and what is usual where the user leaves it open.

    Evolved programs are tried until one is right whatever other bound there is, where their fitness is what is
    searched for.

    Args:
        budget: As asked; None where nothing was said.
        name: As in `default_budget`, as `retrain` and `scored`.
        retrain: How many are trained from scratch.
        scored: A one-shot method's `OneShot.proposals_per_retrain`; None for any other strategy.
        objectives: What is searched for, the first of which a target holds for.
    """
    usual = default_budget(name, retrain, scored)
    is_fitness = not objectives or objectives[0] == Objective("fitness", Direction.MAXIMIZE)
    target = usual.target if is_fitness else None
    if budget is None:
        return replace(usual, target=target)
    return budget if budget.target is not None else replace(budget, target=target)


def options_with_weights(
    strategy: object, options: Mapping[str, Any], space: Space
) -> tuple[dict[str, Any], list[str]]:
    """The options of a strategy for a space whose networks may begin with weights, and what the log says of them.

    The sandwich rule's own learning rate, 0.1, undoes what a trained network has learned, so it is less there.

    Args:
        strategy: Its name, or an object.
        options: As they were given.
        space: What is searched.
    """
    if strategy != "sandwich" or "learning_rate" in options or original_network(space) is None:
        return dict(options), []
    note = (
        f"supernet: learning_rate={_KEEPING:g}, since it begins with the network's weights, which a higher one undoes; "
        "--option learning_rate=N changes that"
    )
    return {**options, "learning_rate": _KEEPING}, [note]


def training_minutes(config: RunConfig, budget: Budget) -> float | None:
    """How long the supernet may be trained; a search on its weights keeps a fifth of the budget's time."""
    minutes = budget.minutes
    return minutes if minutes is None or not follow_up(config) else _SHARE * minutes


def after_training(config: RunConfig, budget: Budget, spent: float) -> Budget:
    """The budget of the search on the shared weights.

    Args:
        config: The run's record.
        budget: Of the training and the search together.
        spent: Seconds that the training took.
    """
    scored = config.supernet.scored if config.supernet else 1
    default = default_budget(config.strategy.name, config.retrain, scored).trials
    trials = budget.trials or (None if budget.target is not None else default)
    if budget.minutes is None:
        return replace(budget, trials=trials)
    left = budget.minutes - spent / 60
    if left <= 0 or not follow_up(config):  # the few proposals are scored whatever the clock says
        return Budget(trials=budget.trials or default)
    return replace(budget, trials=trials, minutes=left)


def follow_up(config: RunConfig) -> str | None:
    """The strategy that searches on the trained weights; None where the method itself proposes."""
    method = METHODS.get(config.strategy.name)
    return None if method is None else method.follow_up_strategy
