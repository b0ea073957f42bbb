"""The stage after the test: what is delivered is trained once more, on training and validation data together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from archwright.experiments import Job, Retraining, Run, Stage
from archwright.experiments.finalists import OTHERS, REPEAT, refit_number
from archwright.experiments.work import Measure
from archwright.learning import Recipe
from archwright.learning.best import BestEpoch
from archwright.session.contestants import finalist_space
from archwright.session.context import RunContext
from archwright.session.ensembles import REFIT, assemble
from archwright.spaces import Space
from archwright.tasks import Task
from archwright.trials import Candidate, Measurement, Trial, TrialContext

__all__ = ["refit_candidate", "refit_step", "refit_winner"]


def refit_winner(context: RunContext) -> bool:
    """Train what is delivered once more; False when the user asked to stop.

    Where that fails, the weights that were tested are delivered, and the log says so.
    """
    run = context.run()
    assert run.choice is not None
    parts = run.ensemble.members if run.ensemble_won and run.ensemble else (run.choice,)
    wanted = {}
    for part in parts:
        space = finalist_space(context.space, context.contestants, part)
        trained = run.training(part)
        number = refit_number(part.stage, part.number)
        wanted[number] = refit_candidate(trained, space, context.task, context.config.recipe)
    trials = context.experiment.run_all(Stage.REFIT, wanted)
    if context.interrupts.asked:
        return False
    errors = [trial.error.splitlines()[0] for trial in trials if trial.error]
    if errors:
        context.experiment.say(
            "training on training and validation data together failed, so the weights that were tested are delivered: "
            + errors[0]
        )
    elif run.ensemble_won and run.ensemble and not _is_assembled(context.run()):
        assemble(context, run.ensemble, REFIT)
    return True


def _is_assembled(run: Run) -> bool:
    """Whether the refit members stand in one file, of the ensemble as it is now."""
    tested, *later = run.ensembles
    return any(t.is_measured and (t.started or 0.0) >= (tested.finished or 0.0) for t in later)


def refit_step(context: RunContext) -> Measure:
    """What trains a finalist on training and validation data together, by its number in `REFIT`."""

    def retraining(space: Space) -> Retraining:
        training = context.training(space, refit=True)
        return Retraining(training, context.folder.resolve(), context.config.objectives)

    return _by_number(
        retraining(context.space),
        {place: retraining(space) for place, (_, space) in context.contestants.items()},
    )


def _by_number(own: Measure, others: dict[int, Measure]) -> Callable[[Job, TrialContext], Measurement]:
    def measure(job: Job, trial: TrialContext) -> Measurement:
        number = job.number % REPEAT
        return (own if number < OTHERS else others[number - OTHERS])(job, trial)

    return measure


def refit_candidate(trial: Trial, space: Space, task: Task, recipe: Recipe) -> Candidate:
    """What is trained again: the same network from the same seed, for as many epochs.

    Where early stopping went back to an earlier epoch, that is the last one now, under the schedule of all.

    Args:
        trial: The training that was tested.
        space: Its space.
        task: What was learned.
        recipe: How.
    """
    candidate = trial.candidate
    recipe = recipe.replace(**space.training_values(candidate.architecture))
    if recipe.early_stopping is None or trial.measurement is None:
        return candidate
    best = BestEpoch(task.metric)
    for point in trial.measurement.curve:
        best.update(int(point["epoch"]), dict(point), nn.Identity())
    return replace(candidate, fidelity=replace(candidate.effort, epochs=best.epoch, horizon=recipe.epochs))
