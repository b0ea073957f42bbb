"""Rules, and the trees that are derived by them."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.grammars.function import Function, Type

__all__ = ["Derivation", "Place", "Rule", "parse_derivation"]


@dataclass(frozen=True, eq=False)
class Rule:
    """A production: a symbol becomes a function of parts.

    Args:
        symbol: What is replaced.
        name: What it is called in a derivation's text; no two rules of a symbol have the same.
        parts: The symbols of its parts, none for a leaf.
        function: What it makes of them.
        weight: How likely it is taken, in proportion to the other rules of the symbol that can be taken there.
    """

    symbol: str
    name: str
    parts: tuple[str, ...]
    function: Function
    weight: float = 1.0

    def __str__(self) -> str:
        shown = f"{self.name}({', '.join(self.parts)})" if self.parts else self.name
        return f"{self.symbol} -> {shown} [{self.weight:g}]"


class Derivation:
    """A tree of rules. Its text is `rule(part, part)`, a leaf's is its name. Immutable and hashable.

    What is found out of a part is kept in it, and trees share their parts, so that a change costs the way to it alone.

    Args:
        rule: The outermost rule.
        parts: A derivation for each of the rule's parts.

    Attributes:
        depth: Rules on the longest way from the root to a leaf, both counted: 1 for a leaf.
    """

    __slots__ = ("_canonical", "_hash", "_outputs", "depth", "parts", "rule")

    def __init__(self, rule: Rule, parts: tuple[Derivation, ...] = ()) -> None:
        self.rule, self.parts = rule, parts
        self.depth: int = 1 + max((part.depth for part in parts), default=0)
        self._hash = hash((rule.symbol, rule.name, parts))
        self._outputs: dict[Type, Any] = {}
        self._canonical: tuple[Hashable] | None = None

    def __str__(self) -> str:
        return f"{self.rule.name}({', '.join(map(str, self.parts))})" if self.parts else self.rule.name

    def __repr__(self) -> str:
        return f"Derivation({self})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Derivation):
            return NotImplemented
        if self is other:
            return True
        ours, theirs = self.rule, other.rule
        is_same = self._hash == other._hash and (ours.symbol, ours.name) == (theirs.symbol, theirs.name)
        return is_same and self.parts == other.parts

    def __hash__(self) -> int:
        return self._hash

    def output(self, given: Type) -> Any:
        """The type that it gives.

        Returns:
            The type in a tuple, or None where a part cannot take what it is given.
        """
        if given not in self._outputs:
            function = self.rule.function
            state = function.begin(given)
            for position, part in enumerate(self.parts):
                if state is None:
                    break
                found = part.output(function.input(state, position))
                state = None if found is None else function.after(state, position, found[0])
            self._outputs[given] = None if state is None else (function.output(state),)
        return self._outputs[given]

    def rules(self) -> set[Rule]:
        """The rules that it holds."""
        return {self.rule}.union(*(part.rules() for part in self.parts))

    def build(self, given: Type) -> Any:
        """The expression, from the type that the whole is given."""
        function = self.rule.function
        state = function.begin(given)
        parts, types = [], []
        for position, part in enumerate(self.parts):
            inner = function.input(state, position)
            parts.append(part.build(inner))
            types += part.output(inner)
            state = function.after(state, position, types[-1])
        return function.build(given, parts, types)

    def canonical(self) -> Hashable:
        """Key that is equal for two spellings of one network."""
        if self._canonical is None:
            parts = [part.canonical() for part in self.parts]
            self._canonical = (self.rule.function.canonical(self.rule.name, parts),)
        return self._canonical[0]

    def replaced(self, path: Sequence[int], new: Derivation) -> Derivation:
        """The tree with another derivation at a path."""
        if not path:
            return new
        parts = list(self.parts)
        parts[path[0]] = parts[path[0]].replaced(path[1:], new)
        return Derivation(self.rule, tuple(parts))

    def places(self, given: Type, depth: int, path: tuple[int, ...] = ()) -> Iterator[Place]:
        """Every part of the tree, an outer one before those inside it, left to right.

        Args:
            given: The type that the whole is given.
            depth: The most that the whole may have.
            path: Where the whole stands.
        """
        function = self.rule.function
        found = self.output(given)
        yield Place(path, self, given, found[0], depth)
        state = function.begin(given)
        for position, part in enumerate(self.parts):
            inner = function.input(state, position)
            yield from part.places(inner, depth - 1, (*path, position))
            found = part.output(inner)
            state = function.after(state, position, found[0])


class Place(NamedTuple):
    """A part of a derivation, and where it stands.

    Args:
        path: Positions from the root down.
        derivation: The part.
        given: The type that it is given.
        output: The type that it gives.
        depth: The most that what stands here may have.
    """

    path: tuple[int, ...]
    derivation: Derivation
    given: Type
    output: Type
    depth: int


_TOKENS = re.compile(r"\s*([\w.'-]+|[(),])")


def parse_derivation(text: str, symbol: str, rules: Mapping[str, Mapping[str, Rule]]) -> Derivation:
    """The inverse of a derivation's text; blanks and line ends may stand anywhere.

    Args:
        text: It.
        symbol: What is derived.
        rules: Symbol to name to rule.

    Raises:
        SpaceError: When it is none of the symbol. Types and depth are not checked.
    """
    tokens, end = [], 0
    while match := _TOKENS.match(text, end):
        tokens.append(match[1])
        end = match.end()
    if text[end:].strip():
        raise SpaceError(f"a derivation cannot hold {text[end:].strip()[:20]!r}")
    tokens.reverse()

    def expect(token: str, before: str) -> None:
        if not tokens or tokens.pop() != token:
            raise SpaceError(f"expected {token!r} {before}, in the derivation {text[:200]!r}")

    def read(wanted: str) -> Derivation:
        name = tokens.pop() if tokens else ""
        known = rules[wanted]
        if name not in known:
            raise SpaceError(
                f"{wanted!r} has no rule {name!r}.{did_you_mean(name, known)} Its rules: {', '.join(known)}"
            )
        parts = []
        for position, part in enumerate(known[name].parts):
            expect(",", f"between the parts of {name}") if position else expect("(", f"behind {name}")
            parts.append(read(part))
        if known[name].parts:
            expect(")", f"behind the parts of {name}")
        return Derivation(known[name], tuple(parts))

    found = read(symbol)
    if tokens:
        raise SpaceError(f"expected the end of the derivation, got {tokens[-1]!r}")
    return found
