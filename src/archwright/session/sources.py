"""The user's code and data behind a run: what they were, whether they are that still, and whether they may be run."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from archwright.errors import RunError, UsageError
from archwright.experiments import (
    Fingerprints,
    RunConfig,
    SpaceConfig,
    TaskConfig,
    resolve_space,
    resolve_task,
)
from archwright.experiments.records import encode
from archwright.spaces import Space
from archwright.spaces.expression import children_of
from archwright.tasks import Task

__all__ = ["check_unchanged", "fingerprints_of", "restored"]


def fingerprints_of(config: RunConfig, space: Space, task: Task) -> Fingerprints:
    """Hashes of the files that a run's references mean, and of the classes in what was given as a Python object.

    Args:
        config: The run's record.
        space: Its space.
        task: Its task.
    """
    things: list[Any] = [type(task)] if config.task.reference is None else []
    if config.space.reference is None:
        things += _called(space)
    return Fingerprints.of(config.references, things)


def restored(
    folder: Path, config: RunConfig, space: Space | None, task: Task | None, *, trust: bool
) -> tuple[Space, Task]:
    """The space and the task of a run, made again from their references where they are not given.

    Args:
        folder: The run's folder.
        config: Its record.
        space: The space, where it was given as a Python object.
        task: The task, where it was given as a Python object.
        trust: Whether code that the record names may be run wherever the record comes from.

    Raises:
        UsageError: When an object is needed that has no reference, or code would be run that is not to be trusted.
    """
    for kind, given, known in (
        ("task", task, config.task.reference),
        ("space", space, config.space.reference),
    ):
        if given is None and known is None:
            raise UsageError(
                f"{folder} was begun from Python with a {kind} that has no name: give it, from Python, as "
                f"{kind}={kind}, as in aw.resume({str(folder)!r}, {kind}={kind})"
            )
    if not trust and config.runs_code and (task is None or space is None) and not config.is_own():
        raise UsageError(
            f"{folder} names code to run, {' and '.join(config.runs_code)}, but was not written by your Archwright on "
            "this machine; look at that code, then add --trust (from Python: trust=True)"
        )
    task = task or _task_of(config)
    space = space or resolve_space(
        str(config.space.reference), task, config.space.network, config.space.options
    )
    return space, task


def _task_of(config: RunConfig) -> Task:
    """The task of a run from its reference; a table as an earlier version read it, where that is what was recorded."""
    reference, options = str(config.task.reference), config.task.options
    task = resolve_task(reference, **options)
    if "target" in options and "identify" not in options and TaskConfig.of(task).facts != config.task.facts:
        before = resolve_task(reference, **options, identify=False)
        if TaskConfig.of(before).facts == config.task.facts:
            return before
    return task


def check_unchanged(folder: Path, config: RunConfig, space: Space, task: Task) -> None:
    """Refuse what is no longer what a run was begun with.

    Args:
        folder: The run's folder.
        config: Its record.
        space: Its space, as it is now.
        task: Its task, as it is now.

    Raises:
        RunError: Names what has changed.
    """
    same = replace(TaskConfig.of(task), reference=config.task.reference, options=config.task.options)
    changed = _differing(config.task, same, "task")
    now = SpaceConfig.of(space, config.space.reference, config.space.network, config.space.options)
    changed = changed or _differing(config.space, now, "space")
    if changed is None and (names := fingerprints_of(config, space, task).changed_since(config.sources)):
        changed = f"{', '.join(names)} changed since the run began"
    if changed is not None:
        raise RunError(
            f"{folder}: {changed} (by archwright {config.versions.get('archwright')}); restore what it was made with, "
            "or search anew with another --out"
        )


def _differing(before: object, now: object, kind: str) -> str | None:
    if before == now:
        return None
    old, new = encode(before), encode(now)
    key = next((key for key in old if old[key] != new[key] and key != "digest"), None)
    was = "its layers were others" if key is None else f"{key} was {old[key]!r}, now it is {new[key]!r}"
    return f"the {kind} has changed since the run began: {was}"


def _called(space: Space) -> Iterator[Any]:
    """The classes and functions that a space calls."""
    waiting: list[Any] = [getattr(space, "network", None), getattr(space, "training", None)]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        called = getattr(node, "fn", None)
        if inspect.isclass(called) or inspect.isfunction(called):
            yield called
        waiting += children_of(node)
