"""The tasks that are known by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archwright.errors import TaskError, did_you_mean
from archwright.tasks.datasets.breast_cancer import breast_cancer
from archwright.tasks.datasets.characters import characters
from archwright.tasks.datasets.cifar import cifar10, cifar100
from archwright.tasks.datasets.diabetes import diabetes
from archwright.tasks.datasets.digits import digits
from archwright.tasks.datasets.mnist1d import mnist1d
from archwright.tasks.task import Task

__all__ = ["TASKS", "BuiltIn", "make_task"]


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A task that is known by name. Calling it makes the task.

    Args:
        make: Makes the task; all its arguments have a default.
    """

    make: Callable[..., Task]

    @property
    def description(self) -> str:
        """What it is, in one line: the first of the function's documentation."""
        return (inspect.getdoc(self.make) or "").partition("\n")[0]

    def __call__(self, **options: Any) -> Task:
        """Make the task."""
        return self.make(**options)


TASKS: dict[str, BuiltIn] = {
    make.__name__: BuiltIn(make)
    for make in (digits, breast_cancer, diabetes, mnist1d, characters, cifar10, cifar100)
}
"""Built-in tasks by name."""


def make_task(name: str, **options: Any) -> Task:
    """Make a built-in task.

    Args:
        name: A key of `TASKS`.
        options: Arguments of its function, such as `seed`.

    Raises:
        TaskError: When the name or an option is unknown, or its data is not there.
    """
    if name not in TASKS:
        raise TaskError(f"unknown task {name!r}.{did_you_mean(name, TASKS)}")
    known = inspect.signature(TASKS[name].make).parameters
    for option in options:
        if option not in known:
            raise TaskError(f"task {name!r} has no option {option!r}.{did_you_mean(option, known)}")
    return TASKS[name](**options)
