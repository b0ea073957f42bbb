"""Going on with a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.errors import RunError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    Budget,
    Listener,
    Settings,
    SQLStore,
    SupernetTraining,
    resolve_space,
    resolve_task,
)
from archwright.objectives import Objective
from archwright.session.choosing import executor_for, listener_for
from archwright.session.one_shot import phases
from archwright.session.result import Result
from archwright.session.stages import Session, conduct
from archwright.spaces import Space
from archwright.strategies import Strategy, make_strategy
from archwright.supernets import METHODS
from archwright.tasks import Task

if TYPE_CHECKING:
    from archwright.supernets import OneShot

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
    settings = Settings.read(folder)
    made_task = task or _again("task", settings.task["reference"], folder)
    if isinstance(made_task, str):
        made_task = resolve_task(made_task, **settings.task["options"])
    _must_match(settings.task["describe"], dict(made_task.describe()), "task", folder)
    made_space = space or _again("space", settings.space["reference"], folder)
    if isinstance(made_space, str):
        made_space = resolve_space(made_space, made_task)
    if made_space.digest != settings.space["digest"]:
        _must_match(settings.space["describe"], made_space.describe(), "space", folder)
        raise RunError(f"{folder}: the space's layers have changed since the run began; {_RESTORE}")
    with SQLStore(settings.store_url(folder), settings.name, create=False) as opened:
        if budget is not None and budget.to_json() != settings.budget:
            settings = settings.changed(budget=budget.to_json())
            settings.write(folder)
            opened.put("search_ended", None)
    if workers is not None:
        settings = settings.changed(executor={**settings.executor, "workers": workers})
    objectives = tuple(Objective.from_json(data) for data in settings.objectives)
    one_shot: SupernetTraining | None = None
    known = settings.strategy
    if known.get("one_shot"):
        if known["name"] not in METHODS and strategy is None:
            _again("strategy", None, folder)
        one_shot, strategy = phases(
            strategy,
            known["name"],
            made_space,
            made_task,
            objectives,
            folder,
            seed=settings.seed,
            options=known["options"],
            accelerator=settings.training["accelerator"],
        )
    elif strategy is None:
        strategy = make_strategy(
            known["name"], made_space, objectives, seed=settings.seed, **known["options"]
        )
    if not isinstance(strategy, Strategy):
        raise UsageError(f"expected a strategy, got {strategy!r}")
    session = Session(folder, settings, made_space, made_task, strategy, estimator, objectives, one_shot)
    opened = SQLStore(settings.store_url(folder), settings.name, create=False)
    return conduct(
        session, opened, executor_for(settings), listener_for(listener, progress, objectives), onnx, []
    )


def _again(kind: str, reference: str | None, folder: Path) -> str:
    if reference is None:
        raise UsageError(
            f"{folder} was begun from Python with a {kind} that has no name: go on from Python, "
            f"with aw.resume({str(folder)!r}, {kind}={kind})"
        )
    return reference


def _must_match(before: dict[str, Any], now: dict[str, Any], kind: str, folder: Path) -> None:
    now = json.loads(json.dumps(now))
    for key in [*before, *(key for key in now if key not in before)]:
        if before.get(key) != now.get(key):
            raise RunError(
                f"{folder}: the {kind} has changed since the run began: {key} was {before.get(key)!r}, now it is "
                f"{now.get(key)!r}; {_RESTORE}"
            )
