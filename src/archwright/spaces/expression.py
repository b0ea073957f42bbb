"""Expressions: what a search space is written with. Nothing is built when one is written.

An expression is a tree of deferred calls (`DeferredCall`), decisions (`Decision`) and users of decisions
(`Switch`, `When`, `Repeat`, `Tied`, arithmetic). Identity is sharing: one object in two places is one thing.
"""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from archwright.errors import SpaceError

__all__ = [
    "Arithmetic",
    "Expression",
    "caller",
    "children_of",
    "compile_value",
    "error_prefix",
    "holds_expression",
    "is_numeric",
    "maximum",
    "minimum",
    "plain",
    "rebuilt",
    "whole",
]

Value = Callable[[Mapping[Any, Any]], Any]
"""From decided values, by key of the decision, to what an expression is worth."""

_Operator = Callable[["Expression", Any], "Arithmetic"]

_PACKAGE = str(Path(__file__).parent.parent) + os.sep
_STANDARD, _INSTALLED = str(Path(os.__file__).parent) + os.sep, f"{os.sep}site-packages{os.sep}"
_COMMAND = ("archwright", "archwright.exe", "<frozen runpy>")
"""Files of the outermost frame where nobody wrote a line: the command runs."""


def caller() -> str:
    """The user's line that is writing the space, as `file.py:12: `, to begin an error's text.

    Nothing where the command makes a space by its name, since there is no such line.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    file, outermost = frame.f_code.co_filename, frame
    while outermost.f_back is not None:
        outermost = outermost.f_back
    is_command = Path(outermost.f_code.co_filename).name in _COMMAND
    if is_command and (frame is outermost or _INSTALLED in file):  # the frames of what reads the command line
        return ""
    return f"{Path(file).name}:{frame.f_lineno}: "


def _is_ours(file: str) -> bool:
    """Whether a frame is the package's, or one of the standard library's between its own."""
    return file.startswith(_PACKAGE) or (file.startswith(_STANDARD) and _INSTALLED not in file)


def error_prefix(kind: str, name: str | None) -> str:
    """Beginning of an error message about a node: the user's line, the kind and the name."""
    return f"{caller()}{kind}{f' {name!r}' if name else ''}"


def plain(value: Any) -> Any:
    """A number or array of numpy as Python's own number, boolean or list; anything else as it is."""
    return value.tolist() if type(value).__module__ == "numpy" and hasattr(value, "tolist") else value


def whole(value: Any) -> int | None:
    """The value as an int where it is a whole number of any library, not a boolean; else None."""
    if isinstance(value, bool | Expression):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _operator(sign: str) -> tuple[_Operator, _Operator]:
    """What an operator between two values makes, with the expression on the left and on the right."""

    def left(self: Expression, other: Any) -> Arithmetic:
        return Arithmetic(sign, self, other)

    def right(self: Expression, other: Any) -> Arithmetic:
        return Arithmetic(sign, other, self)

    return left, right


class Expression:
    """A node of a search space.

    Args:
        name: The node's part of the addresses at and below it; None takes it from the place where it stands.
    """

    __slots__ = ("name",)
    kind: ClassVar[str] = "value"
    """The method of a `Fold` that says what becomes of it."""

    def __init__(self, name: str | None = None) -> None:
        if name is not None and (not isinstance(name, str) or not name.strip()):
            raise SpaceError(f"{caller()}expected a name that is a non-empty string, got {name!r}")
        self.name = name

    def error(self, text: str) -> SpaceError:
        """An error about this node while it is being written."""
        return SpaceError(
            f"{error_prefix(type(self).__name__.removesuffix('Decision').lower(), self.name)}: {text}"
        )

    def children(self) -> Iterator[Any]:
        """The values inside this node, expressions and plain ones."""
        return iter(())

    @property
    def numeric(self) -> bool:
        """True if the value is always a number, so that arithmetic can take it."""
        return False

    def compile(self, key: Callable[[Any], Any]) -> Value:
        """A function from decided values to this expression's value. See `compile_value`."""
        raise SpaceError(f"expected a number or a label, got {self!r}, which is built, not worked out")

    # Numbers and conditions. `==` stays identity, since identity is sharing: use `equals`.
    __add__, __radd__ = _operator("+")
    __sub__, __rsub__ = _operator("-")
    __mul__, __rmul__ = _operator("*")
    __floordiv__, __rfloordiv__ = _operator("//")
    __truediv__, __rtruediv__ = _operator("/")
    __mod__, __rmod__ = _operator("%")
    __pow__, __rpow__ = _operator("**")
    __and__, __rand__ = _operator("and")
    __or__, __ror__ = _operator("or")
    __lt__ = _operator("<")[0]
    __le__ = _operator("<=")[0]
    __gt__ = _operator(">")[0]
    __ge__ = _operator(">=")[0]

    def __neg__(self) -> Arithmetic:
        return Arithmetic("negative", self)

    def __invert__(self) -> Arithmetic:
        return Arithmetic("not", self)

    def equals(self, value: Any) -> Arithmetic:
        """A condition: true where this expression takes the value."""
        return Arithmetic("equals", self, value)

    def is_in(self, values: Iterable[Any]) -> Arithmetic:
        """A condition: true where this expression takes one of the values."""
        return Arithmetic("is in", self, tuple(values))

    def __bool__(self) -> NoReturn:
        raise _undecided(
            "`if`, `and`, `or`, `not` and `==` cannot look at it; use aw.when, aw.switch, `&`, `|`, `~` or "
            ".equals(value)"
        )

    def __iter__(self) -> NoReturn:
        raise _undecided("it cannot be iterated over; use aw.repeat(body, times=decision)")

    def __index__(self) -> NoReturn:
        raise _undecided(
            "range() and indexing cannot take it; use aw.repeat(body, times=decision) or aw.switch"
        )


def _undecided(so: str) -> SpaceError:
    return SpaceError(f"{caller()}a decision has no value while the space is written, so {so}")


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
    "maximum": lambda *values: max(values),
    "minimum": lambda *values: min(values),
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
        self.operands = tuple(plain(operand) for operand in operands)

    @property
    def needs_numbers(self) -> bool:
        """True if every operand must be a number."""
        return self.operation not in _TAKES_ANY

    @property
    def numeric(self) -> bool:
        """True if the result is always a number; a condition counts as one."""
        return not self.needs_numbers or all(map(is_numeric, self.operands))

    def children(self) -> Iterator[Any]:
        """The operands."""
        return iter(self.operands)

    def compile(self, key: Callable[[Any], Any]) -> Value:
        """The operation on its operands' values.

        The function raises TypeError, ValueError or ArithmeticError where Python does for such operands.
        """
        work_out = _OPERATORS[self.operation]
        parts = [compile_value(operand, key) for operand in self.operands]
        if not self.numeric:
            return lambda values: work_out(*_numbers(self.operation, [part(values) for part in parts]))
        if len(parts) != 2:
            return lambda values: work_out(*[part(values) for part in parts])
        left, right = parts
        if not holds_expression(operand := self.operands[1]):
            return lambda values: work_out(left(values), operand)
        return lambda values: work_out(left(values), right(values))

    def __repr__(self) -> str:
        shown = [repr(operand) for operand in self.operands]
        if self.operation in ("maximum", "minimum"):
            return f"{self.operation}({', '.join(shown)})"
        if self.operation in _METHODS:
            return f"{shown[0]}.{_METHODS[self.operation]}({shown[1]})"
        if len(shown) == 1:
            return f"{_SIGNS[self.operation]}{shown[0]}"
        return f"({f' {_SIGNS.get(self.operation, self.operation)} '.join(shown)})"


_METHODS = {"equals": "equals", "is in": "is_in", "has": "has"}
_SIGNS = {"negative": "-", "not": "~", "and": "&", "or": "|"}


def _numbers(operation: str, values: list[Any]) -> list[Any]:
    for value in values:
        if not isinstance(value, int | float):
            raise TypeError(f"{operation!r} needs numbers, got {value!r}")
    return values


def is_numeric(value: Any) -> bool:
    """True if a value, or what an expression stands for, is always a number."""
    return value.numeric if isinstance(value, Expression) else isinstance(value, int | float)


def maximum(*values: Any) -> Arithmetic:
    """The largest of several numbers, decisions among them.

    Raises:
        SpaceError: When there are none.
    """
    return Arithmetic("maximum", *_some("maximum", values))


def minimum(*values: Any) -> Arithmetic:
    """The smallest of several numbers, decisions among them.

    Raises:
        SpaceError: When there are none.
    """
    return Arithmetic("minimum", *_some("minimum", values))


def _some(operation: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise SpaceError(f"{caller()}{operation}: expected at least one number, got none")
    return values


def children_of(value: Any) -> Iterator[Any]:
    """The values directly inside an expression, a list, a tuple or a dict."""
    if isinstance(value, Expression):
        yield from value.children()
    elif isinstance(value, list | tuple):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()


def holds_expression(value: Any) -> bool:
    """True if a value is an expression, or a list, tuple or dict with one at any depth."""
    return isinstance(value, Expression) or any(map(holds_expression, children_of(value)))


def compile_value(node: Any, key: Callable[[Any], Any]) -> Value:
    """A function from decided values to a node's value.

    Args:
        node: A decision, arithmetic, a switch between values, a plain value, or a list, tuple or dict of
            these.
        key: Gives the key of a decision in the mapping that the function will take.

    Raises:
        SpaceError: When the node is something that is built, not a value.
    """
    if isinstance(node, Expression):
        return node.compile(key)
    if not holds_expression(node):
        return lambda values: node
    if isinstance(node, dict):
        items = {label: compile_value(item, key) for label, item in node.items()}
        return lambda values: {label: item(values) for label, item in items.items()}
    parts = [compile_value(item, key) for item in node]
    return lambda values: rebuilt(node, [part(values) for part in parts])


def rebuilt(like: list[Any] | tuple[Any, ...], items: list[Any]) -> Any:
    """The items in a list or tuple of the same type."""
    if isinstance(like, tuple) and hasattr(like, "_fields"):
        return type(like)(*items)
    return items if type(like) is list else type(like)(items)
