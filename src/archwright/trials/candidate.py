"""What a strategy proposes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from archwright.spaces.architecture import Architecture
from archwright.trials.fidelity import FULL, Fidelity

__all__ = ["Candidate", "Inheritance"]

Inheritance = Literal["nothing", "continue", "morph"]
"""What a candidate takes over from its parent's checkpoint: nothing, all of it, or weights of another network."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One architecture to be estimated.

    Args:
        architecture: What to estimate.
        fidelity: How closely to look; None leaves it open, so that the search's own applies.
        parent: Number of the trial whose architecture this one was made from (mutation, morphism), if any.
        inherit: "nothing"; "continue": the same architecture goes on from the parent's last checkpoint;
            "morph": a changed architecture takes over the parent's weights.
    """

    architecture: Architecture
    fidelity: Fidelity | None = None
    parent: int | None = None
    inherit: Inheritance = "nothing"

    @property
    def continues(self) -> bool:
        """Whether it goes on from its parent's checkpoint, and so is no new configuration."""
        return self.inherit == "continue"

    @property
    def effort(self) -> Fidelity:
        """The fidelity, full where it was left open."""
        return FULL if self.fidelity is None else self.fidelity
