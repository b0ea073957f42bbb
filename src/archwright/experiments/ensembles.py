"""Which trainings together are better than one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Ensemble", "Member", "select_members"]


@dataclass(frozen=True, kw_only=True)
class Member:
    """A training of a finalist that is a part of an ensemble.

    Args:
        stage: Of the training.
        number: Its number there.
        name: The finalist.
    """

    stage: str
    number: int
    name: str


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Several trainings that are delivered as one network.

    Args:
        members: The trainings, in the order in which they were taken.
        averaging: What the mean is of. See `Task.averaging`.
        pool: Those that they were selected from.
        asked: How many were asked for.
        single: Metric to number on the validation data of the chosen network alone.
        validation: The same of the ensemble, and what it costs.
        refused: Why it is not delivered, a sentence; None where it is.
    """

    members: tuple[Member, ...]
    averaging: str
    pool: tuple[Member, ...]
    asked: int
    single: Mapping[str, float] = field(default_factory=dict)
    validation: Mapping[str, float] = field(default_factory=dict)
    refused: str | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return f"the ensemble of {len(self.members)} networks"


def select_members(first: int, count: int, pool: int, score: Callable[[Sequence[int]], float]) -> list[int]:
    """Select the members of an ensemble, one after the other, each the one with which it is best.

    Forward selection of Caruana et al. 2004, Ensemble selection from libraries of models, without replacement, since
    every member costs its parameters. As there, of all ensembles on the way the best is taken.

    Args:
        first: The place of the first member.
        count: How many there are to be at most.
        pool: How many there are to select from.
        score: From places to how bad their ensemble is.

    Returns:
        The places, in the order in which they were taken; of equals the earlier.
    """
    chosen, scores = [first], [score([first])]
    while len(chosen) < min(count, pool):
        found = {place: score([*chosen, place]) for place in range(pool) if place not in chosen}
        best = min(found, key=lambda place: found[place])
        chosen.append(best)
        scores.append(found[best])
    return chosen[: scores.index(min(scores)) + 1]
