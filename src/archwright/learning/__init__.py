"""Learning: one trainer, one recipe, and steps of many kinds. Importing this room loads no torch.

- `Recipe`: how a network is trained, one typed record.
- `Trainer`: the loop; `Event`: what it tells.
- `Step`: what one step does; `PlainStep`: the ordinary one; `DistillStep`: beside a teacher.
  Supernet methods are further steps.
- `Seeds`, `Randomness`, `seeded`: random numbers of a training of its own.
- `Part`, `Plan`, `BatchStream` come from `archwright.tasks`, which makes the batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.lazy import imported_on_use
from archwright.learning.recipe import AUGMENTATIONS, FINE_TUNING, OPTIMIZERS, SCHEDULES, Recipe

if TYPE_CHECKING:
    from archwright.learning.distilling import DistillStep
    from archwright.learning.plain import PlainStep
    from archwright.learning.randomness import Randomness, Seeds, seeded
    from archwright.learning.trainer import Event, Step, Trainer
    from archwright.tasks.batches import BatchStream, Part, Plan

__all__ = [
    "AUGMENTATIONS",
    "FINE_TUNING",
    "OPTIMIZERS",
    "SCHEDULES",
    "BatchStream",
    "DistillStep",
    "Event",
    "Part",
    "Plan",
    "PlainStep",
    "Randomness",
    "Recipe",
    "Seeds",
    "Step",
    "Trainer",
    "seeded",
]

__getattr__ = imported_on_use(__name__)
