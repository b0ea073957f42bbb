"""Changes that make a network larger."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from archwright.spaces import Architecture, Decision, Space

__all__ = ["grown", "is_larger"]


def grown(space: Space, architecture: Architecture, random: Random) -> Architecture | None:
    """A random neighbour that is larger (see `is_larger`), or None where there is none."""
    larger = [
        near for near in space.neighbors(architecture) if is_larger(space.decisions, architecture, near)
    ]
    return random.choice(larger) if larger else None


def is_larger(decisions: Mapping[str, Decision], before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether nothing says that the second architecture is smaller.

    A number is smaller when it is lower, a subset when it lacks an item; of labels without numbers none is. Decisions
    may fall away only where a shared one is larger.

    Args:
        decisions: Those of the space, by address.
        before: The architecture that is to grow.
        after: The one that it may become; another one.
    """
    shared = [address for address in before if address in after and after[address] != before[address]]
    if any(_is_less(decisions[address], after[address], before[address]) for address in shared):
        return False
    falls_away = any(address not in after for address in before)
    return not falls_away or any(_is_less(decisions[a], before[a], after[a]) for a in shared)


def _is_less(decision: Decision, one: Any, other: Any) -> bool:
    if decision.several:
        return not set(one) >= set(other)
    return decision.numeric and bool(one < other)
