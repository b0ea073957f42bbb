"""The stage after the choice: the chosen network is trained once more, for as many epochs as there is time for."""

from __future__ import annotations

import time

from archwright.durations import count_of
from archwright.experiments import Job, Retraining, Stage
from archwright.experiments.finalists import LONGER, REPEAT
from archwright.experiments.work import Measure
from archwright.objectives import is_feasible, optimized
from archwright.session.context import RunContext
from archwright.spaces import Space
from archwright.trials import Candidate, Fidelity, Measurement, TrialContext

__all__ = ["by_length", "epochs_within", "prolong_winner"]

_WORTH = 1.5
"""So many times as many epochs make a training worth its time."""
_SLACK = 1.1
"""So many times as long a training may take."""


def prolong_winner(context: RunContext) -> bool:
    """Train the chosen network for longer; False when the user asked to stop.

    Of its epochs the best by validation counts. What comes of it is delivered where it keeps the limits and is no worse
    by validation than the training that was chosen; else, and where it fails, that one is.
    """
    run, store, experiment = context.run(), context.store, context.experiment
    choice = run.choice
    assert choice is not None
    number = REPEAT * LONGER + choice.number % REPEAT
    if choice.number == number:
        return True
    stage, chosen = Stage(choice.stage), run.training(choice)
    assert chosen.measurement is not None
    asked = len(chosen.measurement.curve) or context.config.recipe.epochs
    left = 0.0 if context.longer_deadline is None else context.longer_deadline - time.time()
    epochs = epochs_within(left, asked, chosen.seconds or left)
    is_begun = any(trial.number == number for trial in store.trials(stage))
    if epochs < _WORTH * asked and not is_begun:
        return True
    wanted = {number: Candidate(chosen.architecture, Fidelity(epochs=epochs), chosen.candidate.parent)}
    trials = experiment.run_all(stage, wanted)
    if context.interrupts.asked or not trials:
        return False
    first, longer = optimized(context.config.objectives)[0], trials[0]
    told = f"{choice.name} was trained once more, for {count_of(longer.candidate.effort.epochs or epochs, 'epoch')}"
    if longer.error:
        experiment.say(
            f"{told}, which failed, so its first weights are delivered: {longer.error.splitlines()[0]}"
        )
        return True
    is_better = is_feasible(longer, context.config.objectives) and first.name in longer.metrics
    is_better = is_better and first.loss(longer.metrics[first.name]) <= first.loss(chosen.metrics[first.name])
    compared = f"validation {first.name} {longer.metrics.get(first.name, float('nan')):.4g}"
    compared += f", and {chosen.metrics[first.name]:.4g} after {count_of(asked, 'epoch')}"
    if is_better:
        store.set_fact("longer", number)
    experiment.say(f"{told}: {compared}; {'this' if is_better else 'the shorter training'} is delivered")
    return True


def epochs_within(left: float, epochs: int, seconds: float) -> int:
    """For how many epochs a network can be trained in the time that is left.

    Args:
        left: Seconds.
        epochs: Of an earlier training.
        seconds: What that took.
    """
    return int(max(0.0, left) / _SLACK * epochs / seconds) if seconds > 0 else 0


def by_length(context: RunContext, space: Space) -> Measure:
    """What trains a finalist of a space: of the epochs of a longer training the best counts."""
    folder, objectives = context.folder.resolve(), context.config.objectives
    usual = Retraining(context.training(space), folder, objectives)
    longer = Retraining(context.training(space, best_epoch=True), folder, objectives)

    def measure(job: Job, trial: TrialContext) -> Measurement:
        return (longer if job.number // REPEAT == LONGER else usual)(job, trial)

    return measure
