"""What of a search can be refused at once, before torch is loaded and data are read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from archwright.errors import RunError, UsageError, did_you_mean
from archwright.estimators import ESTIMATORS
from archwright.estimators.estimator import Estimator
from archwright.experiments.config import NamedConfig, RunConfig
from archwright.experiments.executors import EXECUTORS
from archwright.experiments.expense import priced
from archwright.experiments.judgement import Judgement, judgement_of
from archwright.experiments.opening import open_run
from archwright.experiments.published import check_key
from archwright.experiments.references import check_space_reference, check_task_reference
from archwright.experiments.store.tables import checked_url
from archwright.experiments.time_plan import Trainings
from archwright.references import check_file, is_object_reference
from archwright.registry import Registry
from archwright.strategies import STRATEGIES
from archwright.strategies.pruners import PRUNERS
from archwright.supernets import METHODS

# fmt: off
__all__ = [
    "check_left_to_workers", "check_named", "check_one_shot", "check_search", "check_subject", "check_trainings",
    "estimator_for", "judged_run", "measured_by_supernet", "named", "new_folder",
]
# fmt: on

_LARGEST = 100
"""Networks of an ensemble."""
_BEGUN = re.compile(r"trials\.sqlite.*|experiment\.json\..*part")
"""What a search leaves that was killed before it had written its record, and had run nothing."""


def check_search(
    *,
    space: object,
    task: object,
    task_options: Mapping[str, Any] | None,
    network: object,
    strategy: object,
    strategy_options: Mapping[str, Any] | None,
    estimator: Estimator | str | None,
    estimator_options: Mapping[str, Any] | None,
    pruner: object,
    pruner_options: Mapping[str, Any] | None,
    executor: object,
    executor_options: Mapping[str, Any] | None,
    recipe: object,
    rules: object,
    enqueue: Iterable[object],
    compare: Iterable[object],
    trainings: Trainings,
    repeats: int | None,
    workers: int | None,
    price: object,
    store: str | None,
    out: str | Path | None,
) -> None:
    """Refuse what cannot be searched, as far as it can be told without torch. For the arguments see `aw.search`.

    Raises:
        UsageError: When a name or an option is unknown, a file is missing, or arguments do not go together.
        RunError: When the folder holds other files, or the run that judged estimates is none.
    """
    from archwright.learning import Recipe

    if workers == 0:
        check_left_to_workers(store)
    if price is not None:
        priced(str(price), 0.0)
    check_trainings(trainings, repeats)
    if isinstance(strategy, str) and strategy in METHODS:
        check_one_shot(strategy, estimator, pruner)
    if estimator == "auto":
        judged_run(estimator_options)
    if isinstance(recipe, Mapping):
        Recipe.from_json(dict(recipe))
    check_subject(space, task, task_options)
    for reference in (network, strategy, *compare):
        if isinstance(reference, str) and is_object_reference(reference):
            check_file(reference)
    if isinstance(rules, str | Path):
        _check_there("rules", rules, "a text file with one rule in each line")
    for point in enqueue:
        if isinstance(point, str | Path) and str(point) != "default":
            _check_there("enqueue", point, "a JSON file with an architecture, or 'default'")
    if out is not None:
        new_folder(out, "")
    # Last, since what some names mean cannot be told without torch.
    executor = executor or ("processes" if executor_options else None)
    check_named(
        (strategy, strategy_options),
        (estimator, estimator_options),
        (pruner, pruner_options),
        (executor, executor_options),
    )


def check_subject(space: object, task: object, task_options: Mapping[str, Any] | None) -> None:
    """Refuse names and files of a space and a task that mean nothing. For the arguments see `aw.search`.

    Raises:
        UsageError: Names what was given, and what is near it.
    """
    if isinstance(task, str):
        check_task_reference(task, task_options or {})
    if isinstance(space, str):
        check_space_reference(space)


def _check_there(name: str, path: str | Path, wanted: str) -> None:
    if not Path(path).is_file():
        there = "is a folder" if Path(path).is_dir() else "there is no such file"
        raise UsageError(f"{name}: expected {wanted}, but {path} cannot be read: {there}")


def check_one_shot(method: str, estimator: object, pruner: object) -> None:
    """Refuse what does not go with a one-shot method.

    Args:
        method: Its name.
        estimator: As given; None for none.
        pruner: As given; None for none.

    Raises:
        UsageError: Says what to leave out.
    """
    if estimator == "auto":
        raise UsageError(measured_by_supernet(method))
    if estimator is not None:
        raise UsageError("a one-shot method estimates by its supernet; give an estimator to another strategy")
    if pruner not in (None, "never"):
        raise UsageError(
            "a one-shot method scores its trials without training them, so there is nothing for a pruner to stop; "
            "leave --pruner out"
        )


def measured_by_supernet(method: str) -> str:
    """Why the estimator `auto` does not go with a one-shot method."""
    return (
        f"the one-shot method {method} measures by its supernet; leave out --estimator auto, or take another "
        "strategy"
    )


def judged_run(options: Mapping[str, Any] | None) -> tuple[str, RunConfig, Judgement]:
    """The folder of the run that judged, its record and its verdict.

    Args:
        options: Of the estimator `auto`: "judge", the folder.

    Raises:
        UsageError: When no folder is given, or the run has not judged to its end.
        RunError: When the folder is no run's, or its run judges nothing.
    """
    given = dict(options or {})
    folder = given.pop("judge", None)
    if folder is None or given:
        raise UsageError(
            "the estimator 'auto' takes the verdict of `archwright judge`: give its run's folder, as the one option: "
            f"--estimator-option judge=runs/NAME{f', without {min(given)}' if given else ''}"
        )
    run = open_run(str(folder))
    found = judgement_of(run)
    if run.judgement is None:
        raise UsageError(f"{folder} has not judged to its end; go on with: archwright resume {folder}")
    return str(folder), run.config, found


def new_folder(out: str | Path | None, name: str) -> Path:
    """The run's folder: the given one if it is new or empty, else the next free one under `runs/`.

    Raises:
        RunError: When the given folder holds a run or other files.
    """
    if out is None:
        stem = Path("runs") / (re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run")
        number = 1
        while (folder := stem if number == 1 else stem.with_name(f"{stem.name}-{number}")).exists():
            number += 1
        return folder
    folder = Path(out)
    if (folder / "experiment.json").exists():
        raise RunError(
            f"{folder} holds a run already: go on with it by `archwright resume {folder}`, or give another --out"
        )
    if folder.exists() and not (folder.is_dir() and all(map(_BEGUN.fullmatch, os.listdir(folder)))):
        raise RunError(f"{folder} exists and is not an empty folder; give another --out")
    return folder


def check_left_to_workers(url: str | None) -> None:
    """Refuse a search that is to be left to workers, and cannot be.

    Raises:
        UsageError: When its store is not on PostgreSQL, or there is no key to sign with.
    """
    if url is None or checked_url(url).get_backend_name() != "postgresql":
        raise UsageError(
            "workers=0 leaves the search to workers on other machines, which need a store on PostgreSQL: give "
            "--store postgresql://user@host/database"
        )
    check_key()


def estimator_for(
    strategy: object,
    options: Mapping[str, Any],
    estimator: Estimator | str | None,
    given: Mapping[str, Any] | None,
) -> tuple[Estimator | str | None, dict[str, Any] | None]:
    """The estimator that a strategy's candidates are made for, where there is one and none is given; and its options.

    Args:
        strategy: A strategy, a one-shot method or the name of one.
        options: Of the strategy; the proxies that it names are the estimator's too.
        estimator: What was given.
        given: Options of the estimator that were given.

    Raises:
        UsageError: When another estimator was given by name.
    """
    made = STRATEGIES[strategy].load() if isinstance(strategy, str) and strategy in STRATEGIES else strategy
    wanted: str | None = getattr(made, "measured_by", None)
    if wanted is None or isinstance(estimator, Estimator):
        return estimator, None if given is None else dict(given)
    if estimator not in (None, wanted):
        raise UsageError(
            f"the strategy {strategy!r} is made for the estimator {wanted!r}, got {estimator!r}; leave that out"
        )
    shared = {name: options[name] for name in ("proxies",) if name in options}
    return wanted, {**shared, **(given or {})}


def named(given: object, options: Mapping[str, Any] | None = None) -> NamedConfig:
    """The record of something that was given by name or as an object."""
    if isinstance(given, str):
        return NamedConfig(name=given, options=dict(options or {}))
    if options:
        raise UsageError(f"the options {', '.join(options)} go with a name: expected one, got {given!r}")
    return NamedConfig(name=type(given).__name__)


def check_named(
    strategy: tuple[object, Mapping[str, Any] | None] = (None, None),
    estimator: tuple[Estimator | str | None, Mapping[str, Any] | None] = (None, None),
    pruner: tuple[object, Mapping[str, Any] | None] = (None, None),
    executor: tuple[object, Mapping[str, Any] | None] = (None, None),
) -> None:
    """Refuse names and options that nothing has, before anything is measured.

    Args:
        strategy: As given: an object, a name, or None for one that fits; and its options.
        estimator: The same of the estimator.
        pruner: Of the pruner.
        executor: Of the executor.

    Raises:
        UsageError: When a name is unknown, an option is, or options go with no name.
    """
    name, options = strategy
    if name in (None, "auto"):
        known = {option for one in STRATEGIES for option in STRATEGIES.options(one)} if options else set()
        for option in {*(options or {})} - known:
            raise UsageError(f"no strategy has an option {option!r}.{did_you_mean(option, sorted(known))}")
    elif isinstance(name, str) and name not in STRATEGIES and name not in METHODS:
        raise UsageError(f"unknown strategy {name!r}.{did_you_mean(name, [*STRATEGIES, *METHODS])}")
    else:
        _check(METHODS if isinstance(name, str) and name in METHODS else STRATEGIES, name, options)
    if estimator[0] != "auto":  # its options are those of a judgement, see `judged_estimator`
        name, options = estimator_for(strategy[0], strategy[1] or {}, *estimator)
        _check(ESTIMATORS, name or ("training" if options else None), options)
    _check(PRUNERS, *pruner)
    _check(EXECUTORS, *executor)


def _check(registry: Registry[Any, Any], given: object, options: Mapping[str, Any] | None) -> None:
    record = None if given is None and not options else named(given, options)
    if record is not None and isinstance(given, str):
        registry.check(record.name, record.options)


def check_trainings(trainings: Trainings, repeats: int | None) -> None:
    """Refuse numbers of trainings after the search that cannot be.

    Raises:
        UsageError: Names what was given.
    """
    if trainings.retrain < 0 or (repeats is not None and repeats < 1):
        raise UsageError(f"expected retrain >= 0 and repeats >= 1, got {trainings.retrain} and {repeats}")
    if not 1 <= trainings.ensemble <= _LARGEST:
        raise UsageError(f"expected an ensemble of 1 to {_LARGEST} networks, got {trainings.ensemble}")
    if (trainings.refit or trainings.ensemble > 1) and trainings.retrain == 0:
        raise UsageError(
            "refit and ensemble go on from the chosen network, and with retrain=0 none is chosen; take 1 or more"
        )
