"""The stages of a run, each of which goes on where an earlier session left it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping

from archwright.errors import ArchwrightWarning, ExportError
from archwright.experiments import (
    Executor,
    Job,
    JobResult,
    Listener,
    RunConfig,
    Stage,
    Store,
    TrialRunner,
    open_store,
)
from archwright.experiments.checkpoints import rebuilt
from archwright.experiments.finalists import HAND_MADE, ORIGINAL
from archwright.experiments.one_shot import read_epochs
from archwright.experiments.work import Measure
from archwright.session.contestants import finalist_space, winner_space
from archwright.session.context import RunContext
from archwright.session.ensembles import form_ensemble
from archwright.session.exporting import export_winner
from archwright.session.finals import by_place, hold_finals
from archwright.session.measuring import measure_winner
from archwright.session.one_shot import after_training, training_minutes
from archwright.session.prolonging import by_length, prolong_winner
from archwright.session.refitting import refit_step, refit_winner
from archwright.session.result import Result
from archwright.session.same_time import match_given
from archwright.session.tracked import tracked
from archwright.session.working import left_to_workers, workers_welcome
from archwright.spaces import Space
from archwright.spaces.constraints import failures_told
from archwright.trials import Trial

__all__ = ["begin_run", "run_stages"]

RunStage = Callable[[RunContext], bool]
"""One stage of a run: runs it, or what is left of it, and says whether it is done; else the user asked to stop.

What it left is in the store, so that running it again does nothing again. Raises `SearchError` when nothing came of it.
"""


def begin_run(
    context: RunContext,
    executor: Executor[Job, JobResult] | None,
    listener: Listener,
    store: str | None = None,
) -> Result:
    """Make a new run's folder, record and store, and run all stages.

    Args:
        context: The run.
        executor: Where trials run; None leaves the search to workers, and runs nothing.
        listener: Is told of every step.
        store: URL of the store, with what is secret in it; None takes what the record says.

    Raises:
        RunError: When the store is out of reach, or another process has it.
    """
    context.folder.mkdir(parents=True, exist_ok=True)
    opened = open_store(context.folder, context.config, store, create=True)
    context.config.write(context.folder)
    opened.lock()
    if executor is None:
        return left_to_workers(context, opened)
    return run_stages(context, opened, executor, listener)


def run_stages(
    context: RunContext, store: Store, executor: Executor[Job, JobResult], listener: Listener
) -> Result:
    """Run all stages that are still to be run, with the store locked and the run's folder in place.

    The report is written however they end.
    """
    with store, tracked(context, store, listener) as listener:
        context.open(store, executor, listener)
        store.set_fact("state", "running")
        for note in context.notes:
            context.experiment.say(note)
        state, time_limit = "completed", executor.time_limit
        try:
            config = context.config
            executor.open(
                TrialRunner(_steps(context), config.objectives, config.searched), context.experiment.answer
            )
            with context.interrupts.watched(listener), failures_told(context.experiment.say):
                for stage in _stages_of(context.config):
                    executor.time_limit = time_limit if stage is _search else None
                    if not stage(context):
                        state = "stopped"
                        break
        except BaseException as error:
            executor.close(now=True)
            # What is told is the first error, not that of a store that was lost.
            with contextlib.suppress(Exception):
                store.set_fact("state", "stopped" if isinstance(error, KeyboardInterrupt) else "failed")
                _report(context)
            raise
        finally:
            executor.time_limit = time_limit
        context.experiment.note_expense(now=True)
        executor.close()
        store.set_fact("state", state)
        _report(context)
        return Result(context.run(), context.space, context.task, context.contestants)


def _stages_of(config: RunConfig) -> list[RunStage]:
    stages: list[RunStage] = [_search] if config.supernet is None else [_train_supernet, _search]
    stages += [_judge] if config.judge is not None else []
    if config.retrain > 0:
        # The standard models come first, so that what they take is taken from the search's share of the minutes.
        stages = [*([_compare_classical] if config.baseline else []), *stages, hold_finals]
        stages += [prolong_winner] if config.plan is not None and config.plan.longest else []
        stages += [match_given] if ORIGINAL in config.compare else []
        stages += [*([form_ensemble] if config.ensemble > 1 else []), _test]
        stages += [*([refit_winner] if config.refit else []), _export]
    return stages


def _steps(context: RunContext) -> Mapping[Stage, Measure]:
    """What the jobs run, by what they are run for."""
    steps: dict[Stage, Measure] = {}
    steps[Stage.SEARCH] = context.evaluation()
    if context.judges is not None:
        steps[Stage.JUDGE] = context.judges.step
    if context.config.retrain > 0:
        steps[Stage.RETRAIN] = by_length(context, context.space)
        steps[Stage.BASELINE] = by_place(
            {place: by_length(context, space) for place, (_, space) in context.contestants.items()}
        )
    if context.config.refit:
        steps[Stage.REFIT] = refit_step(context)
    return steps


def _train_supernet(context: RunContext) -> bool:
    """Train the supernet of a one-shot method, one durable epoch after the other."""
    assert context.supernet is not None
    minutes = training_minutes(context.config, context.budget)
    if context.supernet.run(context.store, context.listener, context.interrupts, minutes) is None:
        return False
    spent = sum(entry["seconds"] for entry in read_epochs(context.store))
    context.budget = after_training(context.config, context.budget, spent)
    return True


def _search(context: RunContext) -> bool:
    """Propose and measure candidates until the budget is spent. See `Experiment.search`."""
    with workers_welcome(context):
        ended = context.experiment.search(context.strategy, context.budget, context.config.fidelity.high)
    return ended is not None


def _judge(context: RunContext) -> bool:
    """Score again by cheap estimates what the search has trained. See `Judges.run`."""
    assert context.judges is not None
    return context.judges.run(context.experiment, context.store, context.listener, context.interrupts)


def _test(context: RunContext) -> bool:
    """Read the test scores of the chosen network and of those that it is compared with, once."""
    store, run = context.store, context.run()
    choice = run.choice
    assert choice is not None
    finalists = {(str(f.stage), f.number): f for f in run.finalists}
    if store.get("winner") != choice.number or store.get("test") is None:
        store.set_fact("test", None)
        store.set_fact("winner", choice.number)
        run = context.run()
        assert run.winner is not None
        space = winner_space(run, context.space, context.contestants)
        store.set_fact("test", _scores(context, space, run.winner))
    tested = dict(store.get("compared_test", {}))
    if run.ensemble_won and choice.name not in (HAND_MADE, *tested):
        space = finalist_space(context.space, context.contestants, choice)
        tested[choice.name] = _scores(context, space, run.training(choice))
        store.set_fact("compared_test", tested)
    for place, (name, space) in context.contestants.items():
        finalist = finalists.get((str(Stage.BASELINE), place))
        if finalist is None or finalist.first is None:
            continue
        if place == 0 and store.get("baseline_test") is None:
            store.set_fact("baseline_test", _scores(context, space, finalist.first))
        elif place and name not in tested:
            trial = run.given if name == ORIGINAL else finalist.first
            tested[name] = _scores(context, space, trial or finalist.first)
            store.set_fact("compared_test", tested)
    measure_winner(context)
    return True


def _compare_classical(context: RunContext) -> bool:
    """Train scikit-learn's standard models on a table's rows; one that fails is told."""
    from threadpoolctl import threadpool_limits

    from archwright.tasks.classical import classical_models, classical_scores, is_table

    store, task = context.store, context.task
    if not is_table(task):
        return True
    for model in classical_models(task):
        found = store.get("classical", {})
        if model in found or context.interrupts.asked:
            continue
        try:
            # One thread, or as many as pay for networks: on a busy machine more of them wait for each other.
            with threadpool_limits(context.config.device.threads or 1):
                store.set_fact("classical", {**found, model: classical_scores(task, model)})
        except (ValueError, MemoryError) as error:
            context.experiment.say(f"no {model.replace('_', ' ')} is compared with: {error}")
    return not context.interrupts.asked


def _scores(context: RunContext, space: Space, trial: Trial) -> dict[str, float]:
    return context.training(space).test(rebuilt(space, context.task, trial, context.folder))


def _export(context: RunContext) -> bool:
    """Write the winner into the run's `best/`: source, weights, forms for other runtimes, and a model card."""
    try:
        run, task = context.run(), context.task
        export_winner(
            run, winner_space(run, context.space, context.contestants), task, formats=context.formats
        )
    except ExportError as error:  # hours of search are worth more than their source
        text = f"the network could not be exported, its weights are in checkpoints/: {error}"
        context.experiment.say(text)
        warnings.warn(text, ArchwrightWarning, stacklevel=2)
    return True


def _report(context: RunContext) -> None:
    """Write one page into the run's folder."""
    from archwright.reports import write_report

    example = context.task.example_arguments()
    run = context.run()
    space = winner_space(run, context.space, context.contestants)
    write_report(run, context.folder / "report.html", space=space, example=example, searched=context.space)
