"""The values that an expression of decisions and numbers can take."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.decision import Decision
from archwright.spaces.expression import Arithmetic, Expression, children_of, compile_value, holds_expression

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


def possible_values(expression: Expression, prefix: str) -> list[Any]:
    """All values an expression can take, in order, each once.

    Args:
        expression: Decisions, arithmetic over them, or a switch between values.
        prefix: How to begin an error text.

    Raises:
        SpaceError: When there are infinitely many, more than 100,000 combinations, or the arithmetic fails.
    """
    decisions = decisions_of(expression)
    for decision in decisions:
        if decision.size == math.inf:
            shown = f"{decision!r}{f' (named {decision.name!r})' if decision.name else ''}"
            raise SpaceError(
                f"{prefix}: {shown} has infinitely many values and cannot stand here; use aw.integer"
            )
    asked = _asked(expression)
    if math.prod(_most_answers(d, asked.get(id(d))) for d in decisions) > _MOST:
        raise SpaceError(
            f"{prefix}: {expression!r} has more than {_MOST:,} combinations; use fewer decisions, or values, here"
        )
    try:
        value = compile_value(expression, id)
    except SpaceError as error:
        raise SpaceError(f"{prefix}: {error}") from None
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
            raise SpaceError(f"{prefix}: {expression!r} cannot be worked out for {names}: {error}") from error
    return list(found)


def _asked(expression: Expression) -> dict[int, list[Any]]:
    """The items or values asked for, by the `id` of the decision, for decisions that are only asked questions."""
    items: dict[int, list[Any]] = {}
    whole: set[int] = set()

    def visit(node: Any) -> None:
        if isinstance(node, Arithmetic) and node.operation in _QUESTIONS:
            decision, operand = node.operands
            is_plain = isinstance(decision, Decision) and not holds_expression(operand)
            if is_plain and decision.several == (node.operation == "has"):
                known = items.setdefault(id(decision), [])
                known += [item for item in _QUESTIONS[node.operation](operand) if item not in known]
                return
        if isinstance(node, Decision):
            whole.add(id(node))
        for child in children_of(node):
            visit(child)

    visit(expression)
    return {decision: found for decision, found in items.items() if decision not in whole}


_QUESTIONS: dict[str, Callable[[Any], Iterable[Any]]] = {
    "has": lambda item: [item],
    "equals": lambda value: [value],
    "is in": lambda values: values,
}
"""Operation to the items or values that its second operand asks the first for."""


def _most_answers(decision: Decision, asked: list[Any] | None) -> int:
    """How many values of a decision have to be tried, at most."""
    if asked is None:
        return int(decision.size)
    return 2 ** len(asked) if decision.several else min(len(asked) + 1, int(decision.size))


def _answers(decision: Decision, asked: list[Any]) -> Iterator[Any]:
    """Values of a decision that answer the questions in every possible way.

    Of a subset the asked items that can be in it together while the others are not; of any other decision the asked
    values that it can take, and one that is not asked for.
    """
    if decision.several:
        limits = decision.relaxed()
        for count in range(len(asked) + 1):
            if count <= limits.most and limits.fewest - count <= len(limits.labels) - len(asked):
                yield from itertools.combinations(sorted(asked), count)
        return
    for value in asked:
        with contextlib.suppress(ValueError):
            yield decision.coerce(value)
    yield from itertools.islice((value for value in decision.values() if value not in asked), 1)
