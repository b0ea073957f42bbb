"""Executors by name. An executor's module is loaded when it is made."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archwright.errors import UsageError
from archwright.experiments.executors.executor import Executor
from archwright.registry import Entry, Registry

__all__ = ["EXECUTORS", "ExecutorConfig", "make_executor"]


@dataclass(frozen=True, kw_only=True)
class ExecutorConfig:
    """Where trials run.

    Args:
        name: Of the executor; None means this process for one worker, worker processes for more.
        options: Of an executor given by name.
        workers: Trials at once.
        time_limit: Seconds for one trial of the search.
        memory_limit: Bytes for one trial.
    """

    name: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    workers: int = 1
    time_limit: float | None = None
    memory_limit: int | None = None


_HERE = "archwright.experiments.executors"

EXECUTORS = Registry[Executor[Any, Any], Entry](
    "executor",
    "archwright.executors",
    {
        "inline": Entry(f"{_HERE}.inline:InlineExecutor", "one trial after another, in this process"),
        "processes": Entry(
            f"{_HERE}.processes:ProcessesExecutor",
            "several trials at once, in worker processes of this machine",
        ),
        "ray": Entry(
            f"{_HERE}.ray:RayExecutor", "trials on the nodes of a Ray cluster, a running one or one here"
        ),
    },
    supplied=("workers", "time_limit", "memory_limit"),
)
"""The executors known by name: called with `workers`, `time_limit` and `memory_limit`, where they take them."""


def make_executor(wanted: ExecutorConfig) -> Executor[Any, Any]:
    """Make an executor: by its name where one is given, else `inline` for one worker and `processes` for more.

    Raises:
        UsageError: When the name or an option is unknown, a limit is not above 0, or the executor has no such limit.
    """
    name = wanted.name or ("inline" if wanted.workers == 1 else "processes")
    taken = inspect.signature(EXECUTORS.known(name).load()).parameters
    limits = {option: getattr(wanted, option) for option in EXECUTORS.supplied}
    for option, limit in limits.items():
        if option != "workers" and limit is not None and not 0 < limit < float("inf"):
            raise UsageError(f"expected {option} above 0, got {limit}")
        if option not in taken and limit != getattr(ExecutorConfig, option):
            raise UsageError(
                f"the executor {name!r} has no {option}, which needs trials in processes of their own: take the "
                "executor 'processes', which workers=2 or more means"
            )
    return EXECUTORS.make(name, options=wanted.options, **limits)
