"""What an expression of decisions and numbers is worth, and could be worth."""

from __future__ import annotations

import itertools
import math
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.decisions import Decision
from archwright.spaces.expression import Expression, children_of, compile_value

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
    if any(math.isinf(decision.size) for decision in decisions):
        real = next(decision for decision in decisions if math.isinf(decision.size))
        shown = f"{real!r}{f' (named {real.name!r})' if real.name else ''}"
        raise SpaceError(f"{told}: {shown} has infinitely many values and cannot stand here; use aw.integer")
    if math.prod(int(decision.size) for decision in decisions) > _MOST:
        raise SpaceError(
            f"{told}: {expression!r} has more than {_MOST:,} combinations; use fewer decisions, or values, "
            "here"
        )
    try:
        value = compile_value(expression, id)
    except SpaceError as error:
        raise SpaceError(f"{told}: {error}") from None
    keys = [id(decision) for decision in decisions]
    found: dict[Any, None] = {}
    for combination in itertools.product(*(decision.values() for decision in decisions)):
        try:
            found[value(dict(zip(keys, combination, strict=True)))] = None
        except (TypeError, ValueError, ArithmeticError) as error:
            names = ", ".join(f"{d.name or d!r}={v!r}" for d, v in zip(decisions, combination, strict=True))
            raise SpaceError(f"{told}: {expression!r} cannot be worked out for {names}: {error}") from error
    return list(found)
