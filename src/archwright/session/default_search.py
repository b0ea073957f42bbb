"""The search of a run that no strategy was named for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archwright.durations import count_of
from archwright.experiments.time_plan import Trainings
from archwright.objectives import Objective
from archwright.session.planning import Planned
from archwright.session.screening import SCORES, screened
from archwright.session.starting import known_points
from archwright.spaces import Space
from archwright.strategies import fitting_strategy
from archwright.strategies.auto import lowest_epochs
from archwright.tasks import Task
from archwright.trials import FULL, Fidelity, FidelityRange

__all__ = ["DefaultSearch", "default_search"]

_PAYS = 1.0
"""Seconds of a full training from which on shorter ones pay: below, proposing and noting a trial takes as long."""
_LEAST = 2
"""Random architectures of a model that was given a beginning."""
_SCORING = 0.03
"""Share of the minutes for cheap scores, at most."""


@dataclass(frozen=True, kw_only=True)
class DefaultSearch:
    """What was picked.

    Args:
        strategy: The strategy.
        options: Of it.
        fidelity: Of the trials.
        known: Architectures to begin with, in JSON's own types.
        note: What the log says of it.
    """

    strategy: str
    options: Mapping[str, Any]
    fidelity: FidelityRange
    known: tuple[Mapping[str, Any], ...] = ()
    note: str = field(default="", compare=False)


def default_search(
    space: Space,
    name: str | None,
    task: Task,
    objectives: Sequence[Objective],
    planned: Planned,
    *,
    trials: int | None,
    minutes: float | None,
    after: Trainings,
    fidelity: FidelityRange | Fidelity | str,
    is_plain: bool,
    accelerator: str,
    preparing: Callable[[str], None] = lambda text: None,
) -> DefaultSearch:
    """Pick the strategy and its beginning by the space, the objectives and what the budget buys.

    It begins with architectures that are known to be good (`known_architectures`). Where the minutes buy few full
    trainings, of one objective, networks are looked at in short trainings and the best go on from their checkpoints
    (`asha`). The first are the best of many by zero-cost proxies (`screened`), where the task's own metric is the
    objective, the others those that a model picks. Else all are trained in full. See `fitting_strategy`.

    Args:
        space: What is searched, with decisions held.
        name: Of the space in the zoo, where it is one of these.
        task: What is learned.
        objectives: What is optimised, and the limits.
        planned: What was measured before.
        trials: How many there are at most; None for no bound.
        minutes: Of the whole run; None for no bound.
        after: What is trained after the search.
        fidelity: As the user gave it.
        is_plain: Whether trials are trained by the recipe, to their end.
        accelerator: What networks are trained on.
        preparing: Is told that networks are scored, and why, before they are.
    """
    given = FidelityRange.of(fidelity)
    seconds, trainings = 0.0, None
    if planned.plan is not None and minutes is not None:
        seconds = planned.plan.costs.training
        trainings = planned.plan.full_trainings(minutes, after, planned.workers)
    is_free = is_plain and given == FidelityRange.of(FULL) and seconds >= _PAYS
    epochs = planned.recipe.epochs if is_free else None
    strategy, options, why = fitting_strategy(space, objectives, trials, trainings=trainings, epochs=epochs)
    if strategy == "asha" and epochs is not None:
        given = FidelityRange(
            replace(given.low, epochs=lowest_epochs(epochs)), replace(given.high, epochs=epochs)
        )
    known = () if strategy == "grid" else known_points(name, space, task)
    begins = [f"{count_of(len(known), 'architecture')} known to be good"] if known else []
    scores = ", ".join(SCORES)
    has_time = trainings is None or trainings > 0
    if strategy == "asha" and has_time and [one.name for one in objectives if one.optimize] == [task.metric]:
        preparing(
            f"preparing: random networks are scored without training, by {scores}, so that the search begins with the "
            "best of them"
        )
        take, seed = options["sampler_options"]["initial"], planned.recipe.seed
        within = None if minutes is None else _SCORING * 60 * minutes
        best = screened(space, task, objectives, take, seed=seed, accelerator=accelerator, seconds=within)
        if taken := len(best.architectures):
            known += tuple(made.to_json() for made in best.architectures)
            begins.append(f"the best {taken} of {best.scored} random ones by the cheap scores {scores}")
            options = {**options, "sampler_options": {"initial": _LEAST}}
    note = "; it begins with ".join(
        filter(None, [f"strategy: {strategy}, picked since {why}", " and ".join(begins)])
    )
    return DefaultSearch(strategy=strategy, options=options, fidelity=given, known=known, note=note)
