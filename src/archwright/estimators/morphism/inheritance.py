"""How a training takes over the weights of a parent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from archwright.errors import SpaceError, TrialError, UsageError
from archwright.estimators.morphism.morphing import NewUnits, morph
from archwright.learning.ranks import Ranks
from archwright.tasks.task import Task
from archwright.trials import Candidate, TrialContext

if TYPE_CHECKING:
    from archwright.spaces import Space

__all__ = ["Inheritance"]


@dataclass(frozen=True, slots=True)
class Inheritance:
    """How a child with its parent's weights begins, and how long it is trained.

    Args:
        child_share: Share of the recipe's epochs that a child is trained for, in (0, 1]; at least one epoch. Schedules
            are made for these. A third is what Elsken et al. 2017 need and less (17 epochs instead of 20 and more).
        new_units: "fresh": units that a wider layer adds have weights of their own, and nothing reads them yet;
            "copies": they repeat random old units, whose readers are divided among them (Net2Net).

    Raises:
        UsageError: When the share is outside (0, 1] or the units are unknown.
    """

    child_share: float = 1 / 3
    new_units: NewUnits = "fresh"

    def __post_init__(self) -> None:
        if not 0.0 < self.child_share <= 1.0:
            raise UsageError(f"morphism: expected 0 < child_share <= 1, got {self.child_share}")
        if self.new_units not in ("fresh", "copies"):
            raise UsageError(f"morphism: expected new_units fresh or copies, got {self.new_units!r}")

    def epochs(self, recipe_epochs: int) -> int:
        """How many epochs a child is trained for."""
        return max(1, math.ceil(self.child_share * recipe_epochs - 1e-9))

    def network(
        self, space: Space, task: Task, candidate: Candidate, trial: TrialContext, ranks: Ranks, seed: int
    ) -> tuple[nn.Module, dict[str, float]]:
        """The child's network, which begins as its parent computes.

        Returns:
            The network, and what the trial is to tell: "inherited", the share of its parameters that stand in layers
            of the parent, and "morph_change", the largest difference to the parent's outputs (see `Morphism`).

        Raises:
            TrialError: When the parent left no checkpoint, or one of another space.
        """
        if ranks.is_first and trial.parent is None:
            raise TrialError(f"trial {candidate.parent} left no checkpoint that could be inherited")
        state = ranks.share(trial.parent.load() if ranks.is_first and trial.parent is not None else None)
        example = task.example()
        try:
            made = morph(
                space,
                (space.from_json(state["architecture"]), state["trainer"]["network"]),
                candidate.architecture,
                lambda network: task.forward(network, example),
                task.arguments(example),
                units=self.new_units,
                seed=seed,
            )
        except (KeyError, SpaceError, UsageError) as error:
            raise TrialError(
                f"the weights of trial {candidate.parent} cannot be inherited: {error}"
            ) from error
        return made.network, {"inherited": made.inherited, "morph_change": made.change}
