"""Whether a recipe fits a task, and a step what is asked of it."""

from __future__ import annotations

from archwright.errors import UsageError
from archwright.learning.recipe import Recipe
from archwright.tasks.task import Task

__all__ = ["check_recipe", "check_step"]


def check_recipe(recipe: Recipe, task: Task) -> None:
    """Check that a task can do what a recipe asks for.

    Raises:
        UsageError: When it cannot augment its inputs, smooth its labels or mix its examples, or knows no distance to
            a teacher.
    """
    if recipe.augmentations:
        if not task.augments:
            reason = (
                "needs inputs that are amounts; those of the task {} are symbols"
                if task.has_symbols
                else "needs inputs that are amounts; some of the task {} are codes of categories"
                if task.cardinalities
                else "needs a task with a method augment(batch, change), and {} has none"
            )
            raise UsageError(
                f"the augmentation {recipe.augmentation!r} {reason.format(repr(task.name))}; use 'none'"
            )
        spatial = [name for name in recipe.augmentations if name != "noise"]
        if spatial and task.input_shape is not None and len(task.input_shape) not in (2, 3):
            raise UsageError(
                f"the augmentation {spatial[0]!r} needs inputs of shape (channels, length) or "
                f"(channels, height, width), got {task.input_shape}; use 'noise' or 'none'"
            )
    for name in ("label_smoothing", "mixup"):
        if getattr(recipe, name) and not task.softens:
            raise UsageError(
                f"{name}={getattr(recipe, name)} needs a task with a method soften(batch, smoothing, mixup, "
                f"generator) that goes with its loss, and {task.name!r} has none; use {name}=0"
            )
    if recipe.distillation:
        task.distance_options(recipe.temperature)
    if recipe.mixup and (task.has_symbols or task.cardinalities):
        they = "some are codes of categories" if task.cardinalities else "they are symbols"
        raise UsageError(
            f"mixup needs inputs that are amounts; of the task {task.name!r} {they}; use mixup=0"
        )


def check_step(
    name: str, distils: bool, refuses: frozenset[str], recipe: Recipe, precision: object, ranks: int
) -> None:
    """Check that a step can bear what is asked.

    Args:
        name: Of the step, for errors.
        distils: Whether it has a teacher.
        refuses: What it cannot bear, see `Step`.
        recipe: How to train.
        precision: In what numbers.
        ranks: How many processes train together.

    Raises:
        UsageError: When it refuses something, or has no teacher for a recipe that distils.
    """
    count = recipe.accumulation
    if recipe.distillation and not distils:
        raise UsageError(
            f"{name} has no teacher: it cannot be trained with distillation={recipe.distillation}; leave it out"
        )
    asked = {
        "autocast": ("mixed" in str(precision), f"the precision {precision!r}"),
        "accumulation": (count > 1, f"accumulation={count}"),
        "ranks": (ranks > 1, f"{ranks} devices"),
    }
    for what, (is_asked, told) in asked.items():
        if is_asked and what in refuses:
            raise UsageError(f"{name} cannot be trained with {told}: it refuses {what}; leave it out")
