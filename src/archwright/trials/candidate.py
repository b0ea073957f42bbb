"""What a strategy proposes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from archwright.spaces.architecture import Architecture
from archwright.trials.fidelity import FULL, Fidelity

__all__ = ["Candidate", "Inheritance"]

Inheritance = Literal["nothing", "architecture", "continue", "morph"]
"""What a candidate takes over from its parent: nothing, what it is but no weights, all of its checkpoint, or the
weights of another network."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One architecture to be estimated.

    Args:
        architecture: What to estimate.
        fidelity: How closely to look; None leaves it open, so that the search's own applies.
        parent: Number of the trial whose architecture this one was made from (mutation, morphism), if any.
        inherit: "nothing"; "architecture": the same architecture begins anew at another fidelity; "continue": it goes
            on from the parent's last checkpoint; "morph": a changed architecture takes over the parent's weights.
    """

    architecture: Architecture
    fidelity: Fidelity | None = None
    parent: int | None = None
    inherit: Inheritance = "nothing"

    @property
    def continues(self) -> bool:
        """Whether it goes on from its parent's checkpoint."""
        return self.inherit == "continue"

    @property
    def is_new(self) -> bool:
        """Whether it is a new configuration, not a further look at its parent's."""
        return self.inherit not in ("architecture", "continue")

    @property
    def needs_checkpoint(self) -> bool:
        """Whether it begins from its parent's weights."""
        return self.inherit in ("continue", "morph")

    @property
    def effort(self) -> Fidelity:
        """The fidelity, full where it was left open."""
        return FULL if self.fidelity is None else self.fidelity
