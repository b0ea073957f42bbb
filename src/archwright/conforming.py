"""Whether a value is of the type that an annotation asks for."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
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
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin is Annotated:
        return conform(value, inner[0])
    if origin in (Union, types.UnionType):
        return _one_of(value, wanted, inner)
    if origin is Literal:
        fits = value in inner
    elif wanted is None:
        fits = value is None
    elif wanted in (int, float):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = is_number and (wanted is float or float(value).is_integer())
        value = wanted(value) if fits else value
    else:
        return _of_class(value, wanted, origin or wanted, inner)
    if not fits:
        raise MismatchError(_called(wanted))
    return value


def _one_of(value: Any, wanted: Any, members: tuple[Any, ...]) -> Any:
    for member in members:  # a value that is of one of the types already stays as it is
        if isinstance(member, type) and type(value) is member:
            return value
    for member in members:
        try:
            return conform(value, member)
        except MismatchError:
            continue
    raise MismatchError(_called(wanted))


def _of_class(value: Any, wanted: Any, kind: Any, inner: tuple[Any, ...]) -> Any:
    if kind in (Any, object) or not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return value
    if issubclass(kind, Enum) and not isinstance(value, kind):
        try:
            return kind(value)
        except ValueError:
            raise MismatchError(_called(wanted)) from None
    if issubclass(kind, Path) and isinstance(value, str):
        return kind(value)
    if issubclass(kind, Mapping):
        if isinstance(value, Mapping):
            key, item = inner or (Any, Any)
            return {conform(k, key): conform(v, item) for k, v in value.items()}
    elif issubclass(kind, Collection) and not issubclass(kind, str | bytes):
        if isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping):
            return _items(value, wanted, kind, inner)
    elif isinstance(value, kind):
        return value
    raise MismatchError(_called(wanted))


def _items(value: Collection[Any], wanted: Any, kind: type, inner: tuple[Any, ...]) -> Any:
    if kind is tuple and inner and inner[-1] is not Ellipsis:
        if len(value) != len(inner):
            raise MismatchError(_called(wanted))
        return tuple(conform(item, one) for item, one in zip(value, inner, strict=True))
    items = [conform(item, inner[0] if inner else Any) for item in value]
    return kind(items) if kind in (list, set, frozenset) else tuple(items)


_NAMES: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a word",
    None: "null",
    type(None): "null",
    Any: "anything",
}


def _called(wanted: Any) -> str:
    """A type in plain words."""
    origin, inner = get_origin(wanted), get_args(wanted)
    if wanted in _NAMES:
        return _NAMES[wanted]
    if origin in (Union, types.UnionType):
        return " or ".join(_called(member) for member in inner)
    if origin is Literal:
        return " or ".join(map(repr, inner))
    kind = origin or wanted
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(repr(member.value) for member in kind)
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return "a mapping of names to values"
    if isinstance(kind, type) and issubclass(kind, Collection):
        if kind is tuple and inner and inner[-1] is not Ellipsis:
            return f"a list of {len(inner)} values: {', '.join(map(_called, inner))}"
        return "a list" + (f" of values, each {_called(inner[0])}" if inner else "")
    return f"a value of the type {getattr(kind, '__name__', kind)}"
