"""From typed records to JSON's own types and back."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from archwright.conforming import MismatchError, conform
from archwright.errors import ArchwrightError

__all__ = ["decode", "encode"]

T = TypeVar("T")


def encode(value: Any) -> Any:
    """A record, or what one holds, in JSON's own types. Its own `to_json` is used where it has one."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if dataclasses.is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return value


def decode(kind: type[T], data: Any, where: str = "") -> T:
    """The inverse of `encode`: a record from JSON.

    Args:
        kind: A dataclass, or a class with its own `from_json`.
        data: What was read.
        where: What the record is called in messages.

    Raises:
        ValueError: Names the value that is missing, unknown or of another type than was expected.
    """
    made: T = _decode(kind, data, where)
    return made


def _decode(kind: Any, data: Any, where: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        rest = [one for one in inner if one is not type(None)]
        if data is None or len(rest) != 1:
            return _conforming(kind, data, where)
        return _decode(rest[0], data, where)
    if origin is tuple and isinstance(data, list | tuple) and inner[-1] is Ellipsis:
        return tuple(_decode(inner[0], item, f"{where}[{i}]") for i, item in enumerate(data))
    if hasattr(kind, "from_json"):
        return _made(kind.from_json, where, _conforming(dict[str, Any], data, where))
    if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        return _conforming(kind, data, where)
    given = _conforming(dict[str, Any], data, where)
    hints, fields = get_type_hints(kind), dataclasses.fields(kind)
    if unknown := given.keys() - {field.name for field in fields}:
        raise ValueError(f"{_at(where)}unknown entry {min(unknown)!r}")
    empty = dataclasses.MISSING
    for field in fields:
        if field.name not in given and field.default is empty and field.default_factory is empty:
            raise ValueError(f"{_at(where)}the entry {field.name!r} is missing")
    prefix = f"{where}." if where else ""
    values = {name: _decode(hints[name], value, f"{prefix}{name}") for name, value in given.items()}
    return _made(functools.partial(kind, **values), where)


def _made(make: Any, where: str, *given: Any) -> Any:
    try:
        return make(*given)
    except (ArchwrightError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{_at(where)}{reason}") from error


def _conforming(kind: Any, data: Any, where: str) -> Any:
    try:
        return conform(data, kind)
    except MismatchError as mismatch:
        raise ValueError(f"{_at(where)}expected {mismatch}, got {data!r}") from None


def _at(where: str) -> str:
    return f"{where}: " if where else ""
