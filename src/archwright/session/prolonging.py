"""The stage after the choice: the chosen network is trained once more, for as many epochs as there is time for."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

from archwright.durations import count_of
from archwright.estimators.training import Training
from archwright.experiments import Job, Retraining, Stage
from archwright.experiments.checkpoints import rebuilt
from archwright.experiments.choice import Choice
from archwright.experiments.finalists import LONGER, ORIGINAL, REPEAT
from archwright.experiments.work import Measure
from archwright.learning import Recipe
from archwright.objectives import is_feasible, optimized
from archwright.session.contestants import finalist_space
from archwright.session.context import RunContext
from archwright.session.regularising import MANY, augmented, bearable
from archwright.session.same_time import given_place
from archwright.spaces import Space
from archwright.trials import Candidate, Fidelity, Measurement, Trial, TrialContext

__all__ = ["by_length", "epochs_within", "paces", "prolong_winner"]

_WORTH = 1.5
"""So many times as many epochs make a training worth its time."""
_SLACK = 1.05
"""So many times as long a training may take."""
_AUGMENTED = 2 / 3
"""Share of the time for the training with augmentations."""


def prolong_winner(context: RunContext) -> bool:
    """Train the chosen network for longer; False when the user asked to stop.

    Where it bears augmentations, a training with them has two thirds of the time, and one without the rest: what
    overfits without them does so soon. Of the epochs of each the best by validation counts. The better of them is
    delivered where it keeps the limits and is no worse by validation than the training that was chosen; else, and where
    both fail, that one is. What is delivered leaves as much time to the network as it was given, see `match_given`.
    """
    choice, store = context.run().choice, context.store
    assert choice is not None
    if store.get("longer") is not None or store.get("matched") is not None:
        return True
    place, stage, chosen = choice.number % REPEAT, Stage(choice.stage), context.run().training(choice)
    asked = len(chosen.measurement.curve if chosen.measurement else ()) or context.config.recipe.epochs
    epochs = _epochs_left(context, asked, chosen)
    variant = store.get("variant")
    if variant is None:
        variant = _variant(context, choice, chosen) if epochs >= max(MANY, _WORTH * asked) else 0
        store.set_fact("variant", variant)
    trained: list[Trial] = []
    for one, share in ((variant, _AUGMENTED), (0, 1.0)) if variant else ((0, 1.0),):
        number = REPEAT * (LONGER + one) + place
        epochs = int(_share(context, choice, share, trained) * _epochs_left(context, asked, chosen))
        if epochs < _WORTH * asked and all(trial.number != number for trial in store.trials(stage)):
            continue
        wanted = {number: Candidate(chosen.architecture, Fidelity(epochs=epochs), chosen.candidate.parent)}
        trained += context.experiment.run_all(stage, wanted)
        if context.interrupts.asked:
            return False
    if trained:
        _deliver(context, choice, chosen, trained)
    return True


def _share(context: RunContext, choice: Choice, share: float, before: Sequence[Trial]) -> float:
    """Which share of the time that is left a training takes, so that the given network can have as much as the longest.

    Args:
        context: The run.
        choice: The chosen network.
        share: Which it takes where no network was given.
        before: The longer trainings before it.
    """
    if given_place(context) is None or choice.name == ORIGINAL:
        return share
    if not before:
        return share / (1 + share)
    left = max(1e-3, _seconds_left(context))
    longest = max(trial.seconds or 0.0 for trial in before)
    return max(0.0, min(share / 2, (left - longest) / left))


def _deliver(context: RunContext, choice: Choice, chosen: Trial, trained: Sequence[Trial]) -> None:
    """Keep the best of the longer trainings, or the chosen one where that is better, and tell of all."""
    objectives = context.config.objectives
    first = optimized(objectives)[0]
    able = [trial for trial in trained if is_feasible(trial, objectives) and first.name in trial.metrics]
    best = min([*able, chosen], key=lambda trial: first.loss(trial.metrics[first.name]))
    for trial in trained:
        told = f"{choice.name} was trained once more, for {count_of(trial.candidate.effort.epochs or 0, 'epoch')}"
        if variant := trial.number // REPEAT - LONGER:
            told += f" with the augmentation {augmented(Recipe(), variant).augmentation}"
        if trial.error:
            context.experiment.say(f"{told}, which failed: {trial.error.splitlines()[0]}")
            continue
        told += f": validation {first.name} {trial.metrics.get(first.name, math.nan):.4g}"
        context.experiment.say(f"{told}{'; this is delivered' if trial is best else ''}")
    if best is chosen:
        reached = f"validation {first.name} {chosen.metrics[first.name]:.4g}"
        context.experiment.say(f"the shorter training of {choice.name} is delivered: {reached}")
    context.store.set_fact("longer", best.number)


def epochs_within(left: float, epoch: float, beside: float = 0.0) -> int:
    """For how many epochs a network can be trained in the time that is left.

    Args:
        left: Seconds.
        epoch: Seconds of an epoch.
        beside: Seconds that a training takes beside its epochs.
    """
    return max(0, int((left / _SLACK - beside) / epoch)) if epoch > 0 else 0


def paces(trained: Trial, epochs: int) -> tuple[float, float]:
    """Seconds of an epoch of a training, and those that it took beside its epochs, to build the network above all.

    Args:
        trained: The training. Where it had a single epoch, all its time counts as that epoch's.
        epochs: How many it had.
    """
    curve = trained.measurement.curve if trained.measurement else ()
    ends = [point["seconds"] for point in curve if "seconds" in point]
    whole = trained.seconds or 0.0
    if len(ends) < 2:
        return whole / max(1, epochs), 0.0
    epoch = (ends[-1] - ends[0]) / (len(ends) - 1)
    return epoch, max(0.0, whole - len(ends) * epoch)


@dataclass(frozen=True)
class ByLength:
    """Trains a finalist; of the epochs of a longer training the best counts.

    Args:
        usual: The step for a training as long as all have.
        longer: The one for a longer training, by any variant of its recipe.
    """

    usual: Retraining
    longer: Retraining

    def __call__(self, job: Job, trial: TrialContext) -> Measurement:
        """Train what the job's number says."""
        variant = job.number // REPEAT - LONGER
        if variant < 0:
            return self.usual(job, trial)
        step = copy(self.longer)
        step.training = copy(self.longer.training)
        step.training.recipe = augmented(step.training.recipe, variant)
        return step(job, trial)


def by_length(context: RunContext, space: Space) -> Measure:
    """What trains a finalist of a space, see `ByLength`."""
    folder, objectives = context.folder.resolve(), context.config.objectives
    return ByLength(
        Retraining(context.training(space), folder, objectives),
        Retraining(context.training(space, best_epoch=True), folder, objectives),
    )


def _epochs_left(context: RunContext, asked: int, chosen: Trial) -> int:
    """For how many epochs the chosen network can be trained now."""
    left = _seconds_left(context)
    return epochs_within(left, *paces(chosen, asked))


def _seconds_left(context: RunContext) -> float:
    return 0.0 if context.longer_deadline is None else context.longer_deadline - time.time()


def _variant(context: RunContext, choice: Choice, chosen: Trial) -> int:
    """The augmentations that the chosen network bears."""
    space = finalist_space(context.space, context.contestants, choice)
    training, first = context.training(space), optimized(context.config.objectives)[0]
    if not isinstance(training, Training):
        return 0
    network = rebuilt(space, context.task, chosen, context.folder)
    return bearable(training, network, first, chosen.metrics[first.name])
