"""A space and a task as a fidelity sees them: a smaller network, smaller inputs, one of several folds."""

from __future__ import annotations

from difflib import get_close_matches

from archwright.errors import SpaceError, UsageError
from archwright.spaces import Space
from archwright.tasks import Task
from archwright.tasks.reduced import folded, resized
from archwright.trials import Fidelity

__all__ = ["reduced"]

_KNOWN = ("epochs", "data", "resolution", "folds", "replicate", "replicates")
_CLOSE = 0.8
"""How alike a name must be to be a slip of the pen, and no option of another space."""


def reduced(space: Space, task: Task, fidelity: Fidelity) -> tuple[Space, Task]:
    """The space at the fidelity's scale, and the task at its resolution with its fold for validation.

    Raises:
        UsageError: When the space has no such scale, or the task cannot be seen so. Says what to do.
    """
    if fidelity.scale:
        try:
            space = space.scale(**fidelity.scaled)
        except SpaceError as error:
            close = [
                name for given in fidelity.scaled for name in get_close_matches(given, _KNOWN, 1, _CLOSE)
            ]
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise UsageError(
                f"fidelity: {error} (a fidelity has {', '.join(_KNOWN)}, and the options of the space's scale){hint}"
            ) from error
    if fidelity.fold is not None:
        task = folded(task, *fidelity.fold)
    if fidelity.resolution is not None:
        task = resized(task, fidelity.resolution)
    return space, task
