"""The derivations of a symbol up to a depth: counted exactly, numbered, drawn."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator, KeysView, Mapping
from functools import cached_property
from itertools import accumulate
from random import Random
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.expression import whole
from archwright.spaces.grammars.derivation import Derivation, Rule, parse_derivation
from archwright.spaces.grammars.function import Type

__all__ = ["Language"]

Types = KeysView[Type]
"""Types in a fixed order, so that nothing depends on a process's hashes."""


_REMEMBERED = 1024
"""Texts whose derivations are kept, since the same is asked of one several times in a row."""


class Language:
    """What a grammar derives from a symbol that is given a type, up to a depth.

    All numbers come from one recursion over (symbol, type, depth), remembered: which types can be given, and by how
    many derivations each. Numbers are exact integers.

    Args:
        productions: Symbol to name to rule.
        symbol: The start.
        depth: The most rules on a way from the root to a leaf, at least 1.
        given: The type that the whole is given.

    Raises:
        SpaceError: When nothing is derived.
    """

    def __init__(
        self, productions: Mapping[str, Mapping[str, Rule]], symbol: str, depth: int, given: Type
    ) -> None:
        if whole(depth) is None or depth < 1:
            raise SpaceError(f"expected a depth that is a whole number >= 1, got {depth!r}")
        self.productions, self.symbol, self.depth, self.given = productions, symbol, depth, given
        self._forget()
        if not any(self.types(symbol, given, d) for d in range(1, depth + 1)):  # the first is found soon
            raise SpaceError(
                f"nothing is derived from {symbol!r} within depth {depth}"
                f"{'' if given is None else f' that takes {given}'}; allow more depth, or add a rule without parts"
            )

    def _forget(self) -> None:
        self._types: dict[Any, tuple[Type, ...]] = {}
        self._indices: dict[Any, Any] = {}
        self._ends: dict[Any, Types] = {}
        self._fitting: dict[Any, frozenset[Type]] = {}
        self._ways: dict[Any, dict[Type, int]] = {}
        self._tails: dict[Any, dict[Type, int]] = {}
        self._least: dict[Any, Derivation | None] = {}
        self._read: dict[str, Derivation] = {}

    def __reduce__(self) -> Any:
        return Language, (self.productions, self.symbol, self.depth, self.given)

    def all_rules(self) -> list[Rule]:
        """Every rule of the grammar, in order."""
        return [rule for rules in self.productions.values() for rule in rules.values()]

    # Types

    def types(self, symbol: str, given: Type, depth: int) -> tuple[Type, ...]:
        """The types that what is derived can give, in a fixed order."""
        key = symbol, given, depth
        if key not in self._types:
            found: dict[Type, None] = {}
            if depth > 0:
                for rule in self.productions[symbol].values():
                    ends = self.ends(rule, 0, rule.function.begin(given), depth)
                    found |= dict.fromkeys(ends)
            self._types[key] = tuple(found)
        return self._types[key]

    def ends(self, rule: Rule, position: int, state: Any, depth: int) -> Types:
        """The types that a rule can give from a state before one of its parts; none where the state is None."""
        if state is None:
            return {}.keys()
        if position == len(rule.parts):
            return {rule.function.output(state): None}.keys()
        key = rule, position, state, depth
        if key not in self._ends:
            found: dict[Type, None] = {}
            for output in self._candidates(rule, position, state, depth):
                found |= dict.fromkeys(
                    self.ends(rule, position + 1, rule.function.after(state, position, output), depth)
                )
            self._ends[key] = found.keys()
        return self._ends[key]

    def _candidates(self, rule: Rule, position: int, state: Any, depth: int) -> Iterable[Type]:
        """The types that a part may give, in a fixed order."""
        function, symbol = rule.function, rule.parts[position]
        given = function.input(state, position)
        key = function, symbol, given, depth
        if key not in self._indices:
            self._indices[key] = function.index(self.types(symbol, given, depth - 1))
        return function.fitting(state, position, self._indices[key])

    def fitting(
        self, rule: Rule, position: int, state: Any, depth: int, allowed: frozenset[Type] | None
    ) -> frozenset[Type]:
        """The types that a part may give so that the rule can give an allowed one."""
        key = rule, position, state, depth, allowed
        if key not in self._fitting:
            found = []
            for output in self._candidates(rule, position, state, depth):
                after = self.ends(rule, position + 1, rule.function.after(state, position, output), depth)
                if after if allowed is None else not after.isdisjoint(allowed):
                    found.append(output)
            self._fitting[key] = frozenset(found)
        return self._fitting[key]

    def rules(
        self, symbol: str, given: Type, depth: int, allowed: frozenset[Type] | None = None
    ) -> list[Rule]:
        """The rules that can be taken where one of the allowed types must be given; any when they are None."""
        found = []
        for rule in self.productions[symbol].values() if depth > 0 else ():
            ends = self.ends(rule, 0, rule.function.begin(given), depth)
            if ends if allowed is None else not ends.isdisjoint(allowed):
                found.append(rule)
        return found

    # Drawing by the rules' weights

    def sample(self, random: Random) -> Derivation:
        """A derivation: from the root on, each rule in proportion to its weight among those that lead to an end."""
        return self.grow(self.symbol, self.given, self.depth, None, random)

    def grow(
        self, symbol: str, given: Type, depth: int, allowed: frozenset[Type] | None, random: Random
    ) -> Derivation:
        """A random derivation of a symbol that gives an allowed type; there must be one."""
        rules = self.rules(symbol, given, depth, allowed)
        up_to = list(accumulate(rule.weight for rule in rules))
        rule = rules[bisect(up_to, random.random() * up_to[-1], hi=len(rules) - 1)]
        function, parts = rule.function, []
        state = function.begin(given)
        for position, part in enumerate(rule.parts):
            inner = function.input(state, position)
            may = self.fitting(rule, position, state, depth, allowed)
            parts.append(self.grow(part, inner, depth - 1, may, random))
            state = function.after(state, position, parts[-1].output(inner)[0])
        return Derivation(rule, tuple(parts))

    def probability(self, derivation: Derivation) -> float:
        """How likely `sample` draws a derivation of this language."""

        def of(made: Derivation, given: Type, depth: int, allowed: frozenset[Type] | None) -> float:
            rules = self.rules(made.rule.symbol, given, depth, allowed)
            chance = made.rule.weight / sum(rule.weight for rule in rules)
            function = made.rule.function
            state = function.begin(given)
            for position, part in enumerate(made.parts):
                inner = function.input(state, position)
                may = self.fitting(made.rule, position, state, depth, allowed)
                chance *= of(part, inner, depth - 1, may)
                state = function.after(state, position, part.output(inner)[0])
            return chance

        return of(derivation, self.given, self.depth, None)

    def smallest(
        self, symbol: str, given: Type, depth: int, allowed: frozenset[Type] | None
    ) -> Derivation | None:
        """The first of the derivations with the least depth that give an allowed type; None where there is none."""
        key = symbol, given, depth, allowed
        if key not in self._least:
            least = next((d for d in range(1, depth + 1) if self.rules(symbol, given, d, allowed)), None)
            self._least[key] = None if least is None else self._first(symbol, given, least, allowed)
        return self._least[key]

    def _first(self, symbol: str, given: Type, depth: int, allowed: frozenset[Type] | None) -> Derivation:
        rule = self.rules(symbol, given, depth, allowed)[0]
        function, parts = rule.function, []
        state = function.begin(given)
        for position, part in enumerate(rule.parts):
            inner = function.input(state, position)
            may = self.fitting(rule, position, state, depth, allowed)
            found = self.smallest(part, inner, depth - 1, may)
            assert found is not None
            parts.append(found)
            state = function.after(state, position, found.output(inner)[0])
        return Derivation(rule, tuple(parts))

    # Exact numbers

    @cached_property
    def size(self) -> int:
        """How many derivations there are; two that spell one network count twice."""
        return sum(self.ways(self.symbol, self.given, self.depth).values())

    def counts(self) -> list[int]:
        """How many derivations have at most depth 1, 2, ..., up to the language's depth."""
        return [sum(self.ways(self.symbol, self.given, d).values()) for d in range(1, self.depth + 1)]

    def ways(self, symbol: str, given: Type, depth: int) -> dict[Type, int]:
        """For each type that can be given the number of derivations that give it, in a fixed order."""
        key = symbol, given, depth
        if key not in self._ways:
            found: dict[Type, int] = {}
            if depth > 0:
                for rule in self.productions[symbol].values():
                    _add(found, self.tails(rule, 0, rule.function.begin(given), depth), 1)
            self._ways[key] = found
        return self._ways[key]

    def tails(self, rule: Rule, position: int, state: Any, depth: int) -> dict[Type, int]:
        """For each type that a rule can give the number of ways to derive its parts from a position on."""
        if state is None:
            return {}
        if position == len(rule.parts):
            return {rule.function.output(state): 1}
        key = rule, position, state, depth
        if key not in self._tails:
            found: dict[Type, int] = {}
            ways = self.ways(rule.parts[position], rule.function.input(state, position), depth - 1)
            for output in self._candidates(rule, position, state, depth):
                after = rule.function.after(state, position, output)
                _add(found, self.tails(rule, position + 1, after, depth), ways[output])
            self._tails[key] = found
        return self._tails[key]

    def __iter__(self) -> Iterator[Derivation]:
        """Every derivation, in the order of their numbers."""
        return map(self.unrank, range(self.size))

    def unrank(self, number: int) -> Derivation:
        """The derivation with a number from 0 to `size` - 1."""
        for output, count in self.ways(self.symbol, self.given, self.depth).items():
            if number < count:
                return self._numbered(self.symbol, self.given, self.depth, output, number)
            number -= count
        raise SpaceError(f"expected a number below {self.size:,}")

    def _numbered(self, symbol: str, given: Type, depth: int, output: Type, number: int) -> Derivation:
        for rule in self.productions[symbol].values():
            state = rule.function.begin(given)
            count = self.tails(rule, 0, state, depth).get(output, 0)
            if number < count:
                break
            number -= count
        parts = []
        for position, part in enumerate(rule.parts):
            inner = rule.function.input(state, position)
            ways = self.ways(part, inner, depth - 1)
            for given_by in self._candidates(rule, position, state, depth):
                after = rule.function.after(state, position, given_by)
                rest = self.tails(rule, position + 1, after, depth).get(output, 0)
                if number < ways[given_by] * rest:
                    break
                number -= ways[given_by] * rest
            own, number = divmod(number, rest)
            parts.append(self._numbered(part, inner, depth - 1, given_by, own))
            state = after
        return Derivation(rule, tuple(parts))

    def rank(self, derivation: Derivation) -> int:
        """The number of a derivation, the inverse of `unrank`."""
        number = 0
        wanted = derivation.output(self.given)[0]
        for output, count in self.ways(self.symbol, self.given, self.depth).items():
            if output == wanted:
                break
            number += count
        return number + self._rank(derivation, self.given, self.depth, wanted)

    def _rank(self, made: Derivation, given: Type, depth: int, output: Type) -> int:
        number = 0
        for rule in self.productions[made.rule.symbol].values():
            if rule.name == made.rule.name:
                break
            number += self.tails(rule, 0, rule.function.begin(given), depth).get(output, 0)
        function = made.rule.function
        state = function.begin(given)
        for position, part in enumerate(made.parts):
            inner = function.input(state, position)
            own = part.output(inner)[0]
            ways = self.ways(made.rule.parts[position], inner, depth - 1)
            for given_by in self._candidates(made.rule, position, state, depth):
                after = function.after(state, position, given_by)
                rest = self.tails(made.rule, position + 1, after, depth).get(output, 0)
                if given_by == own:
                    break
                number += ways[given_by] * rest
            number += self._rank(part, inner, depth - 1, own) * rest
            state = after
        return number

    # Members

    def read(self, text: str) -> Derivation:
        """The derivation of a text.

        Raises:
            SpaceError: When it is none of this language.
        """
        if text in self._read:
            return self._read[text]
        found = parse_derivation(text, self.symbol, self.productions)
        if found.depth > self.depth:
            raise SpaceError(f"expected a derivation of depth {self.depth} at most, got one of {found.depth}")
        if found.output(self.given) is None:
            raise SpaceError(f"the types do not fit in the derivation {text[:200]!r}, given {self.given}")
        self.text(found)
        return found

    def text(self, derivation: Derivation) -> str:
        """The text of a derivation of this language, by which `read` finds the last few again."""
        if len(self._read) >= _REMEMBERED:
            self._read.clear()
        text = str(derivation)
        self._read[text] = derivation
        return text

    def place_types(self, whole: Derivation, path: Iterable[int], types: Iterable[Type]) -> frozenset[Type]:
        """Which types a part may give so that the whole is still a derivation, all else in it as it is."""
        steps = tuple(path)

        def output(made: Derivation, given: Type, rest: tuple[int, ...], wanted: Type) -> Any:
            if not rest:
                return (wanted,)
            function = made.rule.function
            state = function.begin(given)
            for position, part in enumerate(made.parts):
                if state is None:
                    return None
                inner = function.input(state, position)
                found = output(part, inner, rest[1:], wanted) if position == rest[0] else part.output(inner)
                state = None if found is None else function.after(state, position, found[0])
            return None if state is None else (function.output(state),)

        return frozenset(one for one in types if output(whole, self.given, steps, one) is not None)


def _add(to: dict[Type, int], what: dict[Type, int], times: int) -> None:
    for output, count in what.items():
        to[output] = to.get(output, 0) + count * times
