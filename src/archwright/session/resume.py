"""Going on with a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from archwright.errors import RunError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    Budget,
    Listener,
    RunConfig,
    SpaceConfig,
    TaskConfig,
    open_store,
    resolve_space,
    resolve_task,
)
from archwright.experiments.records import encode
from archwright.session.context import RunContext
from archwright.session.defaults import executor_for, listener_for
from archwright.session.result import Result
from archwright.session.running import run_stages
from archwright.spaces import Space
from archwright.strategies import STRATEGIES, Strategy
from archwright.supernets import METHODS, OneShot
from archwright.tasks import Task

__all__ = ["resume"]

_RESTORE = "restore what it was made with, or search anew with another --out"


def resume(
    run: str | Path,
    *,
    space: Space | None = None,
    task: Task | None = None,
    strategy: Strategy | OneShot | None = None,
    estimator: Estimator | None = None,
    budget: Budget | None = None,
    workers: int | None = None,
    onnx: bool | None = None,
    listener: Listener | None = None,
    progress: bool = True,
) -> Result:
    """Go on with a run, from wherever it was interrupted; of a completed one nothing is done again.

    Args:
        run: The run's folder.
        space: The space, where it was given as a Python object.
        task: The task, where it was given as a Python object.
        strategy: A new strategy or one-shot method made like the first, where that was given as a Python object.
        estimator: The estimator, where one was given.
        budget: A new budget, to search longer; None keeps the run's.
        workers: Another number of workers; None keeps the run's.
        onnx: As for `search`.
        listener: As for `search`.
        progress: As for `search`.

    Raises:
        RunError: When the folder is no run's, of another version, corrupt, open in another process, or the space
            or task has changed since.
        UsageError: When an object is needed that has no reference.
    """
    folder = Path(run)
    config = RunConfig.read(folder)
    if task is None:
        task = resolve_task(_again("task", config.task.reference, folder), **config.task.options)
    now = replace(TaskConfig.of(task), reference=config.task.reference, options=config.task.options)
    _must_match(config.task, now, "task", folder, config)
    if space is None:
        space = resolve_space(_again("space", config.space.reference, folder), task)
    _must_match(
        config.space,
        replace(SpaceConfig.of(space), reference=config.space.reference),
        "space",
        folder,
        config,
    )
    if strategy is None and config.strategy.name not in {**STRATEGIES, **METHODS}:
        _again("strategy", None, folder)
    if workers is not None:
        config = replace(config, executor=replace(config.executor, workers=workers))
    changed = replace(config, budget=budget or config.budget)
    context = RunContext.make(folder, changed, space, task, strategy, estimator, onnx=onnx)
    executor = executor_for(config.executor)
    with open_store(folder, config) as opened:
        opened.lock()  # before anything is written: another process may have the run
        if changed.budget != config.budget:
            changed.write(folder)
            opened.put("search_ended", None)
        return run_stages(context, opened, executor, listener_for(listener, progress, config.objectives))


def _again(kind: str, reference: str | None, folder: Path) -> str:
    if reference is None:
        raise UsageError(
            f"{folder} was begun from Python with a {kind} that has no name: go on from Python, "
            f"with aw.resume({str(folder)!r}, {kind}={kind})"
        )
    return reference


def _must_match(before: object, now: object, kind: str, folder: Path, config: RunConfig) -> None:
    if before == now:
        return
    old, new = encode(before), encode(now)
    key = next((key for key in old if old[key] != new[key] and key != "digest"), None)
    was = "its layers were others" if key is None else f"{key} was {old[key]!r}, now it is {new[key]!r}"
    raise RunError(
        f"{folder}: the {kind} has changed since the run began, by archwright {config.versions.get('archwright')}: "
        f"{was}; {_RESTORE}"
    )
