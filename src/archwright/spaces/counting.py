"""The exact number of architectures in a plan."""

from __future__ import annotations

import math
from collections.abc import Generator, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from archwright.spaces.decision import Decision
from archwright.spaces.plan import Branch, Plan, Read

__all__ = ["count"]


def count(plan: Plan) -> float:
    """How many different sets of active decisions with values a plan allows: an int, or `math.inf`.

    Exact also where one decision is active in several branches. Parts that share nothing are counted apart
    and multiplied. A decision that selects is tried value by value, a subset that is only asked for items
    item by item; what remains after each try is counted once for all tries that leave the same.
    """
    try:
        return _run(_count(_State(dict(plan.decisions), plan.branches), {}))
    except _InfiniteError:
        return math.inf


class _InfiniteError(Exception):
    """A real can be active."""


@dataclass(slots=True)
class _State:
    """What remains to be counted.

    Args:
        decisions: Open: active, with no value yet.
        branches: Not yet looked into, in the plan's order.
        values: Address to value, of those decided.
        items: Address to item to whether it is in the subset, of open subsets that are decided item by item.
    """

    decisions: dict[str, Decision]
    branches: list[Branch]
    values: dict[str, Any] = field(default_factory=dict)
    items: dict[str, dict[int, bool]] = field(default_factory=dict)

    def is_open(self, read: Read) -> bool:
        """True if a selector cannot read this yet."""
        address, item = read
        return address in self.decisions and (item is None or item not in self.items.get(address, {}))

    def rest(self, address: str) -> tuple[int, int, int]:
        """Number of undecided items, and the smallest and largest number of them that may still be chosen."""
        subset, items = self.decisions[address].relaxed(), self.items.get(address, {})
        inside, left = sum(items.values()), len(subset.labels) - len(items)
        return left, max(0, subset.fewest - inside), min(left, subset.most - inside)

    def ways(self, address: str) -> int:
        """Number of values that an undecided decision can still take."""
        decision = self.decisions[address]
        if self.items.get(address):
            left, low, high = self.rest(address)
            return sum(math.comb(left, i) for i in range(low, high + 1))
        if decision.size == math.inf:
            raise _InfiniteError
        return int(decision.size)

    def key(self) -> Hashable:
        """Key that is equal for two states with the same number of architectures left."""
        known = []
        for address, item in frozenset().union(*(branch.reads for branch in self.branches)):
            if address in self.values:
                value = self.values[address]
                known.append((address, item, value if item is None else item in value))
            elif address in self.items:
                fixed = self.items[address]
                known.append((address, item, frozenset(fixed.items()) if item is None else fixed.get(item)))
        return (
            tuple(map(id, self.branches)),
            frozenset(known),
            frozenset(
                address for branch in self.branches for address in branch.decides if address in self.values
            ),
            frozenset(
                (address, self.rest(address) if address in self.items else None) for address in self.decisions
            ),
        )


_Counting = Generator["_Counting", int, int]
"""A count that yields the smaller counts it needs, is sent their results, and returns its own."""


def _run(counting: _Counting) -> int:
    """Recursion without Python's limit on its depth."""
    stack, answer = [counting], None
    while stack:
        try:
            stack.append(stack[-1].send(cast("int", answer)))
            answer = None
        except StopIteration as done:
            stack.pop()
            answer = done.value
    return cast("int", answer)


def _count(state: _State, memo: dict[Hashable, int]) -> _Counting:
    blocked = _expand(state)
    total = 1
    for group in _independent(state, blocked):
        if group.branches:
            key = group.key()
            if key not in memo:
                memo[key] = yield _split(group, memo)
            total *= memo[key]
        else:
            total *= math.prod(map(group.ways, group.decisions))
    return total


def _split(state: _State, memo: dict[Hashable, int]) -> _Counting:
    """Sum over what the first branch waits for: all values of a decision, or an item of a subset in and out."""
    address, item = next(read for read in state.branches[0].needs if state.is_open(read))
    items = {a: fixed for a, fixed in state.items.items() if a != address}
    fixed = state.items.get(address, {})
    total = 0
    if item is None:
        others = {a: d for a, d in state.decisions.items() if a != address}
        for value in state.decisions[address].values():
            if all((i in value) == inside for i, inside in fixed.items()):
                values = {**state.values, address: value}
                total += yield _count(_State(dict(others), state.branches, values, items), memo)
    else:
        for inside in (False, True):
            tried = {**items, address: {**fixed, item: inside}}
            child = _State(dict(state.decisions), state.branches, state.values, tried)
            _, low, high = child.rest(address)
            if low <= high:
                total += yield _count(child, memo)
    return total


def _expand(state: _State) -> list[Branch]:
    """Follow every branch whose selector can be read, and add what it decides. Returns the branches left."""
    _settle(state)
    view = {**state.values, **{a: tuple(i for i in fixed if fixed[i]) for a, fixed in state.items.items()}}
    active = set(state.decisions).union(state.values)
    awaited: set[str] = set()
    blocked: list[Branch] = []
    ahead = state.branches[::-1]
    while ahead:
        branch = ahead.pop()
        if branch.decides <= active:
            continue  # whatever it selects is active already
        if any(read[0] in awaited or state.is_open(read) for read in branch.needs):
            blocked.append(branch)
            awaited |= branch.decides - active
            continue
        plan = branch.plans.get(branch.select(view))
        if plan is not None:
            state.decisions |= {a: d for a, d in plan.decisions.items() if a not in state.values}
            active.update(plan.decisions)
            awaited.difference_update(plan.decisions)
            ahead += plan.branches[::-1]
    return blocked


def _settle(state: _State) -> None:
    """Decide the decisions that have one value."""
    for address in [a for a, decision in state.decisions.items() if decision.size == 1]:
        state.values[address] = state.decisions.pop(address).default()


def _independent(state: _State, branches: list[Branch]) -> Iterator[_State]:
    """Parts with no open address in common; decisions that no branch mentions are one without branches."""
    leader = list(range(len(branches)))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = i = leader[leader[i]]
        return i

    owner: dict[str, int] = {}
    for i, branch in enumerate(branches):
        for address in branch.mentions - state.values.keys():
            leader[find(owner.setdefault(address, i))] = find(i)
    parts: dict[int, _State] = {}
    for i, branch in enumerate(branches):
        if find(i) not in parts:
            parts[find(i)] = _State({}, [])
        parts[find(i)].branches.append(branch)
    alone = _State({}, [])
    for address, decision in state.decisions.items():
        part = parts[find(owner[address])] if address in owner else alone
        part.decisions[address] = decision
    for part in (*parts.values(), alone):
        mentioned = frozenset().union(*(branch.mentions for branch in part.branches))
        part.values = {a: value for a, value in state.values.items() if a in mentioned}
        part.items = {a: fixed for a, fixed in state.items.items() if a in part.decisions}
        yield part
