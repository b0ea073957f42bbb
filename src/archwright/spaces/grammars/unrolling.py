"""A language as an expression of nested choices."""

from __future__ import annotations

from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.grammars.derivation import Rule
from archwright.spaces.grammars.function import Type
from archwright.spaces.grammars.language import Language
from archwright.spaces.nodes import choice

__all__ = ["unrolled"]


def unrolled(language: Language) -> Any:
    """The expression. See `Grammar.unroll`."""

    def of(symbol: str, given: Type, depth: int) -> Any:
        if len(types := language.types(symbol, given, depth)) > 1:
            shown = ", ".join(sorted(map(str, types))[:3])
            raise SpaceError(
                f"the grammar cannot be unrolled: {symbol!r} can give {len(types)} types ({shown}, ...), so that what "
                "follows depends on what is chosen; let its rules keep one type, or derive it as one decision"
            )
        rules = language.rules(symbol, given, depth)
        options = {rule.name: built(rule, given, depth) for rule in rules}
        if len(rules) == 1:
            return next(iter(options.values()))
        return choice(options, prior=[rule.weight for rule in rules])

    def built(rule: Rule, given: Type, depth: int) -> Any:
        function = rule.function
        parts: list[Any] = []
        types: list[Type] = []
        state = function.begin(given)
        for position, symbol in enumerate(rule.parts):
            inner = function.input(state, position)
            parts.append(of(symbol, inner, depth - 1))
            types += language.types(symbol, inner, depth - 1)
            state = function.after(state, position, types[-1])
        return function.build(given, parts, types)

    return of(language.symbol, language.given, language.depth)
