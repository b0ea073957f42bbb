"""One-shot methods in a session: what trains, what searches on the trained weights, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archwright.errors import UsageError
from archwright.estimators import Estimator
from archwright.experiments import Budget, Settings, SupernetTraining
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies import Proposals, Strategy, make_strategy
from archwright.supernets import METHODS, OneShot, make_method
from archwright.tasks import Task
from archwright.trials import FULL, Fidelity

__all__ = ["after_training", "default_budget", "estimator_for", "phases", "training_minutes"]

_SEARCHED = 100
_SHARE = 0.8
"""Of the minutes, for the supernet, where a search on its weights follows."""


def default_budget(name: str | None, retrain: int, scored: int | None = None) -> Budget:
    """How many architectures are scored where the user does not say.

    A method that orders what it proposes is taken at its word: as many as are retrained. Of one that draws them, more
    are scored. A search on shared weights, where a trial takes a second, tries 100; any other 50.

    Args:
        name: Of the strategy or one-shot method, None where it was given as an object.
        retrain: How many are trained from scratch.
        scored: A one-shot method's `OneShot.scored`; None for any other strategy.
    """
    if scored is None:
        return Budget(trials=50)
    if name is not None and name in METHODS and METHODS[name].then:
        return Budget(trials=_SEARCHED)
    return Budget(trials=scored * max(1, retrain))


def phases(
    method: Any,
    name: str | None,
    space: Space,
    task: Task,
    objectives: Sequence[Objective],
    folder: Path,
    *,
    seed: int,
    options: Mapping[str, Any],
    accelerator: str,
    fidelity: Fidelity = FULL,
    estimator: Estimator | None = None,
) -> tuple[SupernetTraining, Strategy]:
    """The training of the supernet, and the strategy that follows it.

    Args:
        method: A `OneShot`, or None for the one called `name`.
        name: A key of `METHODS`, or None.
        space: The space.
        task: What to learn.
        objectives: What the strategy looks at.
        folder: The run's folder.
        seed: Of all of it.
        options: Of a method given by name.
        accelerator: Lightning Fabric's name of a device.
        fidelity: Must be full: trials are not trained.
        estimator: Must be None: the supernet is the estimator.

    Raises:
        UsageError: When an argument does not fit.
    """
    if fidelity != FULL:
        raise UsageError(
            "a one-shot method scores its trials without training them, so a shorter training in the search (--search-"
            "epochs, --search-fraction) has no meaning; shorten the supernet's: --option epochs=10"
        )
    if estimator is not None:
        raise UsageError("a one-shot method estimates by its supernet; give an estimator to another strategy")
    then = METHODS[name].then if name is not None and name in METHODS else None
    made = make_method(str(name), seed=seed, **options) if method is None else method
    if not isinstance(made, OneShot):
        raise UsageError(f"expected a strategy, a one-shot method or the name of one, got {made!r}")
    training = SupernetTraining(made, space, task, folder, seed=seed, accelerator=accelerator)
    strategy = (
        Proposals(training.proposals) if then is None else make_strategy(then, space, objectives, seed=seed)
    )
    return training, strategy


def estimator_for(settings: Settings, space: Space, task: Task, folder: Path) -> Estimator:
    """Scores by the supernet that the run trains."""
    from archwright.estimators.weight_sharing import WeightSharing
    from archwright.experiments.one_shot import SUPERNET

    return WeightSharing(space, task, folder / SUPERNET, accelerator=settings.training["accelerator"])


def training_minutes(settings: Settings) -> float | None:
    """How long the supernet may be trained; a search on its weights keeps a fifth of the time."""
    minutes: float | None = settings.budget["minutes"]
    if minutes is None or not _then(settings):
        return minutes
    return _SHARE * minutes


def after_training(settings: Settings, spent: float) -> Budget:
    """The budget of the search on the shared weights.

    Args:
        settings: The run's.
        spent: Seconds that the training took.
    """
    budget = Budget.from_json(settings.budget)
    strategy = settings.strategy
    default = default_budget(strategy["name"], settings.retrain, strategy.get("scored", 1)).trials
    trials = budget.trials or (None if budget.target is not None else default)
    if budget.minutes is None:
        return replace(budget, trials=trials)
    left = budget.minutes - spent / 60
    if left <= 0 or not _then(settings):  # the few proposals are scored whatever the clock says
        return Budget(trials=budget.trials or default)
    return replace(budget, trials=trials, minutes=left)


def _then(settings: Settings) -> str | None:
    method = METHODS.get(settings.strategy["name"])
    return None if method is None else method.then
