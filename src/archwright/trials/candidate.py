"""What a strategy proposes."""

from __future__ import annotations

from dataclasses import dataclass

from archwright.spaces.architecture import Architecture
from archwright.trials.fidelity import FULL, Fidelity

__all__ = ["Candidate"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One architecture to be estimated.

    Args:
        architecture: What to estimate.
        fidelity: How closely to look.
        parent: Number of the trial whose architecture this one was made from (mutation, morphism), if any.
    """

    architecture: Architecture
    fidelity: Fidelity = FULL
    parent: int | None = None
