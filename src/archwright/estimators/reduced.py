"""A space and a task as a fidelity sees them: a smaller network, smaller inputs, one of several folds."""

from __future__ import annotations

from archwright.errors import SpaceError, UsageError
from archwright.spaces import Space
from archwright.tasks import Task
from archwright.tasks.reduced import folded, resized
from archwright.trials import Fidelity

__all__ = ["reduced"]

_KNOWN = "epochs, data, resolution, folds, replicate, replicates"


def reduced(space: Space, task: Task, fidelity: Fidelity) -> tuple[Space, Task]:
    """The space at the fidelity's scale, and the task at its resolution with its fold for validation.

    Raises:
        UsageError: When the space has no such scale, or the task cannot be seen so. Says what to do.
    """
    if fidelity.scale:
        try:
            space = space.scale(**fidelity.scaled)
        except SpaceError as error:
            raise UsageError(
                f"fidelity: {error} (a fidelity has {_KNOWN}, and the options of the space's scale)"
            ) from error
    if fidelity.fold is not None:
        task = folded(task, *fidelity.fold)
    if fidelity.resolution is not None:
        task = resized(task, fidelity.resolution)
    return space, task
