"""The stages of a run, each of which goes on where an earlier session left it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping

from archwright.errors import ArchwrightWarning, ExportError, SearchError
from archwright.experiments import (
    Evaluation,
    Executor,
    Job,
    JobResult,
    Listener,
    Retraining,
    RunConfig,
    Stage,
    Store,
    TrialRunner,
)
from archwright.experiments.checkpoints import rebuilt
from archwright.experiments.one_shot import read_epochs
from archwright.experiments.work import Measure
from archwright.objectives import best_trial, best_trials
from archwright.session.context import RunContext
from archwright.session.exporting import export_winner
from archwright.session.one_shot import after_training, training_minutes
from archwright.session.result import Result
from archwright.session.tracked import tracked
from archwright.spaces import Architecture, Space
from archwright.spaces.constraints import failures_told
from archwright.trials import FULL, Candidate, Trial

__all__ = ["run_stages"]

RunStage = Callable[[RunContext], bool]
"""One stage of a run: runs it, or what is left of it, and says whether it is done; else the user asked to stop.

What it left is in the store, so that running it again does nothing again. Raises `SearchError` when nothing came of it.
"""


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
        executor.close()
        store.set_fact("state", state)
        _report(context)
        return Result(context.run(), context.space, context.task)


def _stages_of(config: RunConfig) -> list[RunStage]:
    stages: list[RunStage] = [_search] if config.supernet is None else [_train_supernet, _search]
    stages += [_judge] if config.judge is not None else []
    if config.retrain > 0:
        stages += [_retrain, _compare, _test, _compare_classical] if config.baseline else [_retrain, _test]
        stages += [_export]
    return stages


def _steps(context: RunContext) -> Mapping[Stage, Measure]:
    """What the jobs run, by what they are run for."""
    objectives, folder = context.config.objectives, context.folder.resolve()
    example = context.task.example_arguments()
    steps: dict[Stage, Measure] = {}
    steps[Stage.SEARCH] = Evaluation(context.space, context.estimator, context.config.searched, example)
    if context.judges is not None:
        steps[Stage.JUDGE] = context.judges.step
    if context.config.retrain > 0:
        steps[Stage.RETRAIN] = Retraining(context.training(), folder, objectives)
    if context.baseline_space is not None:
        training = context.training(context.baseline_space)
        steps[Stage.BASELINE] = Retraining(training, folder, objectives)
    return steps


def _train_supernet(context: RunContext) -> bool:
    """Train the supernet of a one-shot method, one durable epoch after the other."""
    assert context.supernet is not None
    minutes = training_minutes(context.config)
    if context.supernet.run(context.store, context.listener, context.interrupts, minutes) is None:
        return False
    spent = sum(entry["seconds"] for entry in read_epochs(context.store))
    context.budget = after_training(context.config, spent)
    return True


def _search(context: RunContext) -> bool:
    """Propose and measure candidates until the budget is spent. See `Experiment.search`."""
    ended = context.experiment.search(context.strategy, context.budget, context.config.fidelity.high)
    return ended is not None


def _judge(context: RunContext) -> bool:
    """Score again by cheap estimates what the search has trained. See `Judges.run`."""
    assert context.judges is not None
    return context.judges.run(context.experiment, context.store, context.listener, context.interrupts)


def _retrain(context: RunContext) -> bool:
    """Train the best from scratch at full fidelity; those that an earlier session trained are kept."""
    config = context.config
    best = best_trials(
        context.store.trials(),
        config.searched,
        config.retrain,
        lambda trial: context.space.canonical(trial.architecture),
    )
    if not best:
        has_limits = any(objective.limit is not None for objective in config.searched)
        told = "keeps all limits" if has_limits else "has the metrics that are optimised"
        cure = "loosen a limit, or try more" if has_limits else "try more"
        raise SearchError(f"no completed trial {told}, so none is retrained; {cure}")
    wanted = {t.number: Candidate(t.candidate.architecture, FULL, t.number) for t in best}
    context.retrained = retrained = context.experiment.run_all(Stage.RETRAIN, wanted)
    if context.interrupts.asked:
        return False
    if best_trial(retrained, config.objectives) is None:
        errors = "; ".join(sorted({trial.error for trial in retrained if trial.error}))
        raise SearchError(f"none of the best could be retrained{f': {errors}' if errors else ''}")
    return True


def _compare(context: RunContext) -> bool:
    """Train a hand-made network the same way, where there is one for the task's inputs."""
    if context.baseline_space is not None:
        context.compared = context.experiment.run_all(Stage.BASELINE, {0: Candidate(Architecture({}))})
    return not context.interrupts.asked


def _test(context: RunContext) -> bool:
    """Choose the winner by validation, and read its test scores and the hand-made network's, once."""
    store, objectives = context.store, context.config.objectives
    winner = best_trial(context.retrained, objectives)
    if winner is not None and store.get("winner") != winner.number:
        store.set_fact("test", _scores(context, context.space, winner))
        store.set_fact("winner", winner.number)
    for compared in context.compared:
        if context.baseline_space and compared.measurement and store.get("baseline_test") is None:
            store.set_fact("baseline_test", _scores(context, context.baseline_space, compared))
    return True


def _compare_classical(context: RunContext) -> bool:
    """Train scikit-learn's standard models on a table's rows; one that fails is told."""
    from archwright.tasks.classical import classical_models, classical_scores, is_table

    store, task = context.store, context.task
    if not is_table(task):
        return True
    for model in classical_models(task):
        found = store.get("classical", {})
        if model in found or context.interrupts.asked:
            continue
        try:
            store.set_fact("classical", {**found, model: classical_scores(task, model)})
        except (ValueError, MemoryError) as error:
            context.experiment.say(f"no {model.replace('_', ' ')} is compared with: {error}")
    return not context.interrupts.asked


def _scores(context: RunContext, space: Space, trial: Trial) -> dict[str, float]:
    return context.training(space).test(rebuilt(space, context.task, trial, context.folder))


def _export(context: RunContext) -> bool:
    """Write the winner into the run's `best/`: source, weights, ONNX and a model card."""
    try:
        export_winner(context.run(), context.space, context.task, onnx=context.onnx)
    except ExportError as error:  # hours of search are worth more than their source
        text = f"the network could not be exported, its weights are in checkpoints/: {error}"
        context.experiment.say(text)
        warnings.warn(text, ArchwrightWarning, stacklevel=2)
    return True


def _report(context: RunContext) -> None:
    """Write one page into the run's folder."""
    from archwright.reports import write_report

    example = context.task.example_arguments()
    write_report(context.run(), context.folder / "report.html", space=context.space, example=example)
