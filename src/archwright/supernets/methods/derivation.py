"""From preferences for single values to the best architectures."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import Any

from archwright.errors import SearchError
from archwright.spaces import Architecture, Decision, Space

__all__ = [
    "SKIP_OPERATIONS",
    "ZERO_OPERATIONS",
    "Preferences",
    "Refused",
    "derive_ranked",
    "ranked_subsets",
    "skips",
    "limit_skips",
]

Preferences = Mapping[str, Sequence[tuple[Any, float]]]
"""Address to (value, score), the best first; the score is a logarithm of a probability or strength."""

Refused = Collection[tuple[str, Any]]
"""Pairs of an address and a value that must not be chosen there."""

ZERO_OPERATIONS = ("none", "zero")
"""Labels of operations that give nothing, by the names that papers and the zoo use."""

SKIP_OPERATIONS = ("skip_connect", "skip", "identity")
"""Labels of skip connections, by the names that papers and the zoo use."""

_LIMITED = "normal."

_LISTED = 5_000
_REFUSED = 10_000


def derive_ranked(space: Space, preferences: Preferences) -> Iterator[Architecture]:
    """Architectures in the order of the sum of their active values' scores, the highest first.

    The first has the best value of every decision. A decision without preferences takes its first value. Exact
    where all decisions are always active.

    Args:
        space: What the constraints refuse is left out; after 10,000 refused in a row there are no more.
        preferences: Address to scored values.
    """
    ranks: dict[str, int] = {}
    refused = 0
    numbers = itertools.count()  # ties go to what was found first
    first = _with_ranks(space, preferences, ranks)
    waiting = [(-_score(first, preferences), next(numbers), ranks, first)]
    queued: set[frozenset[tuple[str, int]]] = {frozenset()}
    given: set[Hashable] = set()
    while waiting and refused < _REFUSED:
        _, _, ranks, architecture = heapq.heappop(waiting)
        canonical = space.canonical(architecture)
        refused += 1
        if canonical not in given and space.contains(architecture):
            given.add(canonical)
            refused = 0
            yield architecture
        for address in architecture:
            rank = ranks.get(address, 0) + 1
            if rank < len(preferences.get(address, ())):
                changed = {**ranks, address: rank}
                if (key := frozenset(changed.items())) not in queued:
                    queued.add(key)
                    child = _with_ranks(space, preferences, changed)
                    heapq.heappush(waiting, (-_score(child, preferences), next(numbers), changed, child))


def skips(architecture: Mapping[str, Any]) -> list[str]:
    """The addresses of the active decisions whose value is a skip connection."""
    return [address for address, value in architecture.items() if _is_skip(value)]


def limit_skips(
    space: Space, preferences: Callable[[Refused], Preferences], limit: int
) -> Iterator[Architecture]:
    """As `derive_ranked`, of the architectures with at most so many skip connections.

    While the best one has more, the weakest of its skip connections is refused, and edges and operations are chosen
    anew (Chen et al. 2019, arXiv:1904.12760, section 3.3.2). They are counted in the normal cell, where the space has
    one by that name, otherwise in the whole network.

    Args:
        space: The space.
        preferences: From what is refused to the preferences without that.
        limit: At least 0.

    Raises:
        SearchError: When no architecture is within the limit.
    """
    begin = _LIMITED if any(address.startswith(_LIMITED) for address in space.decisions) else ""
    refused: set[tuple[str, Any]] = set()
    while True:
        present = preferences(refused)
        best = next(derive_ranked(space, present), None)
        if best is None:
            return
        counted = [address for address in skips(best) if address.startswith(begin)]
        if len(counted) <= limit:
            break
        others = [a for a in counted if any(not _is_skip(value) for value, _ in present.get(a, ()))]
        if not others:
            raise SearchError(
                f"no architecture with at most {limit} skip connections was found: {', '.join(counted)} have no other "
                "operation left; use a larger skip_limit"
            )
        weakest = min(others, key=lambda address: present[address][0][1])
        refused.add((weakest, best[weakest]))
    for architecture in derive_ranked(space, present):
        if len([address for address in skips(architecture) if address.startswith(begin)]) <= limit:
            yield architecture


def _is_skip(value: Any) -> bool:
    return isinstance(value, str) and value in SKIP_OPERATIONS


def _with_ranks(space: Space, preferences: Preferences, ranks: Mapping[str, int]) -> Architecture:
    def decide(address: str, decision: Decision) -> Any:
        ranked = preferences.get(address)
        return decision.default() if not ranked else ranked[ranks.get(address, 0)][0]

    return space.complete(decide)


def _score(architecture: Architecture, preferences: Preferences) -> float:
    total = 0.0
    for address, value in architecture.items():
        total += next((score for known, score in preferences.get(address, ()) if known == value), 0.0)
    return total


def ranked_subsets(subset: Decision, strengths: Sequence[float]) -> list[tuple[tuple[int, ...], float]]:
    """The subsets that a decision allows, by the strengths of the items, the best first.

    The score is the sum of the logarithms of s for an item that is in and of 1 - s for one that is not. Where more
    than 5,000 are allowed, only the best of each number of items and those one exchange away are listed.

    Args:
        subset: The decision, which takes several items.
        strengths: One number in (0, 1) an item.
    """
    into = [math.log(max(s, 1e-12)) for s in strengths]
    out = [math.log(max(1 - s, 1e-12)) for s in strengths]

    limits = subset.relaxed()

    def score(items: tuple[int, ...]) -> float:
        return float(sum(into[i] if i in items else out[i] for i in limits.labels))

    if subset.size <= _LISTED:
        allowed = list(subset.values())
    else:
        order = sorted(limits.labels, key=lambda i: out[i] - into[i])
        best = [tuple(sorted(order[:count])) for count in range(limits.fewest, limits.most + 1)]
        top = max(best, key=score)
        allowed = list(dict.fromkeys([*best, *subset.neighbors(top)]))
    return sorted(((items, score(items)) for items in allowed), key=lambda pair: -pair[1])
