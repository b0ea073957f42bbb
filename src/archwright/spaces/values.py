"""What an expression of decisions and numbers is worth, and could be worth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.decision import Decision
from archwright.spaces.expression import Arithmetic, Expression, children_of, compile_value
from archwright.spaces.subsets import Subset

__all__ = ["decisions_of", "possible_values"]

_MOST = 100_000


def decisions_of(value: Any) -> list[Decision]:
    """All decisions in an expression, each once, in the order of their first place."""
    found: dict[int, Decision] = {}

    def visit(node: Any) -> None:
        if isinstance(node, Decision):
            found.setdefault(id(node), node)
        for child in children_of(node):
            visit(child)

    visit(value)
    return list(found.values())


def possible_values(expression: Expression, told: str) -> list[Any]:
    """All values an expression can take, in order, each once.

    Args:
        expression: Decisions, arithmetic over them, or a switch between values.
        told: How to begin an error text.

    Raises:
        SpaceError: When there are infinitely many, more than 100,000 combinations, or the arithmetic fails.
    """
    decisions = decisions_of(expression)
    for decision in decisions:
        if decision.size == math.inf:
            shown = f"{decision!r}{f' (named {decision.name!r})' if decision.name else ''}"
            raise SpaceError(
                f"{told}: {shown} has infinitely many values and cannot stand here; use aw.integer"
            )
    asked = _asked(expression)
    if math.prod(2 ** len(asked[id(d)]) if id(d) in asked else int(d.size) for d in decisions) > _MOST:
        raise SpaceError(
            f"{told}: {expression!r} has more than {_MOST:,} combinations; use fewer decisions, or values, here"
        )
    try:
        value = compile_value(expression, id)
    except SpaceError as error:
        raise SpaceError(f"{told}: {error}") from None
    keys = [id(decision) for decision in decisions]
    wheels = [_answers(d, asked[id(d)]) if id(d) in asked else d.values() for d in decisions]
    found: dict[Any, None] = {}
    for combination in itertools.product(*wheels):
        try:
            found[value(dict(zip(keys, combination, strict=True)))] = None
        except (TypeError, ValueError, ArithmeticError) as error:
            names = ", ".join(
                f"{d.name or repr(d)}={v!r}" for d, v in zip(decisions, combination, strict=True)
            )
            raise SpaceError(f"{told}: {expression!r} cannot be worked out for {names}: {error}") from error
    return list(found)


def _asked(expression: Expression) -> dict[int, set[int]]:
    """Of the subsets that an expression only asks for items: which, by the `id` of the subset."""
    items: dict[int, set[int]] = {}
    whole: set[int] = set()

    def visit(node: Any) -> None:
        if isinstance(node, Arithmetic) and node.operation == "has":
            subset, item = node.operands
            items.setdefault(id(subset), set()).add(item)
            return
        if isinstance(node, Decision):
            whole.add(id(node))
        for child in children_of(node):
            visit(child)

    visit(expression)
    return {subset: found for subset, found in items.items() if subset not in whole}


def _answers(decision: Decision, items: set[int]) -> Iterator[tuple[int, ...]]:
    """The asked items that can be in a subset together while the others are not."""
    assert isinstance(decision, Subset)
    for count in range(len(items) + 1):
        if count <= decision.high and decision.low - count <= decision.n - len(items):
            yield from itertools.combinations(sorted(items), count)
