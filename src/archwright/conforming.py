"""Whether a value is of the type that an annotation asks for."""

from __future__ import annotations

import inspect
import types
from collections.abc import Collection, Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

__all__ = ["MismatchError", "conform"]


class MismatchError(ValueError):
    """A value is of another type. Its text says in plain words which one was expected."""


def conform(value: Any, wanted: Any) -> Any:
    """A value as an annotation asks for it.

    JSON and the command's words have fewer types than Python, so a whole float is taken as an `int`, a list as any
    sequence (and becomes a tuple), a word as a `Path` or the value of an enumeration. Annotations that say nothing
    of the value, such as `Any` and type variables, let it pass.

    Args:
        value: Any value.
        wanted: A type, `Literal`, a union, `Sequence[int]`, `tuple[int, ...]`, `Mapping[str, float]` and so on.

    Raises:
        MismatchError: When the value is of another type.
    """
    kind, inner = get_origin(wanted) or wanted, get_args(wanted)
    if kind is Annotated:
        return conform(value, inner[0])
    if kind in (Union, types.UnionType):
        if any(type(value) is member for member in inner):
            return value
        for member in inner:
            try:
                return conform(value, member)
            except MismatchError:
                continue
    elif kind is Literal:
        if value in inner:
            return value
    elif kind in (int, float):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and (kind is float or isinstance(value, int) or value.is_integer()):
            with suppress(OverflowError):  # of a whole number that is larger than any float
                return kind(value)
    elif kind in (None, Any, object) or not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        if kind is not None or value is None:
            return value
    elif (found := _of_class(value, kind, inner)) is not NotImplemented:
        return found
    raise MismatchError(_called(wanted))


def _of_class(value: Any, kind: type, inner: tuple[Any, ...]) -> Any:
    """The value as one of a class, `NotImplemented` where it is none."""
    if issubclass(kind, Enum) and any(value == member.value for member in kind):
        return kind(value)
    if issubclass(kind, Path) and isinstance(value, str):
        return kind(value)
    if not _holds_values(kind):
        return value if isinstance(value, kind) else NotImplemented
    if issubclass(kind, Mapping) and isinstance(value, Mapping):
        key, item = inner or (Any, Any)
        return {conform(k, key): conform(v, item) for k, v in value.items()}
    if not issubclass(kind, Mapping):
        if not isinstance(value, Collection) or isinstance(value, str | bytes | Mapping):
            return NotImplemented
        each = list(inner) if kind is tuple and Ellipsis not in inner[-1:] else [*inner[:1]] * len(value)
        if inner and len(each) != len(value):
            return NotImplemented
        items = [conform(item, one) for item, one in zip(value, each, strict=True)] if inner else value
        return kind(items) if kind in (list, set, frozenset) else tuple(items)
    return NotImplemented


def _holds_values(kind: Any) -> bool:
    """Whether a type stands for values in a list or a mapping of JSON's; an array or a deque is a value of its own."""
    is_collection = (
        isinstance(kind, type) and issubclass(kind, Collection) and not issubclass(kind, str | bytes)
    )
    return is_collection and (kind in (dict, list, tuple, set, frozenset) or inspect.isabstract(kind))


_NAMES: dict[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
_NAMES |= {None: "null", type(None): "null", Any: "anything"}


def _called(wanted: Any) -> str:
    """A type in plain words."""
    kind, inner = get_origin(wanted) or wanted, get_args(wanted)
    if wanted in _NAMES:
        return _NAMES[wanted]
    if kind in (Union, types.UnionType):
        return " or ".join(map(_called, inner))
    values = inner if kind is Literal else [m.value for m in kind] if isinstance(kind, type(Enum)) else []
    if values:
        return " or ".join(map(repr, values))
    if _holds_values(kind):
        if issubclass(kind, Mapping):
            return "a mapping of names to values"
        if kind is tuple and inner and inner[-1] is not Ellipsis:
            return f"a list of {len(inner)} values: {', '.join(map(_called, inner))}"
        return "a list" + (f" of values, each {_called(inner[0])}" if inner else "")
    return f"a value of the type {inspect.formatannotation(wanted)}"
