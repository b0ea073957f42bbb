"""The main job from end to end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.errors import UsageError, did_you_mean
from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    Budget,
    DeviceConfig,
    Executor,
    ExecutorConfig,
    Job,
    JobResult,
    Listener,
    NamedConfig,
    RunConfig,
    SpaceConfig,
    SupernetConfig,
    TaskConfig,
    open_store,
    resolve_task,
)
from archwright.experiments.executors import make_executor
from archwright.experiments.expense import priced
from archwright.experiments.interrupts import exits_told
from archwright.experiments.store import without_secrets
from archwright.experiments.time_plan import Trainings
from archwright.objectives import Objective
from archwright.references import absolute_reference, is_object_reference
from archwright.session.contestants import contestant_spaces, named_spaces
from archwright.session.context import RunContext
from archwright.session.default_search import default_search
from archwright.session.defaults import (
    listener_for,
    new_folder,
    objectives_for,
    recorded_reference,
    space_for,
    table_options,
)
from archwright.session.exporting import unprintable
from archwright.session.fidelities import check_fidelity, fidelity_for
from archwright.session.judgement import judged_estimator
from archwright.session.one_shot import default_budget
from archwright.session.parts import check_ensemble, check_measured, check_trainings, estimator_for, named
from archwright.session.planning import plan_run
from archwright.session.result import Result
from archwright.session.sources import fingerprints_of
from archwright.session.stages import run_stages
from archwright.session.starting import held_values, starting_points
from archwright.spaces import Space
from archwright.spaces.zoo import SPACES
from archwright.strategies import STRATEGIES, Strategy
from archwright.strategies.pruners import Pruner
from archwright.supernets import METHODS, OneShot, make_method
from archwright.tasks import TASKS, Task
from archwright.trackers import Tracker, make_trackers
from archwright.trials import FULL, Fidelity, FidelityRange

if TYPE_CHECKING:
    from archwright.learning import Recipe

__all__ = ["search"]


@exits_told()
def search(
    space: Space | str | None,
    task: Task | str,
    *,
    strategy: Strategy | OneShot | str | None = None,
    strategy_options: dict[str, Any] | None = None,
    fix: Mapping[str, Any] | None = None,
    enqueue: Sequence[Mapping[str, Any] | str | Path] = (),
    objectives: Sequence[Objective | str] = (),
    budget: Budget | None = None,
    estimator: Estimator | str | None = None,
    estimator_options: dict[str, Any] | None = None,
    executor: Executor[Job, JobResult] | str | None = None,
    executor_options: dict[str, Any] | None = None,
    pruner: Pruner | str | None = None,
    pruner_options: dict[str, Any] | None = None,
    recipe: Recipe | None = None,
    fidelity: FidelityRange | Fidelity | str = FULL,
    retrain: int = 3,
    repeats: int | None = None,
    ensemble: int = 1,
    refit: bool = False,
    baseline: bool = True,
    compare: Sequence[Any] = (),
    seed: int = 0,
    workers: int | None = None,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    accelerator: str = "auto",
    precision: str = "32-true",
    price: str | float | None = None,
    store: str | None = None,
    out: str | Path | None = None,
    onnx: bool | None = None,
    listener: Listener | None = None,
    tracker: Tracker | str | Sequence[Tracker | str] = (),
    progress: bool = True,
    task_options: dict[str, Any] | None = None,
    command: str | None = None,
    began: float | None = None,
) -> Result:
    """Search a network for a task, retrain the best, and write everything into a run's folder.

    Args:
        space: A space, a built-in name, `file.py:object`, or None for one that fits the task's inputs.
        task: A task, a built-in name, `file.py:object`, a CSV file or a folder of images.
        strategy: A strategy, a one-shot method, a built-in name, `file.py:object` for a class of your own, or None for
            one that fits space and budget.
        strategy_options: Options of a strategy given by name.
        fix: Address to value of decisions that are held, so that only the others are searched.
        enqueue: What is tried first: architectures, or some of their values, beside which the others are the
            defaults; "default"; or JSON files with these, such as the `architecture.json` of an export.
        objectives: Objectives and limits, such as `["accuracy", "params<=50000"]`; the first one that is optimised
            decides what is best. Without one it is the task's metric.
        budget: When to stop; None means 50 trials, after a one-shot method as many as are retrained (of `enas` ten
            times as many), or 100 where a search follows on its shared weights. Its minutes hold for all: the training
            of a supernet, the search, retraining, test, export and report; the shares are planned from what training
            costs here, which is measured first.
        estimator: What measures candidates, or its name; None trains each from scratch by the recipe; "auto" takes the
            cheapest that suffices by the run of `judge` whose folder is its option "judge".
        estimator_options: Options of an estimator given by name.
        executor: Where trials run, or its name; None means this process for one worker, worker processes for more.
        executor_options: Options of an executor given by name.
        pruner: What stops trials early, or its name; None lets all run to their end.
        pruner_options: Options of a pruner given by name.
        recipe: How networks are trained; None means the defaults with this seed, for fewer epochs where full trainings
            do not fit into the minutes.
        fidelity: Effort of the estimates in the search, such as `aw.Fidelity(epochs=5)` or "epochs=2..16,cells=3";
            retraining always has full effort. Strategies such as "asha" move over a range; without one they begin at
            1 epoch.
        retrain: How many of the best are trained again from scratch; 0 leaves out all that follows the search.
        repeats: How often each finalist is trained at most, under other seeds, or with other folds for validation where
            there are fewer than 3,000 examples; None means once, and with a bound in minutes as often as the time
            reaches.
        ensemble: How many trainings of the finalists are delivered as one network whose outputs are the mean of
            theirs; 1 delivers a single one. Limits hold for all of it.
        refit: Whether the chosen network is trained once more, on training and validation data together, and these
            weights are delivered. The scores stay those of the network that was tested.
        baseline: Also train a sensible hand-made network in the same way. It is delivered where no better one is found.
        compare: Networks of your own to train and compare in the same way: a class, a function that builds one, or
            `file.py:object`. The best is delivered.
        seed: Of the strategy and the training; the data's split has its own, in the task.
        workers: 1 runs trials in this process, more in so many processes; None means 1, and with a bound in minutes as
            many as use the machine.
        time_limit: Seconds a trial may take; over it, it has failed.
        memory_limit: Bytes a trial may take, with workers > 1.
        accelerator: Lightning Fabric's name of a device: "cpu", "cuda", "mps", "auto".
        precision: Lightning Fabric's name: "32-true", "bf16-mixed", ...
        price: Of an hour of the machine, such as 0.85 or "0.85 EUR"; the report and the card say what the run cost.
        store: URL of a database; None means a SQLite file in the run's folder.
        out: The run's folder, new or empty; None means `runs/NAME` by the task's name.
        onnx: Whether to export to ONNX; None does so where the extra is installed.
        listener: Is told of every step; None shows progress, unless `progress` is False.
        tracker: Where to follow the run live: "tensorboard", "mlflow=sqlite:///mlflow.db", "trackio=PROJECT", a
            `Tracker`, or several of these.
        progress: Whether to show progress where no listener is given.
        task_options: Options of a task given by name or path (`target`, `seed`, those of `tasks.from_csv`).
        command: The command line, for the report.
        began: Unix time from which the minutes count; None means now.

    Returns:
        The result; its `state` is "stopped" when Ctrl-C ended the search early.

    Raises:
        UsageError: When an argument does not fit; nothing was run.
        SearchError: When no trial was completed.
    """
    from archwright.learning import Recipe

    began = began or time.time()
    if price is not None:
        priced(str(price), 0.0)
    trainings = Trainings(retrain=retrain, ensemble=ensemble, refit=refit)
    check_trainings(trainings, repeats)
    trackers = make_trackers([tracker] if isinstance(tracker, Tracker | str) else tracker)
    own_executor = executor if isinstance(executor, Executor) else None
    if own_executor and (workers or 1, time_limit, memory_limit) != (1, None, None):
        raise UsageError("workers and limits go with an executor by name; one that is an object has its own")
    task_options = table_options(task_options or {}, objectives)
    made_task = resolve_task(task, **task_options) if isinstance(task, str) else task
    made_space, space_reference = space_for(space, made_task)
    chosen = objectives_for(objectives, made_task)
    check_ensemble(ensemble, chosen, made_task)
    notes = list(made_task.notes)
    if space is None:
        notes.append(f"space: {space_reference}, picked for inputs of shape {made_task.input_shape}")
    folder = new_folder(out, made_task.name)
    held = held_values(made_space, fix or {})
    fixed = made_space.fix(held)
    if held and isinstance(strategy, Strategy):
        raise UsageError(
            "fix: a strategy that is given as an object has its space: make it with space.fix({...}), and search that"
        )
    own = named_spaces(compare, made_task)
    device = DeviceConfig(accelerator=accelerator, precision=precision)
    planned = plan_run(
        fixed,
        made_task,
        recipe or Recipe(seed=seed),
        [space for _, space in contestant_spaces(made_task, own, own, baseline and retrain > 0)[0].values()],
        began=began,
        minutes=None if budget is None else budget.minutes,
        trainings=trainings,
        workers=own_executor.slots if own_executor else workers,
        device=device,
        onnx=onnx,
        may_fit=recipe is None,
        objectives=chosen,
    )
    recipe, device = planned.recipe, replace(device, threads=planned.threads)
    notes += planned.notes
    options = dict(strategy_options or {})
    known: tuple[Mapping[str, Any], ...] = ()
    if strategy is None or strategy == "auto":
        trials = options.pop("trials", (budget or default_budget(None, retrain)).trials)
        picked = default_search(
            fixed,
            space_reference,
            made_task,
            chosen,
            planned,
            trials=trials,
            minutes=None if budget is None else budget.minutes,
            after=trainings,
            fidelity=fidelity,
            is_plain=estimator in (None, "training") and pruner in (None, "never"),
            accelerator=device.accelerator,
        )
        strategy, fidelity, known = picked.strategy, picked.fidelity, picked.known
        options = {**picked.options, **options}
        notes.append(picked.note)
    if estimator == "auto":
        asked = (estimator_options, strategy, made_space, made_task, fidelity)
        estimator, estimator_options, fidelity, why = judged_estimator(*asked)
        notes.append(why)
    effort = fidelity_for(fidelity, strategy, recipe.epochs)
    if effort != FidelityRange.of(fidelity):
        notes.append(f"fidelity: {effort}, since no range was given")
    estimator, estimator_options = estimator_for(strategy, options, estimator, estimator_options)
    method, supernet = method_of(
        strategy, options, seed, effort, estimator or estimator_options or None, pruner
    )
    if supernet is not None and precision != "32-true" and "precision" not in options:
        notes.append(
            f"the supernet is trained in 32 bits; {precision} holds for the networks trained from scratch; for both: "
            f"--option precision={precision}"
        )
    if estimator in (None, "training", "cascade"):
        check_measured(chosen, made_space, made_task)
        check_fidelity(effort, fixed, made_task)
    name = strategy if isinstance(strategy, str) else type(strategy).__name__
    name = absolute_reference(name) if is_object_reference(name) else name
    config = RunConfig(
        name=folder.name,
        task=TaskConfig.of(made_task, recorded_reference(task, TASKS), task_options),
        space=SpaceConfig.of(made_space, recorded_reference(space_reference, SPACES)),
        strategy=NamedConfig(name=name, options=options),
        supernet=supernet,
        estimator=named("WeightSharing" if supernet else estimator or "Training", estimator_options),
        pruner=None if pruner is None and not pruner_options else named(pruner, pruner_options),
        executor=ExecutorConfig(
            name=executor if isinstance(executor, str) else None,
            options=named(executor or "", executor_options).options,
            workers=planned.workers,
            time_limit=time_limit,
            memory_limit=memory_limit,
        ),
        device=device,
        held=held,
        enqueue=starting_points(fixed, enqueue),
        known=known,
        seed=seed,
        objectives=chosen,
        budget=budget or default_budget(name, retrain, supernet.scored if supernet else None),
        recipe=recipe,
        fidelity=effort,
        plan=planned.plan,
        retrain=retrain,
        repeats=repeats,
        ensemble=ensemble,
        refit=refit,
        baseline=baseline,
        compare=tuple(own),
        price=None if price is None else str(price),
        store=store and without_secrets(store),
        command=command and command.replace(store or command, without_secrets(store or command)),
    )
    config = replace(config, sources=fingerprints_of(config, made_space, made_task))
    config = replace(config, mark=config.signature())
    if retrain > 0:
        notes += unprintable(made_space)
    context = RunContext(
        folder,
        config,
        made_space,
        made_task,
        strategy=method or strategy,
        estimator=estimator,
        pruner=pruner,
        compare=own,
        onnx=onnx,
        trackers=trackers,
        notes=notes,
        began=began,
    )
    config = context.config
    if config.ranked_by is not None:
        check_measured(chosen, made_space, made_task)  # when the best are retrained
    runs = own_executor or make_executor(config.executor)
    runs.check(space=made_space, task=made_task, estimator=estimator)
    folder.mkdir(parents=True, exist_ok=True)
    opened = open_store(folder, config, store, create=True)
    config.write(folder)
    opened.lock()
    return run_stages(context, opened, runs, listener_for(listener, progress, (*config.searched, *chosen)))


def method_of(
    strategy: Strategy | OneShot | str,
    options: dict[str, Any],
    seed: int,
    fidelity: FidelityRange,
    estimator: object,
    pruner: object,
) -> tuple[OneShot | None, SupernetConfig | None]:
    """The one-shot method that a strategy is, and the record of its supernet; None where it is none.

    Raises:
        UsageError: When the name is unknown, or an argument does not go with a one-shot method.
    """
    if isinstance(strategy, Strategy) or (isinstance(strategy, str) and strategy in STRATEGIES):
        return None, None
    if isinstance(strategy, str) and strategy not in METHODS:
        raise UsageError(f"unknown strategy {strategy!r}.{did_you_mean(strategy, [*STRATEGIES, *METHODS])}")
    if fidelity != FidelityRange():
        raise UsageError(
            "a one-shot method scores its trials without training them, so a shorter training in the search "
            "(--fidelity) has no meaning; shorten the supernet's: --option epochs=10"
        )
    if estimator is not None:
        raise UsageError("a one-shot method estimates by its supernet; give an estimator to another strategy")
    if pruner not in (None, "never"):
        raise UsageError(
            "a one-shot method scores its trials without training them, so there is nothing for a pruner to stop; "
            "leave --pruner out"
        )
    method = make_method(strategy, seed=seed, **options) if isinstance(strategy, str) else strategy
    if not isinstance(method, OneShot):
        raise UsageError(f"expected a strategy, a one-shot method or the name of one, got {method!r}")
    return method, SupernetConfig(epochs=method.epochs, scored=method.proposals_per_retrain)
