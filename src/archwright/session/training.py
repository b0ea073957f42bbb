"""How the networks of a run are trained at full fidelity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.experiments import RunConfig
from archwright.spaces import Space
from archwright.tasks import Task

if TYPE_CHECKING:
    from archwright.estimators.training import Training

__all__ = ["baseline_space", "make_training"]


def make_training(config: RunConfig, space: Space, task: Task) -> Training:
    """How networks of a space are trained at full fidelity.

    Raises:
        UsageError: When the recipe does not fit the task, or the device is not there.
    """
    from archwright.estimators.training import Training

    device = config.device
    return Training(space, task, config.recipe, accelerator=device.accelerator, precision=device.precision)


def baseline_space(task: Task) -> Space:
    """A space that holds one network, made by hand, to compare with.

    Raises:
        SpaceError: When there is none for the task's inputs.
    """
    from archwright.spaces.zoo import baseline

    task.signature()
    made: Space = baseline(task)  # type: ignore[arg-type]  # it has a signature
    return made
