"""Architectures as what a diffusion works on: variables with a few levels each. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces import Architecture, Decision, Space

__all__ = ["Levels", "Variable", "Variables"]

_BINS = 9
"""Levels of a number that has more values."""
_MOST_LABELS = 256

Levels = dict[int, int]
"""For each variable that an architecture has, by number, its level."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One thing that is drawn on its own: a decision, or whether an item is in a subset.

    Args:
        address: The decision's.
        levels: How many levels it has, at least 2.
        item: The item; None for a decision that takes one value.
    """

    address: str
    levels: int
    item: Any = None


class Variables:
    """Reads and writes architectures of a space level by level.

    A categorical has a level per label, a number one per value, or nine evenly spaced on its scale where it has more, a
    subset two per item. Decisions without such levels, such as derivations of a grammar and programs, are no variables.

    Args:
        space: The space.

    Attributes:
        listed: The variables, in the order of the space's decisions.
        open: The addresses of decisions that are no variables and have several values.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.listed: list[Variable] = []
        self.open: list[str] = []
        self._of: dict[str, range] = {}
        self._labels: dict[str, Sequence[Any]] = {}
        for address, decision in space.decisions.items():
            begin = len(self.listed)
            self.listed += self._variables(address, decision)
            if len(self.listed) > begin:
                self._of[address] = range(begin, len(self.listed))
            elif decision.size > 1:
                self.open.append(address)

    def _variables(self, address: str, decision: Decision) -> list[Variable]:
        if decision.size <= 1:
            return []
        if decision.ordered:
            return [Variable(address, int(min(decision.size, _BINS)))]
        try:
            relaxed = decision.relaxed()
        except SpaceError:
            return []
        if len(relaxed.labels) > _MOST_LABELS:
            return []
        self._labels[address] = relaxed.labels
        if relaxed.several:
            return [Variable(address, 2, item) for item in relaxed.labels]
        return [Variable(address, len(relaxed.labels))]

    def numbers(self, address: str) -> range:
        """The variables of a decision; none where it has no levels."""
        return self._of.get(address, range(0))

    def read(self, architecture: Mapping[str, Any]) -> Levels:
        """The levels of an architecture's variables."""
        found: Levels = {}
        for address, value in architecture.items():
            for number in self.numbers(address):
                found[number] = self._level(self.listed[number], value)
        return found

    def write(self, levels: Mapping[int, int], near: Mapping[str, Any], random: Random) -> Architecture:
        """An architecture with these levels.

        A number with bins takes the value that it has in `near` where that is in the bin, else one drawn within the
        bin; a decision that is no variable takes its value in `near`. What has no level or value there, or no value
        with such levels, is drawn. The constraints are not asked.
        """

        def decide(address: str, decision: Decision) -> Any:
            numbers = self.numbers(address)
            if not numbers and address in near:
                return near[address]
            if not numbers or any(number not in levels for number in numbers):
                return decision.sample(random)
            return self._value(decision, numbers, levels, near.get(address), random)

        return self.space.complete(decide)

    def _level(self, variable: Variable, value: Any) -> int:
        decision = self.space.decisions[variable.address]
        if variable.item is not None or decision.several:
            return int(variable.item in value)
        if decision.ordered:
            return round(decision.encode(value)[0] * (variable.levels - 1))
        return list(self._labels[variable.address]).index(value)

    def _value(
        self, decision: Decision, numbers: range, levels: Mapping[int, int], near: Any, random: Random
    ) -> Any:
        first = self.listed[numbers[0]]
        if decision.several:
            items = [self.listed[number].item for number in numbers if levels[number]]
            return _coerced(decision, decision.relaxed().value(items), decision.sample, random)
        level = levels[numbers[0]]
        if not decision.ordered:
            return self._labels[first.address][level]
        if near is not None and self._level(first, near) == level:
            return near
        last = first.levels - 1
        if decision.size <= _BINS:
            return decision.decode((level / last,))
        low, high = max(0.0, level - 0.5), min(last, level + 0.5)
        return decision.decode(((low + random.random() * (high - low)) / last,))


def _coerced(decision: Decision, value: Any, instead: Callable[[Random], Any], random: Random) -> Any:
    """The value, or another one where the decision cannot take it, such as a subset of too few items."""
    try:
        return decision.coerce(value)
    except ValueError:
        return instead(random)
