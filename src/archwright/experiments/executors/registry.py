"""Executors by name. An executor's module is loaded when it is made."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from archwright.errors import UsageError
from archwright.experiments.executors.executor import Executor
from archwright.registry import Entry, Registry

__all__ = ["EXECUTORS", "make_executor"]

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
    },
    supplied=("workers", "time_limit", "memory_limit"),
)
"""The executors known by name: called with `workers`, `time_limit` and `memory_limit`, where they take them."""


def make_executor(
    name: str | None = None,
    *,
    workers: int = 1,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Executor[Any, Any]:
    """Make an executor by its name.

    Args:
        name: A key of `EXECUTORS`; None takes `inline` for one worker and `processes` for more.
        workers: How many jobs at once.
        time_limit: Seconds that a job may take, None for any time.
        memory_limit: Bytes that a job may take, None for any number.
        options: The executor's own options, see `EXECUTORS.options(name)`.

    Raises:
        UsageError: When the name or an option is unknown, or the executor has no such limit.
    """
    name = name or ("inline" if workers == 1 else "processes")
    taken = inspect.signature(EXECUTORS.known(name).load()).parameters
    asked = {
        "workers": workers > 1,
        "time_limit": time_limit is not None,
        "memory_limit": memory_limit is not None,
    }
    for option, is_asked in asked.items():
        if is_asked and option not in taken:
            raise UsageError(
                f"the executor {name!r} has no {option}, which needs trials in processes of their own: take the "
                "executor 'processes', which workers=2 or more means"
            )
    return EXECUTORS.make(
        name, options=options, workers=workers, time_limit=time_limit, memory_limit=memory_limit
    )
