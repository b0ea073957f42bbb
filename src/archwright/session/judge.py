"""How far cheap estimates can be trusted on a space and a task, before a search spends money on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.errors import UsageError
from archwright.experiments import (
    Budget,
    ExecutorConfig,
    Job,
    JobResult,
    JudgeConfig,
    Judgement,
    Listener,
    NamedConfig,
    RunConfig,
    SpaceConfig,
    TaskConfig,
    judgement_of,
    resolve_task,
)
from archwright.experiments.early_checks import check_named, new_folder
from archwright.experiments.executors import Executor, make_executor
from archwright.experiments.interrupts import exits_told
from archwright.objectives import Objective
from archwright.session.context import RunContext
from archwright.session.defaults import (
    listener_for,
    objectives_for,
    recorded_reference,
    space_for,
)
from archwright.session.fidelities import single_fidelity
from archwright.session.parts import check_measured, device_for
from archwright.session.recipes import chosen_recipe
from archwright.session.scorers import scorers_for
from archwright.session.sources import fingerprints_of
from archwright.session.stages import begin_run
from archwright.spaces import Space
from archwright.spaces.zoo import SPACES
from archwright.tasks import TASKS, Task
from archwright.trials import FULL, Fidelity, FidelityRange

if TYPE_CHECKING:
    from archwright.learning import Recipe

__all__ = ["judge"]


@exits_told()
def judge(
    task: Task | str,
    space: Space | str | None = None,
    *,
    sample: int = 20,
    estimators: Sequence[str] = (),
    estimator_options: Mapping[str, Any] | None = None,
    top: int = 10,
    threshold: float = 0.5,
    objective: str | None = None,
    recipe: Recipe | Mapping[str, Any] | None = None,
    fidelity: FidelityRange | Fidelity | str = FULL,
    seed: int = 0,
    executor: Executor[Job, JobResult] | str | None = None,
    executor_options: Mapping[str, Any] | None = None,
    workers: int = 1,
    accelerator: str = "auto",
    devices: int | Sequence[int] = 1,
    precision: str = "32-true",
    out: str | Path | None = None,
    listener: Listener | None = None,
    progress: bool = True,
    task_options: dict[str, Any] | None = None,
    space_options: Mapping[str, Any] | None = None,
    command: str | None = None,
) -> Judgement:
    """Train a small random sample of a space, and say how well cheap estimates rank it.

    The run is as durable as a search: what was interrupted goes on by `aw.resume` or `archwright resume`.

    Args:
        task: A task, a built-in name, `file.py:object`, a CSV file or a folder of images.
        space: A space, a built-in name, `file.py:object`, or None for one that fits the task's inputs.
        sample: How many random networks are trained, at least 5.
        estimators: Names of estimators; "short", "subset" and "small" (training for a quarter of the epochs, on a
            quarter of the data, and at half the width and number of cells); "surrogate:NAME". Empty takes all that can
            be made.
        estimator_options: Options, by "NAME.OPTION".
        top: How many places count in nDCG.
        threshold: A score suffices if the lower bound of Spearman's correlation is above this.
        objective: What full training is to reach, such as "accuracy"; None means the task's metric.
        recipe: How networks are trained; None means the defaults with this seed.
        fidelity: Of the training that estimates are judged by, such as "epochs=5,resolution=16"; estimates are made
            at the same fidelity, or less. No range.
        seed: Of the sample and the training.
        executor: Where networks are trained, or its name (see `archwright list executors`); None means this process for
            one worker, worker processes for more.
        executor_options: Options of an executor given by name.
        workers: How many networks are trained at once.
        accelerator: Lightning Fabric's name of a device.
        devices: How many devices train one network together, or their indices; with several, workers must be 1.
        precision: Lightning Fabric's name of a precision.
        out: The run's folder, new or empty; None means `runs/NAME-judge` by the task's name.
        listener: Is told of every step; None shows progress, unless `progress` is False.
        progress: Whether to show progress where no listener is given.
        space_options: Options of a built-in space, see `SPACES.options(name)`.
        task_options: Options of a task given by name or path (`target`, `seed`).
        command: The command line, for the report.

    Raises:
        UsageError: When an argument does not fit; nothing was run.
        SearchError: When fewer than 5 networks could be trained.
    """
    _check_numbers(sample, top, threshold)
    chosen = (executor or ("processes" if executor_options else None), executor_options)
    check_named(executor=chosen)
    own_executor = executor if isinstance(executor, Executor) else None
    if own_executor and workers != 1:
        raise UsageError("workers go with an executor by name; one that is an object has its own")
    if out is not None:
        new_folder(out, "")
    device = device_for(accelerator, devices, precision, own_executor.slots if own_executor else workers)
    options = dict(task_options or {})
    made_task = resolve_task(task, **options) if isinstance(task, str) else task
    made_space, space_reference = space_for(space, made_task, space_options)
    objectives = _reached(objective, made_space, made_task)
    recipe = chosen_recipe(made_space, recipe, seed).recipe
    effort = single_fidelity(fidelity, made_space, made_task, "judge trains all networks of the sample alike")
    judged = (made_space, made_task, recipe, effort)
    scorers, notes = scorers_for(estimators, dict(estimator_options or {}), *judged)
    folder = new_folder(out, f"{made_task.name}-judge")
    config = RunConfig(
        name=folder.name,
        task=TaskConfig.of(made_task, recorded_reference(task, TASKS), options),
        space=SpaceConfig.of(made_space, recorded_reference(space_reference, SPACES), options=space_options),
        strategy=NamedConfig(name="random"),
        executor=ExecutorConfig(
            name=executor if isinstance(executor, str) else None,
            options=dict(executor_options or {}),
            workers=own_executor.slots if own_executor else workers,
        ),
        device=device,
        seed=seed,
        objectives=objectives,
        budget=Budget(trials=sample),
        recipe=recipe,
        fidelity=FidelityRange.of(effort),
        retrain=0,
        baseline=False,
        judge=JudgeConfig(scorers=scorers, top=top, threshold=threshold),
        command=command,
    )
    config = replace(config, sources=fingerprints_of(config, made_space, made_task))
    config = replace(config, mark=config.signature())
    context = RunContext(folder, config, made_space, made_task, notes=notes)
    runs = own_executor or make_executor(config.executor)
    runs.check(space=made_space, task=made_task)
    told = listener_for(listener, progress, objectives)
    return judgement_of(begin_run(context, runs, told).run)


def _check_numbers(sample: int, top: int, threshold: float) -> None:
    for name, given, fits, wanted in (
        ("sample", sample, sample >= 5, ">= 5, since fewer networks say nothing of an order"),
        ("top", top, top >= 1, ">= 1"),
        ("threshold", threshold, -1 <= threshold < 1, "in [-1, 1), as correlations are"),
    ):
        if not fits:
            raise UsageError(f"judge: expected {name} {wanted}, got {given}")


def _reached(objective: str | None, space: Space, task: Task) -> tuple[Objective, ...]:
    """The objective that full training is to reach; by default the task's metric."""
    objectives = objectives_for([objective] if objective else [], task)
    check_measured(objectives, space, task)
    if objectives[0].has_meter:
        raise UsageError(
            f"judge: expected an objective that training reaches, such as {task.metric}, got "
            f"{objectives[0].name}; leave out --objective for that"
        )
    return objectives
