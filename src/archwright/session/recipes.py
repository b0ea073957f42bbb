"""The recipe of a run that begins with trained weights, and of the networks beside it that have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archwright.learning import FINE_TUNING, Recipe
from archwright.pretrained import original_network
from archwright.pretrained.blockwise import combinations_of
from archwright.spaces import Space

__all__ = ["ChosenRecipe", "chosen_recipe"]


@dataclass(frozen=True)
class ChosenRecipe:
    """How networks are trained.

    Args:
        recipe: Those of the space.
        scratch: Networks without weights, where those of the space come with theirs; None means all alike.
        notes: What the log says of it.
    """

    recipe: Recipe
    scratch: Recipe | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)

    def fitted(self, planned: Recipe) -> Recipe | None:
        """The recipe of networks without weights, for as many epochs as were planned."""
        if self.scratch is None:
            return None
        return self.scratch.replace(epochs=planned.epochs, early_stopping=planned.early_stopping)


def chosen_recipe(space: Space, given: Recipe | Mapping[str, Any] | None, seed: int) -> ChosenRecipe:
    """The recipe of a space: that of fine-tuning where its networks come with weights, unless one was given.

    Args:
        space: What is searched.
        given: A recipe, which is taken as it is, but that networks put together from blocks always have a teacher; some
            of its fields, beside which the others are the defaults; or None.
        seed: Of the training, where no recipe was given.

    Raises:
        UsageError: When a field is unknown or a value is refused.
    """
    has_weights = original_network(space) is not None
    is_distilled = combinations_of(space) is not None
    if isinstance(given, Recipe):
        return ChosenRecipe(
            given.distilled if is_distilled else given, given.from_scratch if has_weights else None
        )
    fields = {"seed": seed, **(given or {})}
    scratch = Recipe.from_json(fields)
    if not has_weights:
        return ChosenRecipe(scratch)
    tuned = {name: value for name, value in FINE_TUNING.items() if name not in fields}
    if fields.get("schedule") == "one_cycle" or scratch.epochs <= tuned.get("warmup_epochs", 0):
        tuned.pop("warmup_epochs", None)
    values = ", ".join(f"{name}={value}" for name, value in tuned.items())
    note = f"recipe: fine-tuning, since the networks come with weights: {values}" if tuned else ""
    recipe = scratch.replace(**tuned)
    recipe = recipe.distilled if is_distilled else recipe
    return ChosenRecipe(recipe, scratch.from_scratch, (note,) if note else ())
