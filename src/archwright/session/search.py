"""The main job from end to end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.errors import UsageError, did_you_mean
from archwright.estimators.estimator import Estimator
from archwright.experiments import Budget, Listener, Settings, SQLStore, SupernetTraining, resolve_task
from archwright.objectives import Objective
from archwright.session.choosing import (
    executor_for,
    lasting,
    listener_for,
    new_folder,
    objectives_for,
    space_for,
    without_password,
)
from archwright.session.one_shot import default_budget, phases
from archwright.session.result import Result
from archwright.session.stages import Session, conduct
from archwright.spaces import Space
from archwright.strategies import STRATEGIES, Strategy, fitting_strategy, make_strategy
from archwright.supernets import METHODS
from archwright.tasks import Task
from archwright.trials import FULL, Fidelity

if TYPE_CHECKING:
    from archwright.estimators.training import Recipe
    from archwright.supernets import OneShot

__all__ = ["search"]


def search(
    space: Space | str | None,
    task: Task | str,
    *,
    strategy: Strategy | OneShot | str | None = None,
    strategy_options: dict[str, Any] | None = None,
    objectives: Sequence[Objective | str] = (),
    budget: Budget | None = None,
    estimator: Estimator | None = None,
    recipe: Recipe | None = None,
    fidelity: Fidelity = FULL,
    retrain: int = 3,
    baseline: bool = True,
    seed: int = 0,
    workers: int = 1,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    accelerator: str = "auto",
    precision: str = "32-true",
    store: str | None = None,
    out: str | Path | None = None,
    onnx: bool | None = None,
    listener: Listener | None = None,
    progress: bool = True,
    task_options: dict[str, Any] | None = None,
    command: str | None = None,
) -> Result:
    """Search a network for a task, retrain the best, and write everything into a run's folder.

    Args:
        space: A space, a built-in name, `file.py:object`, or None for one that fits the task's inputs.
        task: A task, a built-in name, `file.py:object`, a CSV file or a folder of images.
        strategy: A strategy, a one-shot method, a built-in name, or None for one that fits space and budget.
        strategy_options: Options of a strategy given by name.
        objectives: Objectives and limits, such as `["accuracy", "params<=50000"]`; the first one that is optimised
            decides what is best. Without one it is the task's metric.
        budget: When to stop; None means 50 trials, after a one-shot method as many as are retrained (of `enas` ten
            times as many), or 100 where a search follows on its shared weights. Its minutes hold for the training of a
            supernet too.
        estimator: What measures candidates; None trains each from scratch by the recipe.
        recipe: How networks are trained; None means the defaults with this seed.
        fidelity: Effort of the estimates in the search; retraining always has full effort.
        retrain: How many of the best are trained again from scratch; 0 leaves out all that follows the search.
        baseline: Also train a sensible hand-made network in the same way, for comparison.
        seed: Of the strategy and the training; the data's split has its own, in the task.
        workers: 1 runs trials in this process, more in so many processes.
        time_limit: Seconds a trial may take; over it, it has failed.
        memory_limit: Bytes a trial may take, with workers > 1.
        accelerator: Lightning Fabric's name of a device: "cpu", "cuda", "mps", "auto".
        precision: Lightning Fabric's name: "32-true", "bf16-mixed", ...
        store: URL of a database; None means a SQLite file in the run's folder.
        out: The run's folder, new or empty; None means `runs/NAME` by the task's name.
        onnx: Whether to export to ONNX; None does so where the extra is installed.
        listener: Is told of every step; None shows progress, unless `progress` is False.
        progress: Whether to show progress where no listener is given.
        task_options: Options of a task given by name or path (`target`, `seed`).
        command: The command line, for the report.

    Returns:
        The result; its `state` is "stopped" when Ctrl-C ended the search early.

    Raises:
        UsageError: When an argument does not fit; nothing was run.
        SearchError: When no trial was completed.
    """
    from archwright.estimators.training import Recipe

    if retrain < 0:
        raise UsageError(f"expected retrain >= 0, got {retrain}")
    recipe = recipe or Recipe(seed=seed)
    made_task = resolve_task(task, **(task_options or {})) if isinstance(task, str) else task
    made_space, space_reference = space_for(space, made_task)
    chosen = objectives_for(objectives, made_task)
    name = strategy if isinstance(strategy, str) else None
    said = []
    if space is None:
        said.append(f"space: {space_reference}, picked for inputs of shape {made_task.input_shape}")
    if strategy is None or name == "auto":
        given = dict(strategy_options or {})
        trials = given.pop("trials", (budget or default_budget(None, retrain)).trials)
        name, fitting, why = fitting_strategy(made_space, chosen, trials)
        strategy_options = {**fitting, **given}
        said.append(f"strategy: {name}, picked since {why}")
    folder = new_folder(out, made_task.name)
    one_shot: SupernetTraining | None = None
    if name is not None and name not in METHODS and name not in STRATEGIES:
        raise UsageError(f"unknown strategy {name!r}.{did_you_mean(name, [*STRATEGIES, *METHODS])}")
    if name in METHODS or not isinstance(strategy, Strategy | str | None):
        one_shot, made_strategy = phases(
            None if isinstance(strategy, str) else strategy,
            name,
            made_space,
            made_task,
            chosen,
            folder,
            seed=seed,
            options=strategy_options or {},
            accelerator=accelerator,
            fidelity=fidelity,
            estimator=estimator,
        )
        one_shot.check()
        if precision != "32-true":
            said.append(
                f"the supernet is trained in 32 bits; {precision} holds for the networks trained from scratch"
            )
    elif isinstance(strategy, Strategy):
        made_strategy = strategy
    else:
        made_strategy = make_strategy(str(name), made_space, chosen, seed=seed, **(strategy_options or {}))
    scored = None if one_shot is None else one_shot.method.scored
    budget = budget or default_budget(name, retrain, scored)
    settings = Settings(
        name=folder.name,
        task={
            "reference": lasting(task) if isinstance(task, str) else None,
            "options": task_options or {},
            "describe": dict(made_task.describe()),
        },
        space={
            "reference": lasting(space_reference) if space_reference else None,
            "name": made_space.name,
            "digest": made_space.digest,
            "describe": made_space.describe(),
        },
        strategy={
            "name": name or type(strategy).__name__,
            "options": strategy_options or {},
            "one_shot": one_shot is not None,
            "epochs": one_shot.method.epochs if one_shot is not None else None,
            "scored": scored,
        },
        seed=seed,
        objectives=[objective.to_json() for objective in chosen],
        budget=budget.to_json(),
        recipe=recipe.to_json(),
        fidelity=fidelity.to_json(),
        executor={"workers": workers, "time_limit": time_limit, "memory_limit": memory_limit},
        training={"accelerator": accelerator, "precision": precision},
        retrain=retrain,
        baseline=baseline,
        estimator="WeightSharing"
        if one_shot
        else "Training"
        if estimator is None
        else type(estimator).__name__,
        store=without_password(store),
        command=command,
    )
    session = Session(folder, settings, made_space, made_task, made_strategy, estimator, chosen, one_shot)
    executor = executor_for(settings)
    executor.check(space=made_space, task=made_task, estimator=estimator)
    session.training(made_space)  # refuses a device or a recipe that does not fit, before anything is written
    folder.mkdir(parents=True, exist_ok=True)
    opened = SQLStore(store or settings.store_url(folder), settings.name, create=True)
    settings.write(folder)
    return conduct(session, opened, executor, listener_for(listener, progress, chosen), onnx, said)
