"""Going on with a run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archwright.estimators.estimator import Estimator
from archwright.experiments import Budget, Executor, Job, JobResult, Listener, RunConfig, load_run, open_store
from archwright.experiments.executors import make_executor
from archwright.experiments.interrupts import DRAIN, exits_told
from archwright.export import chosen_formats
from archwright.session.contestants import contestant_spaces, named_spaces
from archwright.session.context import RunContext
from archwright.session.defaults import listener_for
from archwright.session.parts import device_for
from archwright.session.planning import plan_run
from archwright.session.result import Result
from archwright.session.sources import check_unchanged, restored
from archwright.session.stages import run_stages
from archwright.session.tracked import followed_by, followed_still
from archwright.spaces import Space
from archwright.strategies import Strategy
from archwright.strategies.pruners import Pruner
from archwright.supernets import OneShot
from archwright.tasks import Task
from archwright.trackers import Tracker

__all__ = ["resume"]


@exits_told()
def resume(
    run: str | Path,
    *,
    space: Space | None = None,
    task: Task | None = None,
    strategy: Strategy | OneShot | None = None,
    estimator: Estimator | None = None,
    executor: Executor[Job, JobResult] | None = None,
    pruner: Pruner | None = None,
    compare: Sequence[Any] = (),
    budget: Budget | None = None,
    workers: int | None = None,
    time_limit: float | None = None,
    store: str | None = None,
    formats: Sequence[str] | str | None = None,
    onnx: bool | None = None,
    listener: Listener | None = None,
    tracker: Tracker | str | Sequence[Tracker | str] | None = None,
    tracker_options: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Result:
    """Go on with a run, from wherever it was interrupted; of a completed one nothing is done again.

    Args:
        run: The run's folder.
        space: The space, where it was given as a Python object.
        task: The task, where it was given as a Python object.
        strategy: A new strategy or one-shot method made like the first, where that was given as a Python object.
        estimator: The estimator, where that was given as a Python object.
        executor: Where trials run; None takes what the record says.
        pruner: The pruner, where that was given as a Python object.
        compare: The networks to compare with, where they were given as Python objects.
        budget: A new budget, to search longer; None keeps the run's. Its minutes are those of the whole run.
        workers: Another number of workers; None keeps the run's.
        time_limit: Another number of seconds for one trial of the search, 0 for any; None keeps the run's.
        store: URL of the run's store, where the kept one, which has no password, does not serve.
        formats: As for `search`.
        onnx: As for `search`.
        listener: As for `search`.
        tracker: As for `search`; None goes on with those that the run's record names, () with none. One that does not
            know the run yet is told what happened before.
        tracker_options: As for `search`.
        progress: As for `search`.

    Raises:
        RunError: When the folder is no run's, of another version, corrupt, open in another process, or space,
            task, code or data have changed since.
        UsageError: When an object is needed that has no reference.
    """
    folder, asked = Path(run), chosen_formats(formats, onnx)
    config = RunConfig.read(folder)
    space, task = restored(folder, config, space, task, trust=True)
    check_unchanged(folder, config, space, task)
    here = replace(config.executor, workers=workers or config.executor.workers)
    device_for(config.device.accelerator, config.device.devices, config.device.precision, here.workers)
    if time_limit is not None:
        here = replace(here, time_limit=time_limit or None)
    own = named_spaces(compare, task)
    followed, trackers = config.trackers, None
    if tracker is not None or tracker_options:
        followed, trackers = followed_by(tracker or (), tracker_options)
    changed = replace(config, budget=budget or config.budget, executor=here, trackers=followed)
    if changed.plan is None and changed.budget.minutes is not None and changed.supernet is None:
        changed = _planned(changed, space, task, own, asked)
    context = RunContext(
        folder,
        changed,
        space,
        task,
        strategy=strategy,
        estimator=estimator,
        pruner=pruner,
        compare=own,
        formats=asked,
        trackers=followed_still(followed) if trackers is None else trackers,
    )
    executor = executor or make_executor(here)
    with open_store(folder, config, store) as opened:
        opened.lock()  # before anything is written: another process may have the run
        opened.set_fact(DRAIN, None)
        load_run(folder, config, opened)  # refuses a store that is corrupt
        if changed.budget != config.budget:
            opened.set_fact("search_ended", None)
        if changed != config:
            changed.write(folder)
        return run_stages(
            context,
            opened,
            executor,
            listener_for(listener, progress, (*context.config.searched, *config.objectives)),
        )


def _planned(
    config: RunConfig, space: Space, task: Task, own: Mapping[str, Space], formats: Sequence[str] | None
) -> RunConfig:
    """The record with a plan of its minutes, which it had none of."""
    spaces = contestant_spaces(task, config.compare, own, config.baseline, space=space)[0]
    planned = plan_run(
        space.fix(config.held).obey(config.rules),
        task,
        config.recipe,
        [one for _, one in spaces.values()],
        began=time.time(),
        minutes=config.budget.minutes,
        trainings=config.trainings,
        workers=config.executor.workers,
        device=config.device,
        formats=formats,
        may_fit=False,
    )
    return replace(config, plan=planned.plan)
