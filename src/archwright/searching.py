"""The main job from end to end: search, retrain the best, choose, test, export, report."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.errors import RunError, SearchError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    Budget,
    Evaluation,
    Executor,
    Experiment,
    InlineExecutor,
    Interrupts,
    Listener,
    ProcessesExecutor,
    Retraining,
    Settings,
    SQLStore,
    Stage,
    Store,
    Work,
    picture,
    resolve_space,
    resolve_task,
)
from archwright.objectives import Objective, best_trial, parse_limit, parse_objective
from archwright.result import Result
from archwright.spaces import Architecture, Space
from archwright.strategies import Strategy, make_strategy
from archwright.tasks import Task
from archwright.trials import FULL, Candidate, Fidelity, Trial

if TYPE_CHECKING:
    from archwright.estimators.training import Recipe, Training

__all__ = ["resume", "search"]


def search(
    space: Space | str | None,
    task: Task | str,
    *,
    strategy: Strategy | str | None = None,
    strategy_options: dict[str, Any] | None = None,
    objectives: Sequence[Objective | str] = (),
    budget: Budget | None = None,
    estimator: Estimator | None = None,
    recipe: Recipe | None = None,
    fidelity: Fidelity = FULL,
    retrain: int = 3,
    baseline: bool = False,
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
        strategy: A strategy, a built-in name, or None for one that fits space and budget.
        strategy_options: Options of a strategy given by name.
        objectives: Objectives and limits, such as `["accuracy", "params<=50000"]`; the first one that is optimised
            decides what is best. Without one it is the task's metric.
        budget: When to stop; None means 50 trials.
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

    budget = budget or Budget(trials=50)
    if retrain < 0:
        raise UsageError(f"expected retrain >= 0, got {retrain}")
    recipe = recipe or Recipe(seed=seed)
    made_task = resolve_task(task, **(task_options or {})) if isinstance(task, str) else task
    made_space, space_reference = _space_for(space, made_task)
    chosen = _objectives(objectives, made_task)
    name = strategy if isinstance(strategy, str) else None
    said = []
    if space is None:
        said.append(f"space: {space_reference}, picked for inputs of shape {made_task.input_shape}")
    if strategy is None:
        name, why = _pick_strategy(made_space, budget)
        said.append(f"strategy: {name}, picked since {why}")
    made_strategy = (
        strategy
        if isinstance(strategy, Strategy)
        else make_strategy(str(name), made_space, chosen, seed=seed, **(strategy_options or {}))
    )
    folder = _new_folder(out, made_task.name)
    settings = Settings(
        name=folder.name,
        task={
            "reference": _lasting(task) if isinstance(task, str) else None,
            "options": task_options or {},
            "describe": dict(made_task.describe()),
        },
        space={
            "reference": _lasting(space_reference) if space_reference else None,
            "name": made_space.name,
            "digest": made_space.digest,
            "describe": made_space.describe(),
        },
        strategy={"name": name or type(strategy).__name__, "options": strategy_options or {}},
        seed=seed,
        objectives=[objective.to_json() for objective in chosen],
        budget=budget.to_json(),
        recipe=recipe.to_json(),
        fidelity=fidelity.to_json(),
        executor={"workers": workers, "time_limit": time_limit, "memory_limit": memory_limit},
        training={"accelerator": accelerator, "precision": precision},
        retrain=retrain,
        baseline=baseline,
        store=_without_password(store),
        command=command,
    )
    session = _Session(folder, settings, made_space, made_task, made_strategy, estimator, chosen)
    executor = _executor(settings)
    folder.mkdir(parents=True, exist_ok=True)
    opened = SQLStore(store or settings.store_url(folder), settings.name, create=True)
    settings.write(folder)
    return _conduct(session, opened, executor, _listener(listener, progress), onnx, said)


def resume(
    run: str | Path,
    *,
    space: Space | None = None,
    task: Task | None = None,
    strategy: Strategy | None = None,
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
        strategy: A new strategy made like the first, where that was given as a Python object.
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
    if strategy is None:
        known = settings.strategy
        strategy = make_strategy(known["name"], made_space, objectives, seed=settings.seed, **known["options"])
    session = _Session(folder, settings, made_space, made_task, strategy, estimator, objectives)
    opened = SQLStore(settings.store_url(folder), settings.name, create=False)
    return _conduct(session, opened, _executor(settings), _listener(listener, progress), onnx, [])


_RESTORE = "restore what it was made with, or search anew with another --out"


@dataclass
class _Session:
    folder: Path
    settings: Settings
    space: Space
    task: Task
    strategy: Strategy
    estimator: Estimator | None
    objectives: tuple[Objective, ...]

    def training(self, space: Space) -> Training:
        """How networks of a space are trained at full fidelity."""
        from archwright.estimators.training import Recipe, Training

        recipe = Recipe.from_json(self.settings.recipe)
        return Training(space, self.task, recipe, **self.settings.training)


def _conduct(
    session: _Session, store: Store, executor: Executor, listener: Listener, onnx: bool | None, said: list[str]
) -> Result:
    """Run all stages that are still to be run, with the store open and the run's folder in place."""
    from archwright.spaces.zoo import baseline

    settings, objectives = session.settings, session.objectives
    training = session.training(session.space)
    hand_made = baseline(session.task.input_shape, session.task.outputs)
    steps = {
        Stage.SEARCH: Evaluation(
            session.space, session.estimator or training, objectives, session.task.example()
        ),
        Stage.RETRAIN: Retraining(training, session.folder.resolve(), Stage.RETRAIN),
        Stage.BASELINE: Retraining(session.training(hand_made), session.folder.resolve(), Stage.BASELINE),
    }
    interrupts = Interrupts()
    with store:
        store.lock()
        store.put("state", "running")
        for text in said:
            store.say(text)
            listener.said(text)
        experiment = Experiment(
            store=store, executor=executor, objectives=objectives, listener=listener, interrupts=interrupts
        )
        state = "failed"
        try:
            executor.open(Work(steps, objectives))
            with interrupts.watched(listener):
                state = _stages(session, store, experiment, hand_made)
            if state == "completed":
                _export(session, store, onnx)
        except KeyboardInterrupt:
            state = "stopped"
            executor.close(now=True)
            raise
        finally:
            executor.close(now=state == "failed")
            store.put("state", state)
            run = picture(session.folder, settings, store)
            _report(run, session.space)
    return Result(run, session.space, session.task)


def _stages(session: _Session, store: Store, experiment: Experiment, hand_made: Space) -> str:
    """Search, retrain, compare, test. Returns the run's state."""
    settings, objectives = session.settings, session.objectives
    fidelity = Fidelity.from_json(settings.fidelity)
    reason = experiment.search(session.strategy, Budget.from_json(settings.budget), fidelity)
    if reason is None:
        return "stopped"
    if settings.retrain == 0:
        return "completed"
    best = _best(store.trials(), objectives, settings.retrain)
    if not best:
        raise SearchError("no completed trial keeps all limits, so none is retrained; loosen a limit")
    wanted = {trial.number: Candidate(trial.candidate.architecture, FULL, trial.number) for trial in best}
    retrained = experiment.run_all(Stage.RETRAIN, wanted)
    compared = []
    if settings.baseline:
        compared = experiment.run_all(Stage.BASELINE, {0: Candidate(Architecture({}))})
    if experiment.interrupts.asked:
        return "stopped"
    winner = best_trial(retrained, objectives)
    if winner is None:
        errors = "; ".join(sorted({trial.error for trial in retrained if trial.error}))
        raise SearchError(f"none of the {len(retrained)} best could be retrained{f': {errors}' if errors else ''}")
    if store.get("winner") != winner.number:
        store.put("test", _test(session, session.space, winner))
        store.put("winner", winner.number)
    if compared and compared[0].measurement is not None and store.get("baseline_test") is None:
        store.put("baseline_test", _test(session, hand_made, compared[0]))
    return "completed"


def _best(trials: Sequence[Trial], objectives: Sequence[Objective], most: int) -> list[Trial]:
    """The best trials by validation, best first."""
    rest, found = list(trials), []
    while len(found) < most and (best := best_trial(rest, objectives)) is not None:
        found.append(best)
        rest.remove(best)
    return found


def _test(session: _Session, space: Space, trial: Trial) -> dict[str, float]:
    from archwright.experiments.checkpoints import load_weights

    if trial.measurement is None:
        raise SearchError(f"trial {trial.number} has no measurement")
    network = space.build(trial.candidate.architecture, session.task.example())
    load_weights(network, session.folder / trial.measurement.artifacts["weights"])
    return session.training(space).test(network)


def _export(session: _Session, store: Store, onnx: bool | None) -> None:
    if session.settings.retrain == 0:
        return
    from archwright.export import export_run

    run = picture(session.folder, session.settings, store)
    export_run(run, session.space, session.task, session.folder / "best", onnx=onnx)


def _report(run: Any, space: Space) -> None:
    from archwright.reports import write_report

    write_report(run, run.folder / "report.html", space=space)


# From arguments to objects


def _space_for(space: Space | str | None, task: Task) -> tuple[Space, str | None]:
    """The space, and its reference where it has one."""
    if isinstance(space, Space):
        return space, None
    if space is None:
        from archwright.spaces.zoo import default_space

        space = default_space(task.input_shape)
    return resolve_space(space, task), space


def _objectives(given: Sequence[Objective | str], task: Task) -> tuple[Objective, ...]:
    """One objective a metric: what is optimised first, then what is only limited."""
    merged: dict[str, Objective] = {}
    for one in given:
        new = one if isinstance(one, Objective) else parse_limit(one) if re.search("[<>]", one) else parse_objective(one)
        old = merged.get(new.name)
        if old is not None:
            limit = new.limit if old.limit is None else old.limit
            if old.direction is not new.direction or (old.limit is not None and new.limit is not None):
                raise UsageError(f"{new.name!r} is given twice, as '{old}' and '{new}'; keep one")
            new = replace(old, limit=limit, optimize=old.optimize or new.optimize)
        merged[new.name] = new
    chosen = [objective for objective in merged.values() if objective.optimize]
    if not chosen:
        limit = merged.pop(task.metric, None)
        chosen = [replace(limit, optimize=True) if limit else Objective(task.metric)]
    return (*chosen, *(objective for objective in merged.values() if not objective.optimize))


def _pick_strategy(space: Space, budget: Budget) -> tuple[str, str]:
    if budget.trials is not None and space.size_bound <= budget.trials:
        return "grid", f"all {space.size_bound:,} architectures fit into the budget"
    return "evolution", "it is the most robust choice where not everything can be tried"


def _new_folder(out: str | Path | None, name: str) -> Path:
    if out is None:
        stem = Path("runs") / (re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run")
        number = 1
        while (folder := stem if number == 1 else stem.with_name(f"{stem.name}-{number}")).exists():
            number += 1
        return folder
    folder = Path(out)
    if (folder / "experiment.json").exists():
        raise RunError(f"{folder} holds a run already: go on with it by `archwright resume {folder}`, or give another --out")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} exists and is not an empty folder; give another --out")
    return folder


def _executor(settings: Settings) -> Executor:
    wanted = settings.executor
    if wanted["workers"] == 1:
        if wanted["memory_limit"] is not None:
            raise UsageError("a memory limit needs trials in processes of their own; use workers=2 or more")
        return InlineExecutor(time_limit=wanted["time_limit"])
    return ProcessesExecutor(
        wanted["workers"], time_limit=wanted["time_limit"], memory_limit=wanted["memory_limit"]
    )


def _listener(listener: Listener | None, progress: bool) -> Listener:
    if listener is not None or not progress:
        return listener or Listener()
    from archwright.experiments.progress import Progress

    return Progress()


def _again(kind: str, reference: str | None, folder: Path) -> str:
    if reference is None:
        raise UsageError(
            f"{folder} was begun from Python with a {kind} that has no name: go on from Python, "
            f"with aw.resume({str(folder)!r}, {kind}={kind})"
        )
    return reference


def _must_match(before: dict[str, Any], now: dict[str, Any], kind: str, folder: Path) -> None:
    import json

    now = json.loads(json.dumps(now))
    for key in [*before, *(key for key in now if key not in before)]:
        if before.get(key) != now.get(key):
            raise RunError(
                f"{folder}: the {kind} has changed since the run began: {key} was {before.get(key)!r}, now it is "
                f"{now.get(key)!r}; {_RESTORE}"
            )


def _lasting(reference: str) -> str:
    """A reference that means the same from another working folder."""
    where, colon, name = reference.rpartition(":")
    with contextlib.suppress(OSError):
        if Path(reference).exists():
            return str(Path(reference).resolve())
        if colon and Path(where).is_file():
            return f"{Path(where).resolve()}:{name}"
    return reference


def _without_password(store: str | None) -> str | None:
    if store is None:
        return None
    import sqlalchemy

    with contextlib.suppress(sqlalchemy.exc.ArgumentError):
        return sqlalchemy.make_url(store).set(password=None).render_as_string()
    return store
