"""The main job from end to end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.errors import UsageError
from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    Budget,
    Executor,
    ExecutorConfig,
    Job,
    JobResult,
    Listener,
    RunConfig,
    SpaceConfig,
    TaskConfig,
)
from archwright.experiments.early_checks import check_search, named, new_folder
from archwright.experiments.executors import make_executor
from archwright.experiments.interrupts import exits_told
from archwright.experiments.store import without_secrets
from archwright.experiments.time_plan import Trainings
from archwright.export import chosen_formats
from archwright.objectives import Objective
from archwright.pretrained import Buildable
from archwright.programs.settings import settings_of
from archwright.session.approach import Approach, Subject, approach_for, subject_of
from archwright.session.contestants import contestant_spaces, named_spaces, with_original
from archwright.session.context import RunContext
from archwright.session.defaults import listener_for, recorded_reference, shown_names
from archwright.session.exporting import unprintable
from archwright.session.one_shot import bounded_budget
from archwright.session.parts import (
    check_ensemble,
    check_measured,
    device_for,
)
from archwright.session.planning import Planned, plan_run
from archwright.session.reachable import check_reachable
from archwright.session.recipes import chosen_recipe
from archwright.session.result import Result
from archwright.session.sources import fingerprints_of
from archwright.session.stages import begin_run
from archwright.session.starting import starting_points
from archwright.session.tracked import followed_by
from archwright.spaces import Space
from archwright.spaces.zoo import SPACES
from archwright.strategies import Strategy
from archwright.strategies.pruners import Pruner
from archwright.supernets import OneShot
from archwright.tasks import TASKS, Task
from archwright.trackers import Tracker
from archwright.trials import FULL, Fidelity, FidelityRange

if TYPE_CHECKING:
    from archwright.learning import Recipe

__all__ = ["search"]


@exits_told()
def search(
    space: Space | str | None,
    task: Task | str,
    *,
    network: Buildable | str | None = None,
    network_options: Mapping[str, Any] | None = None,
    strategy: Strategy | OneShot | str | None = None,
    strategy_options: dict[str, Any] | None = None,
    fix: Mapping[str, Any] | None = None,
    rules: Sequence[str] | str | Path = (),
    enqueue: Sequence[Mapping[str, Any] | str | Path] = (),
    objectives: Sequence[Objective | str] = (),
    budget: Budget | None = None,
    estimator: Estimator | str | None = None,
    estimator_options: dict[str, Any] | None = None,
    executor: Executor[Job, JobResult] | str | None = None,
    executor_options: dict[str, Any] | None = None,
    pruner: Pruner | str | None = None,
    pruner_options: dict[str, Any] | None = None,
    recipe: Recipe | Mapping[str, Any] | None = None,
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
    devices: int | Sequence[int] = 1,
    precision: str = "32-true",
    price: str | float | None = None,
    store: str | None = None,
    checkpoints: str | None = None,
    out: str | Path | None = None,
    formats: Sequence[str] | str | None = None,
    onnx: bool | None = None,
    listener: Listener | None = None,
    tracker: Tracker | str | Sequence[Tracker | str] = (),
    tracker_options: Mapping[str, Any] | None = None,
    progress: bool = True,
    task_options: dict[str, Any] | None = None,
    space_options: Mapping[str, Any] | None = None,
    command: str | None = None,
    began: float | None = None,
) -> Result:
    """Search a network for a task, retrain the best, and write everything into a run's folder.

    Args:
        space: A space, a built-in name, `file.py:object`, or None for one that fits the task's inputs.
        task: A task, a built-in name, `file.py:object`, a CSV file or a folder of images.
        network: A trained network of your own, whose widths and depths are the space and whose weights every
            candidate inherits: a module, a class or function that builds one, or `file.py:object`. The
            space is None then.
        network_options: Of the network, as for `from_network`: "weights", a file; "only" and "keep", patterns of
            names; "decide"; "step"; "seconds". With the strategy "puzzle" as for `blockwise`: "weights", "blocks",
            "only", "library". With either "bits": what layers may be stored in besides float32, "int8" and "int4".
        strategy: A strategy, a one-shot method, a built-in name, `file.py:object` for a class of your own, or None for
            one that fits space and budget.
        strategy_options: Options of a strategy given by name.
        fix: Address to value of decisions that are held, so that only the others are searched.
        rules: What is required or forbidden, and which options are likelier: lines such as "forbid layers.*.width > 64"
            and "weight layers.*.operation conv=3", or a file of them; see `archwright.spaces.rules`.
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
        recipe: How networks are trained, or some fields of it, as `{"epochs": 5}`; None means the defaults with this
            seed, for fewer epochs where full trainings do not fit into the minutes. The defaults are those of
            fine-tuning (`archwright.learning.FINE_TUNING`) where the networks of the space come with weights.
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
            many as use the machine. 0 leaves the search to `archwright worker`s on a PostgreSQL store; `resume` does
            the rest.
        time_limit: Seconds a trial may take; over it, it has failed.
        memory_limit: Bytes a trial may take, with workers > 1.
        accelerator: Lightning Fabric's name of a device: "cpu", "cuda", "mps", "auto".
        devices: How many devices train one network together, or one supernet, or their indices, such as [0, 2]; with
            several, one trial runs at a time.
        precision: Lightning Fabric's name: "32-true", "bf16-mixed", ...
        price: Of an hour of the machine, such as 0.85 or "0.85 EUR"; the report and the card say what the run cost.
        store: URL of a database; None means a SQLite file in the run's folder.
        checkpoints: Where trials keep their states, and weights on their way, for workers that do not reach the run's
            folder: a folder that all machines share, or a URL of fsspec's; None means the run's folder.
        out: The run's folder, new or empty; None means `runs/NAME` by the task's name.
        formats: What the network is written in besides source and weights: "onnx", "pt2" (torch.export), "executorch",
            or several of these, each checked against PyTorch; () for none. None means ONNX where it is installed.
        onnx: The older spelling: True adds "onnx" to the formats, False leaves it out.
        listener: Is told of every step; None shows progress, unless `progress` is False.
        tracker: Where to follow the run live: "tensorboard", "mlflow=sqlite:///mlflow.db", "trackio=PROJECT", a
            `Tracker`, or several of these. `resume` goes on with those that have a name.
        tracker_options: Options of trackers given by name, as `{"mlflow.experiment": "digits"}`.
        progress: Whether to show progress where no listener is given.
        space_options: Options of a built-in space, see `SPACES.options(name)`.
        task_options: Options of a task given by name or path (`target`, `seed`, those of `tasks.from_csv`).
        command: The command line, for the report.
        began: Unix time from which the minutes count; None means now.

    Returns:
        The result; its `state` is "stopped" when Ctrl-C ended the search early.

    Raises:
        UsageError: When an argument does not fit; nothing was run.
        SearchError: When no trial was completed.
    """
    began, asked = began or time.time(), chosen_formats(formats, onnx)
    trainings = Trainings(retrain=retrain, ensemble=ensemble, refit=refit)
    check_search(
        space=space,
        task=task,
        task_options=task_options,
        network=network,
        strategy=strategy,
        strategy_options=strategy_options,
        estimator=estimator,
        estimator_options=estimator_options,
        pruner=pruner,
        pruner_options=pruner_options,
        executor=executor,
        executor_options=executor_options,
        recipe=recipe,
        rules=rules,
        enqueue=enqueue,
        compare=compare,
        trainings=trainings,
        repeats=repeats,
        workers=workers,
        price=price,
        store=store,
        out=out,
    )
    followed, trackers = followed_by(tracker, tracker_options)
    own_executor = executor if isinstance(executor, Executor) else None
    if own_executor and (workers or 1, time_limit, memory_limit) != (1, None, None):
        raise UsageError("workers and limits go with an executor by name; one that is an object has its own")
    subject = subject_of(
        space,
        task,
        network=network,
        network_options=network_options,
        strategy=strategy,
        objectives=objectives,
        fix=fix,
        rules=rules,
        task_options=task_options,
        space_options=space_options,
    )
    check_ensemble(ensemble, subject.objectives, subject.task)
    check_reachable(subject.fixed, subject.task, subject.objectives)
    baseline = baseline and settings_of(subject.space) is None  # programs are compared with hand-written ones
    if (subject.held or subject.rules) and isinstance(strategy, Strategy):
        raise UsageError(
            "fix and rules: a strategy that is given as an object has its space: make it with space.fix({...}) or "
            "space.obey([...]), and search that"
        )
    folder = new_folder(out, subject.task.name)
    told = listener_for(listener, progress)
    own = named_spaces(compare, subject.task)
    device = device_for(accelerator, devices, precision, own_executor.slots if own_executor else workers)
    is_compared = baseline and retrain > 0
    compared = with_original(own, subject.space, is_compared)
    rivals = contestant_spaces(subject.task, compared, own, is_compared, space=subject.space)[0]
    begins = starting_points(subject.fixed, enqueue)
    chosen = chosen_recipe(subject.space, recipe, seed)
    planned = plan_run(
        subject.fixed,
        subject.task,
        chosen.recipe,
        [space for _, space in rivals.values()],
        began=began,
        minutes=None if budget is None else budget.minutes,
        trainings=trainings,
        workers=own_executor.slots if own_executor else 1 if workers == 0 else workers,
        device=device,
        formats=asked,
        may_fit=recipe is None,
        objectives=subject.objectives,
        preparing=told.preparing,
    )
    approach = approach_for(
        subject,
        planned,
        strategy=strategy,
        strategy_options=strategy_options,
        estimator=estimator,
        estimator_options=estimator_options,
        pruner=pruner,
        fidelity=fidelity,
        budget=budget,
        trainings=trainings,
        device=device,
        seed=seed,
        preparing=told.preparing,
    )
    config = recorded(
        subject,
        approach,
        planned,
        scratch=chosen.fitted(planned.recipe),
        name=folder.name,
        task_reference=recorded_reference(task, TASKS),
        pruner=None if pruner is None else named(pruner, pruner_options),
        executor=ExecutorConfig(
            name=executor if isinstance(executor, str) else None,
            options=dict(executor_options or {}),
            workers=planned.workers,
            time_limit=time_limit,
            memory_limit=memory_limit,
        ),
        device=replace(device, threads=planned.threads),
        enqueue=begins,
        seed=seed,
        budget=budget,
        retrain=retrain,
        repeats=repeats,
        ensemble=ensemble,
        refit=refit,
        baseline=baseline,
        compare=compared,
        trackers=followed,
        price=None if price is None else str(price),
        store=store and without_secrets(store),
        checkpoints=checkpoints,
        command=command and command.replace(store or command, without_secrets(store or command)),
    )
    if workers == 0 and config.supernet is not None:
        raise UsageError(
            "workers=0: the supernet of a one-shot method is trained in one process; give workers=1"
        )
    printable = unprintable(subject.space) if retrain > 0 else []
    context = RunContext(
        folder,
        config,
        subject.space,
        subject.task,
        strategy=approach.strategy,
        estimator=approach.estimator,
        pruner=pruner,
        compare=own,
        formats=asked,
        trackers=trackers,
        notes=[*subject.notes, *chosen.notes, *planned.notes, *approach.notes, *printable],
        began=began,
    )
    if context.config.ranked_by is not None:
        check_measured(subject.objectives, subject.space, subject.task)  # when the best are retrained
    config.checkpoint_folder(folder)  # refuses a URL that is not known
    runs = own_executor or make_executor(config.executor)
    runs.check(space=subject.space, task=subject.task, estimator=approach.estimator)
    told.objectives_known(shown_names((*context.config.searched, *subject.objectives)))
    return begin_run(context, None if workers == 0 else runs, told, store)


def recorded(
    subject: Subject,
    approach: Approach,
    planned: Planned,
    *,
    task_reference: str | None,
    budget: Budget | None,
    **asked: Any,
) -> RunConfig:
    """The record of a search.

    Args:
        subject: What is searched.
        approach: How.
        planned: What was measured before.
        task_reference: Of the task, where it has one.
        budget: When the search stops; None means what is usual for the strategy.
        asked: What stands in the record as it was asked for.
    """
    strategy, supernet = approach.strategy_record, approach.supernet
    scored = supernet.scored if supernet else None
    config = RunConfig(
        task=TaskConfig.of(subject.task, task_reference, subject.options),
        space=SpaceConfig.of(
            subject.space,
            recorded_reference(subject.reference, SPACES),
            subject.network,
            subject.space_options,
        ),
        strategy=strategy,
        supernet=supernet,
        estimator=approach.estimator_record,
        held=subject.held,
        rules=subject.rules,
        known=approach.known,
        objectives=subject.objectives,
        budget=bounded_budget(budget, strategy.name, asked["retrain"], scored, subject.objectives),
        recipe=planned.recipe,
        fidelity=approach.fidelity,
        plan=planned.plan,
        **asked,
    )
    config = replace(config, sources=fingerprints_of(config, subject.space, subject.task))
    return replace(config, mark=config.signature())
