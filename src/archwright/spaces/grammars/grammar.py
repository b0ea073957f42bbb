"""Context-free grammars of networks, from text or from rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.decision import UNSET
from archwright.spaces.grammars.decision import DerivationDecision, Derived
from archwright.spaces.grammars.derivation import Derivation, Rule, parse_derivation
from archwright.spaces.grammars.function import Type, as_function
from archwright.spaces.grammars.language import Language
from archwright.spaces.grammars.unrolling import unrolled

__all__ = ["Grammar"]

_RULE = re.compile(r"^\s*([\w.'-]+)\s*(?:->|::=)\s*(.*)$")
_OPTION = re.compile(r"^([\w.'-]+)\s*(?:\(([^()]*)\))?\s*(?:\[([^\]]*)\])?$")


class Grammar:
    """A context-free grammar whose terminals are layers and whose derivations are networks.

    After Schrodi et al. 2023, arXiv:2211.01842, a derivation is a composition of functions; after Ericsson et al.
    2024, arXiv:2405.20838, types such as shapes flow through it from left to right, so that every derivation that is
    drawn can be built. With types, a grammar is an attribute grammar (Knuth 1968) of one inherited and one synthesised
    attribute.

    Args:
        rules: The productions.

    Attributes:
        rules: Symbol to name to rule, in order.

    Raises:
        SpaceError: When there are none, a part has no rule, two rules of a symbol have one name, or a weight is no
            positive number.

    Example:
        >>> from archwright.spaces import layer
        >>> functions = {"pair": tuple, "one": layer(int), "two": layer(float)}
        >>> grammar = Grammar.parse("row -> pair(row, row) | one | two", functions)
        >>> grammar.language("row", 3).size
        38
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: dict[str, dict[str, Rule]] = {}
        for rule in rules:
            if rule.name in self.rules.setdefault(rule.symbol, {}):
                raise SpaceError(f"two rules of {rule.symbol!r} have the name {rule.name!r}; rename one")
            if not 0 < rule.weight < float("inf"):
                raise SpaceError(f"expected a weight > 0, got the rule {rule}")
            self.rules[rule.symbol][rule.name] = rule
        if not self.rules:
            raise SpaceError("a grammar needs at least one rule, such as 'block -> conv | pool'")
        for rule in self:
            if missing := [part for part in rule.parts if part not in self.rules]:
                raise SpaceError(
                    f"no rule for {missing[0]!r}, in {rule}.{did_you_mean(missing[0], self.rules)}"
                )

    @classmethod
    def parse(cls, text: str, functions: Mapping[str, Any]) -> Grammar:
        """A grammar from its text.

        A line is `symbol -> option | option | ...`; `::=` stands for the arrow as well, a line that begins with `|`
        goes on with the one before, and what follows `#` is a comment. An option is `layer`, or `function(part, part)`
        of which each part is a symbol or a layer; a weight may follow it: `conv [2]`. Options without one weigh 1.

        Args:
            text: The productions.
            functions: Each name that is no symbol to what it means, see `archwright.spaces.grammars.as_function`.

        Raises:
            SpaceError: When a line is no production, a name means nothing, or as for `Grammar`.
        """
        lines: dict[str, list[str]] = {}
        symbol = ""
        for line in text.splitlines():
            line = line.partition("#")[0].strip()
            if match := _RULE.match(line):
                symbol, line = match[1], match[2]
            elif line and not (symbol and line.startswith("|")):
                raise SpaceError(f"expected 'symbol -> option | option', got {line!r}")
            if line:
                options = [option.strip() for option in line.removeprefix("|").split("|")]
                lines.setdefault(symbol, []).extend(options)
        made: list[Rule] = []
        for symbol, options in lines.items():
            for option in options:
                made += _rules(symbol, option, lines, functions, made)
        return cls(made)

    def __iter__(self) -> Iterator[Rule]:
        return (rule for rules in self.rules.values() for rule in rules.values())

    def __str__(self) -> str:
        return "\n".join(map(str, self))

    def language(self, symbol: str, depth: int, given: Type = None) -> Language:
        """What is derived from a symbol: to count, list, draw and vary.

        Args:
            symbol: The start.
            depth: The most that a derivation may have: rules on the longest way from the root to a leaf.
            given: The type that the network is given.

        Raises:
            SpaceError: When the symbol is unknown, or nothing is derived within the depth.
        """
        if symbol not in self.rules:
            raise SpaceError(f"the grammar has no symbol {symbol!r}.{did_you_mean(symbol, self.rules)}")
        return Language(self.rules, symbol, depth, given)

    def read(self, text: str, symbol: str) -> Derivation:
        """The derivation of a text. See `parse_derivation`."""
        return parse_derivation(text, symbol, self.rules)

    def derive(
        self,
        symbol: str,
        depth: int,
        given: Type = None,
        *,
        name: str = "derivation",
        default: str | None = None,
        crossover: str = "alignment",
    ) -> Derived:
        """An expression that stands for what is derived, as one decision: to be a network, or a part of one.

        Args:
            symbol: The start.
            depth: The most that a derivation may have.
            given: The type that the network is given.
            name: The decision's address.
            default: What it takes in `Space.default`; the smallest derivation when left out.
            crossover: "alignment" or "subtree", see `archwright.spaces.grammars.variation`.

        Raises:
            SpaceError: When nothing is derived within the depth, the default is none of it, or as for `language`.
        """
        language = self.language(symbol, depth, given)
        chosen = UNSET if default is None else default
        return Derived(DerivationDecision(language, name=name, default=chosen, crossover=crossover))

    def unroll(self, symbol: str, depth: int, given: Type = None) -> Any:
        """The same derivations as an expression of nested choices, of which a supernet can be made.

        Each place of a symbol decides for itself, so the expression grows with the number of places.

        Args:
            symbol: The start.
            depth: The most that a derivation may have.
            given: The type that the network is given.

        Raises:
            SpaceError: When a symbol gives several types where it stands, so that what follows it depends on what was
                chosen.
        """
        return unrolled(self.language(symbol, depth, given))


def _rules(
    symbol: str, option: str, symbols: Mapping[str, Any], functions: Mapping[str, Any], made: list[Rule]
) -> list[Rule]:
    """The rule of one option, and those of the layers that stand among its parts."""
    match = _OPTION.match(option)
    if match is None:
        raise SpaceError(
            f"expected 'layer' or 'function(part, part)', a weight behind it or not, got {option!r} for {symbol!r}"
        )
    name, inner, weight = match.groups()
    if name in symbols:
        raise SpaceError(
            f"{symbol!r} cannot become {name!r} alone; wrap it, such as 'same({name})' with a chain for 'same'"
        )
    parts = tuple(part.strip() for part in inner.split(",")) if inner is not None else ()
    known = {(rule.symbol, rule.name) for rule in made}
    label, count = name, 1
    while (symbol, label) in known:
        count += 1
        label = f"{name}.{count}"
    try:
        weighs = 1.0 if weight is None else float(weight)
    except ValueError:
        raise SpaceError(f"expected a number as the weight, got {option!r}") from None
    rules = [Rule(symbol, label, parts, _meaning(name, functions, not parts), weighs)]
    layers = [part for part in dict.fromkeys(parts) if part not in symbols and (part, part) not in known]
    return rules + [Rule(part, part, (), _meaning(part, functions, True)) for part in layers]


def _meaning(name: str, functions: Mapping[str, Any], is_leaf: bool) -> Any:
    if name not in functions:
        raise SpaceError(
            f"the grammar's {name!r} is no symbol and means nothing; give it among the functions."
            f"{did_you_mean(name, functions)}"
        )
    return as_function(name, functions[name], is_leaf)
