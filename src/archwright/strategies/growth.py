"""Changes that make a network larger."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from typing import Any

from archwright.spaces import Architecture, Decision, Space

__all__ = ["grown", "is_larger"]

_VALUES = 100


def grown(space: Space, architecture: Architecture, random: Random) -> Architecture | None:
    """A random neighbour that is larger (see `is_larger`), or None where there is none.

    A number may say where something stands and not how large it is, such as the layer that a pooling follows. Where a
    higher one leaves the same calls, elsewhere, or fewer of them, the neighbour is not larger.

    Decisions of a part that is new, such as a layer, are made as in the part before it, a number at least as high,
    since a narrower layer behind the last one could not compute what its parent does.
    """
    larger = [
        near for near in space.neighbors(architecture) if is_larger(space.decisions, architecture, near)
    ]
    shuffled = random.sample(larger, len(larger))
    chosen = next((near for near in shuffled if not _is_moved(space, architecture, near)), None)
    if chosen is None:
        return None
    like = space.complete(lambda address, decision: _continued(address, decision, architecture, chosen))
    return like if like in space else chosen


def _is_moved(space: Space, before: Architecture, after: Architecture) -> bool:
    """Whether only numbers rose, and the network has the same calls elsewhere, or fewer."""
    changed = [address for address in before if before[address] != after.get(address)]
    if not all(space.decisions[address].ordered for address in changed):
        return False
    old, new = (space.graph(one).nodes for one in (before, after))
    # A call is written with the names of those inside it, so what moves changes texts, but no word of all texts.
    words = [Counter(re.findall(r"[^\s(),=\[\]]+", " ".join(n.text for n in nodes))) for nodes in (old, new)]
    return len(new) < len(old) or words[0] == words[1]


def _continued(address: str, decision: Decision, before: Mapping[str, Any], after: Mapping[str, Any]) -> Any:
    """The value of a decision: that of the grown architecture, for a new one that of the part before."""
    if address in before or address not in after:
        return after.get(address, decision.default())
    earlier = _earlier(address)
    if earlier is None or earlier not in before or decision.several:
        return after[address]
    wanted = before[earlier]
    with suppress(ValueError):
        return decision.coerce(wanted)
    enough = [value for value in decision.alternatives(_VALUES) if decision.numeric and value >= wanted]
    return min(enough, default=after[address])


def _earlier(address: str) -> str | None:
    """The address with its last number less by one, as `layers.2.width` is before `layers.3.width`."""
    parts = address.split(".")
    for at in reversed(range(len(parts))):
        if parts[at].isdigit() and int(parts[at]) > 0:
            return ".".join([*parts[:at], str(int(parts[at]) - 1), *parts[at + 1 :]])
    return None


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
