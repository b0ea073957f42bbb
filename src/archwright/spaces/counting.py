"""The exact number of architectures in a plan, and all of them in order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from archwright.spaces.decisions import Decision
from archwright.spaces.plan import Branch, Plan

__all__ = ["count", "enumerate_values"]


def count(plan: Plan) -> float:
    """How many different sets of active decisions with values a plan allows: an int, or `math.inf`.

    Exact also where one decision is active in several branches. Decisions and branches that share nothing are
    counted apart and multiplied; the ones that select are tried value by value.
    """
    return _count(dict(plan.decisions), list(plan.branches), {}, {})


def _count(
    decisions: dict[str, Decision],
    branches: list[Branch],
    values: dict[str, Any],
    memo: dict[Any, float],
) -> float:
    """Architectures below a state: decisions still open, branches still open, and values that matter."""
    total: float = 1
    for group_decisions, group_branches in _independent(decisions, branches, values):
        if not group_branches:
            total *= math.prod(d.size for d in group_decisions.values())
            continue
        mentioned = frozenset(a for branch in group_branches for a in branch.mentions)
        known = {a: values[a] for a in mentioned if a in values}
        key = (tuple(id(b) for b in group_branches), frozenset(group_decisions), tuple(sorted(known.items(), key=repr)))
        if key not in memo:
            memo[key] = _count_group(group_decisions, group_branches, known, memo)
        total *= memo[key]
    return total


def _count_group(
    decisions: dict[str, Decision], branches: list[Branch], values: dict[str, Any], memo: dict[Any, float]
) -> float:
    first, *rest = branches
    open_address = next((a for a in decisions if a in first.needs), None)
    if open_address is not None:
        decision = decisions[open_address]
        if math.isinf(decision.size):
            return math.inf
        others = {a: d for a, d in decisions.items() if a != open_address}
        return sum(_count(others, branches, {**values, open_address: v}, memo) for v in decision.values())
    plan = first.plans.get(first.select(values))
    if plan is None:
        return _count(decisions, rest, values, memo)
    new = {a: d for a, d in plan.decisions.items() if a not in values and a not in decisions}
    return _count({**decisions, **new}, [*plan.branches, *rest], values, memo)



def _independent(
    decisions: Mapping[str, Decision], branches: list[Branch], values: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Decision], list[Branch]]]:
    """Groups of decisions and branches that have no open address in common."""
    groups: list[tuple[set[str], list[int]]] = []
    for i, branch in enumerate(branches):
        addresses = {a for a in branch.mentions if a not in values}
        members = [i]
        apart = []
        for other, indices in groups:
            if addresses.isdisjoint(other):
                apart.append((other, indices))
            else:
                addresses |= other
                members += indices
        groups = [*apart, (addresses, members)]
    used: set[str] = set()
    for addresses, indices in groups:
        used |= addresses
        yield (
            {a: d for a, d in decisions.items() if a in addresses},
            [branches[i] for i in sorted(indices)],
        )
    alone = {a: d for a, d in decisions.items() if a not in used}
    if alone:
        yield alone, []


def enumerate_values(plan: Plan) -> Iterator[dict[str, Any]]:
    """Every complete set of values, in lexicographic order of the decisions' own order; each a new dict.

    Raises:
        SpaceError: When an active decision is a real.
    """
    yield from _enumerate(list(plan.decisions.items()), list(plan.branches), {})


def _enumerate(
    decisions: list[tuple[str, Decision]], branches: list[Branch], values: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    if decisions:
        (address, decision), *others = decisions
        if address in values:
            yield from _enumerate(others, branches, values)
            return
        for value in decision.values():
            yield from _enumerate(others, branches, {**values, address: value})
    elif branches:
        first, *rest = branches
        plan = first.plans.get(first.select(values))
        if plan is None:
            yield from _enumerate([], rest, values)
        else:
            yield from _enumerate(list(plan.decisions.items()), [*plan.branches, *rest], values)
    else:
        yield values
