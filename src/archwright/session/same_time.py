"""The network as it was given is fine-tuned for as long as the network that is delivered instead of it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence, Sized
from functools import partial

from archwright.durations import count_of
from archwright.estimators.training import Training
from archwright.experiments import Stage
from archwright.experiments.choice import Choice, Data, choose
from archwright.experiments.finalists import LONGER, MATCHED, ORIGINAL, REPEAT, Finalist
from archwright.experiments.records import encode
from archwright.objectives import Objective, is_feasible
from archwright.session.context import RunContext
from archwright.session.sampling import tried
from archwright.spaces import Architecture, Space
from archwright.trials import FULL, Candidate, Fidelity, Trial

__all__ = ["data_of", "given_place", "match_given", "others_beside", "overtaking"]

_TURNS, _SECONDS, _SHARE = 3, 10.0, 0.01
"""How often both networks are timed at most; after how many seconds, or which share of the minutes, not once more."""
_EACH = 0.3
"""Seconds for which the steps of a network are timed in a turn."""
_PART = 0.1
"""A smaller part of an epoch is no whole one more."""
_NEAR = 0.1
"""By which share the epochs of the given network may miss those of the same time, before it is trained once more."""


def given_place(context: RunContext) -> int | None:
    """The place of the network as it was given among those to compare with; None where it is not among them."""
    return next((place for place, (name, _) in context.contestants.items() if name == ORIGINAL), None)


def others_beside(context: RunContext, best: Finalist | None) -> dict[int, Candidate]:
    """The first training of each network to compare with, by its place.

    All are trained for as many epochs as the finalists, but the network as it was given: for as many as take the time
    of the best finalist.

    Args:
        context: The run.
        best: That one, trained; None where none could be.
    """
    wanted = dict.fromkeys(context.contestants, Candidate(Architecture({})))
    place = given_place(context)
    known = {trial.number for trial in context.store.trials(Stage.BASELINE)}
    if place is not None and place not in known and best is not None and best.first is not None:
        epochs = _epochs_beside(context, best.stage, best.first)
        wanted[place] = Candidate(Architecture({}), Fidelity(epochs=epochs))
    return wanted


def match_given(context: RunContext) -> bool:
    """Train the network as it was given for as long as what is delivered; False when the user asked to stop.

    Nothing is trained where that was so from the beginning. By validation the better of both is delivered, of those
    that keep the limits.
    """
    place, choice, store = given_place(context), context.run().choice, context.store
    assert choice is not None
    if place is None or choice.name == ORIGINAL or store.get("matched") is not None:
        return True
    run = context.run()
    delivered = run.training(choice)
    given = next(
        (f for f in run.finalists if f.stage is Stage.BASELINE and f.number == place and f.first), None
    )
    if given is None or given.first is None:
        return True
    is_longer = choice.number // REPEAT >= LONGER
    number = REPEAT * (choice.number // REPEAT if is_longer else MATCHED) + place
    epochs = _epochs_beside(context, Stage(choice.stage), delivered)
    before = given.first.candidate.effort.epochs or context.config.recipe.epochs
    is_near = abs(epochs - before) <= max(1.0, _NEAR * epochs)
    begun = any(trial.number == number for trial in store.trials(Stage.BASELINE))
    if not begun and not is_longer and (is_near or not _fits(context, delivered)):
        return True
    wanted = {number: Candidate(Architecture({}), Fidelity(epochs=epochs))}
    trained = context.experiment.run_all(Stage.BASELINE, wanted)
    if context.interrupts.asked:
        return False
    for trial in trained:
        _compare(context, choice, delivered, trial)
    return True


def data_of(context: RunContext) -> Data:
    """How many examples finalists are judged by."""
    parts = [getattr(context.task, name, None) for name in ("train", "validation")]
    train, validation = [len(part) if isinstance(part, Sized) else None for part in parts]
    return Data(train=train, validation=validation)


def overtaking(
    choice: Choice, delivered: Trial, given: Trial, objectives: Sequence[Objective], data: Data
) -> Choice | None:
    """The network as it was given as what is chosen, where it is better by validation and keeps the limits; else None.

    Args:
        choice: What was chosen before.
        delivered: The training of that which is delivered.
        given: The training of the network as it was given.
        objectives: Of the run.
        data: How many examples both are judged by.
    """
    both = [
        Finalist(choice.name, Stage(choice.stage), delivered.number, {0: delivered}),
        Finalist(ORIGINAL, Stage.BASELINE, given.number, {0: given}),
    ]
    again = choose(both, objectives, data)
    return again if again is not None and again.name == ORIGINAL else None


def _compare(context: RunContext, choice: Choice, delivered: Trial, given: Trial) -> None:
    """Deliver the network as it was given, where it is the better one; and tell how it did."""
    objectives, better = context.config.objectives, None
    told = f"{ORIGINAL} was fine-tuned for as long, {count_of(given.candidate.effort.epochs or 0, 'epoch')}"
    if given.error:
        told += f", which failed: {given.error.splitlines()[0]}"
    else:
        told += f": validation {choice.metric} {given.metrics.get(choice.metric, math.nan):.4g}"
        better = overtaking(choice, delivered, given, objectives, data_of(context))
        if better is not None:
            told += f"; that is better than {choice.name}, so it is delivered"
        elif not is_feasible(given, objectives):
            told += "; it does not keep the limits"
    context.experiment.say(told)
    context.store.set_fact("matched", {} if better is None else encode(better))


def _epochs_beside(context: RunContext, stage: Stage, trial: Trial) -> int:
    """In how many epochs the network as it was given is trained for as long as a training took; at least 1.

    A part of an epoch counts as a whole one, so that what was given is never at a disadvantage.
    """
    return max(1, math.ceil(_ratio(context, stage, trial) * _epochs_of(context, trial) - _PART))


def _epochs_of(context: RunContext, trial: Trial) -> int:
    curve = trial.measurement.curve if trial.measurement else ()
    return len(curve) or trial.candidate.effort.epochs or context.config.recipe.epochs


def _ratio(context: RunContext, stage: Stage, trial: Trial) -> float:
    """The seconds of an epoch of a finalist, in those of an epoch of the network as it was given.

    Both are timed here in turns, so that what else the machine does counts for both. What was measured is kept.
    """
    known = dict(context.store.get("same_time", {}))
    name = f"{stage} {trial.number % REPEAT}"
    if name not in known:
        known[name] = _measured_ratio(context, stage, trial)
        context.store.set_fact("same_time", known)
    return float(known[name])


def _measured_ratio(context: RunContext, stage: Stage, trial: Trial) -> float:
    spaces = {place: space for place, (_, space) in context.contestants.items()}
    place = given_place(context)
    assert place is not None
    space = context.space if stage is Stage.RETRAIN else spaces[trial.number % REPEAT]
    minutes = context.config.budget.minutes
    until = time.monotonic() + (_SECONDS if minutes is None else min(_SECONDS, _SHARE * 60 * minutes))
    found: list[tuple[float, float]] = []
    while len(found) < _TURNS and (not found or time.monotonic() < until):
        one = tried(partial(_epoch_seconds, context, space, trial.architecture))
        other = tried(partial(_epoch_seconds, context, spaces[place], Architecture({})))
        if not one or not other:
            context.experiment.say(
                f"how long an epoch of {ORIGINAL} takes could not be measured, so it is fine-tuned for as many epochs "
                "as the others"
            )
            return 1.0
        found.append((one, other))
    return min(one for one, _ in found) / min(other for _, other in found)


def _epoch_seconds(context: RunContext, space: Space, architecture: Architecture) -> float | None:
    from archwright.estimators.cost import time_training

    training = context.training(space)
    if not isinstance(training, Training):
        return None
    cost = time_training(training, Candidate(architecture, FULL), seconds=_EACH, most=_SECONDS / 2)
    return (cost.seconds - cost.setup) / cost.epochs


def _fits(context: RunContext, trial: Trial) -> bool:
    """Whether as long a training ends in time."""
    until = context.longer_deadline
    return until is None or time.time() + (trial.seconds or 0.0) <= until
