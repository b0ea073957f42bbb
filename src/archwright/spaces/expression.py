"""Expressions: what a search space is written with. Nothing is built when one is written.

An expression is a tree of deferred calls (`Layer`), decisions (`Decision`) and users of decisions
(`Switch`, `When`, `Repeat`, `Tied`, arithmetic). Identity is sharing: one object in two places is one thing.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from archwright.errors import SpaceError

__all__ = ["Arithmetic", "Expression", "caller", "children_of", "compile_value", "maximum", "minimum"]

Value = Callable[[Mapping[Any, Any]], Any]
"""From decided values, by key of the decision, to what an expression is worth."""

_PACKAGE = str(Path(__file__).resolve().parent.parent)


def caller() -> str:
    """The user's line that is writing the space, as `file.py:12`, for error texts."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(Path(frame.f_code.co_filename)).startswith(_PACKAGE):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


class Expression:
    """A node of a search space.

    Args:
        name: The node's part of the addresses at and below it; None takes it from the place where it stands.
    """

    __slots__ = ("name",)

    def __init__(self, name: str | None = None) -> None:
        if name is not None and (not isinstance(name, str) or not name.strip()):
            raise SpaceError(f"{caller()}: expected a name that is a non-empty string, got {name!r}")
        self.name = name

    def children(self) -> Iterator[Any]:
        """The values inside this node, expressions and plain ones."""
        return iter(())

    def compile(self, key: Callable[[Any], Any]) -> Value:
        """A function from decided values to this expression's value. See `compile_value`."""
        raise SpaceError(f"expected a number or a label here, got {self!r}, which is built, not worked out")

    # Numbers and conditions. `==` stays identity, since identity is sharing: use `equals`.
    def __add__(self, other: Any) -> Arithmetic:
        return Arithmetic("+", self, other)

    def __radd__(self, other: Any) -> Arithmetic:
        return Arithmetic("+", other, self)

    def __sub__(self, other: Any) -> Arithmetic:
        return Arithmetic("-", self, other)

    def __rsub__(self, other: Any) -> Arithmetic:
        return Arithmetic("-", other, self)

    def __mul__(self, other: Any) -> Arithmetic:
        return Arithmetic("*", self, other)

    def __rmul__(self, other: Any) -> Arithmetic:
        return Arithmetic("*", other, self)

    def __floordiv__(self, other: Any) -> Arithmetic:
        return Arithmetic("//", self, other)

    def __rfloordiv__(self, other: Any) -> Arithmetic:
        return Arithmetic("//", other, self)

    def __truediv__(self, other: Any) -> Arithmetic:
        return Arithmetic("/", self, other)

    def __rtruediv__(self, other: Any) -> Arithmetic:
        return Arithmetic("/", other, self)

    def __mod__(self, other: Any) -> Arithmetic:
        return Arithmetic("%", self, other)

    def __pow__(self, other: Any) -> Arithmetic:
        return Arithmetic("**", self, other)

    def __rpow__(self, other: Any) -> Arithmetic:
        return Arithmetic("**", other, self)

    def __neg__(self) -> Arithmetic:
        return Arithmetic("negative", self)

    def __lt__(self, other: Any) -> Arithmetic:
        return Arithmetic("<", self, other)

    def __le__(self, other: Any) -> Arithmetic:
        return Arithmetic("<=", self, other)

    def __gt__(self, other: Any) -> Arithmetic:
        return Arithmetic(">", self, other)

    def __ge__(self, other: Any) -> Arithmetic:
        return Arithmetic(">=", self, other)

    def __and__(self, other: Any) -> Arithmetic:
        return Arithmetic("and", self, other)

    def __or__(self, other: Any) -> Arithmetic:
        return Arithmetic("or", self, other)

    def __invert__(self) -> Arithmetic:
        return Arithmetic("not", self)

    def equals(self, value: Any) -> Arithmetic:
        """A condition: true where this expression takes the value."""
        return Arithmetic("equals", self, value)

    def is_in(self, values: Iterable[Any]) -> Arithmetic:
        """A condition: true where this expression takes one of the values."""
        return Arithmetic("is in", self, tuple(values))

    def __bool__(self) -> NoReturn:
        raise SpaceError(
            f"{caller()}: a decision has no value while the space is written, so `if`, `and`, `or`, `not` and "
            "`==` cannot look at it; use aw.when, aw.switch, `&`, `|`, `~` or .equals(value)"
        )

    def __iter__(self) -> NoReturn:
        raise SpaceError(
            f"{caller()}: a decision has no value while the space is written, so it cannot be iterated over; "
            "use aw.repeat(body, times=decision)"
        )

    def __index__(self) -> NoReturn:
        raise SpaceError(
            f"{caller()}: a decision has no value while the space is written, so range() and indexing cannot "
            "take it; use aw.repeat(body, times=decision) or aw.switch"
        )


_OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "/": operator.truediv,
    "%": operator.mod,
    "**": operator.pow,
    "negative": operator.neg,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "and": lambda left, right: bool(left) and bool(right),
    "or": lambda left, right: bool(left) or bool(right),
    "not": operator.not_,
    "equals": operator.eq,
    "is in": lambda value, values: value in values,
    "has": lambda subset, item: item in subset,
    "maximum": max,
    "minimum": min,
}
_TAKES_ANY = {"equals", "is in", "has"}


class Arithmetic(Expression):
    """An operation on decisions and numbers, worked out once the decisions are known.

    Args:
        operation: A key of the table of operators: `+`, `//`, `<`, `maximum`, ...
        operands: Expressions and plain values.
    """

    __slots__ = ("operands", "operation")

    def __init__(self, operation: str, *operands: Any) -> None:
        super().__init__()
        self.operation = operation
        self.operands = operands

    @property
    def needs_numbers(self) -> bool:
        """Whether every operand must be a number."""
        return self.operation not in _TAKES_ANY

    def children(self) -> Iterator[Any]:
        """The operands."""
        return iter(self.operands)

    def apply(self, values: list[Any]) -> Any:
        """The result for the operands' values.

        Raises:
            TypeError, ValueError, ArithmeticError: What Python raises for such operands.
        """
        if self.needs_numbers:
            for value in values:
                if not isinstance(value, int | float):
                    raise TypeError(f"{self.operation!r} needs numbers, got {value!r}")
        return _OPERATORS[self.operation](*values)

    def compile(self, key: Callable[[Any], Any]) -> Value:
        """The operation on its operands' values."""
        parts = [compile_value(operand, key) for operand in self.operands]
        return lambda values: self.apply([part(values) for part in parts])

    def __repr__(self) -> str:
        return f"({f' {self.operation} '.join(map(repr, self.operands))})"


def maximum(*values: Any) -> Arithmetic:
    """The largest of several numbers, decisions among them."""
    return Arithmetic("maximum", *values)


def minimum(*values: Any) -> Arithmetic:
    """The smallest of several numbers, decisions among them."""
    return Arithmetic("minimum", *values)


def children_of(value: Any) -> Iterator[Any]:
    """The values directly inside an expression, a list, a tuple or a dict."""
    if isinstance(value, Expression):
        yield from value.children()
    elif isinstance(value, list | tuple):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()


def compile_value(node: Any, key: Callable[[Any], Any]) -> Value:
    """A function from decided values to a node's value.

    Args:
        node: A decision, arithmetic, a switch between values, or a plain value.
        key: Gives the key of a decision in the mapping that the function will take.

    Raises:
        SpaceError: When the node is something that is built, not a value.
    """
    if isinstance(node, Expression):
        return node.compile(key)
    return lambda values: node
