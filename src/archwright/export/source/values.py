"""Values as source: what stands in the arguments of a call, or in a constant."""

from __future__ import annotations

import dataclasses
import functools
import math
import pathlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import nn

from archwright.errors import ExportError
from archwright.export.source.layout import Document, Group, call_of, followed
from archwright.export.source.origins import is_named

__all__ = ["Values"]

_PLAIN = (bool, int, str, bytes, type(None), type(Ellipsis), range)
_TORCH = (torch.dtype, torch.layout, torch.memory_format, torch.device, torch.Size)
_NUMBERS = 1000


class Values:
    """Prints values.

    Args:
        reference: Gives the document of a class, function or module.
        other: Prints what no rule below knows, or returns None.
    """

    def __init__(self, reference: Callable[[Any], Document], other: Callable[[Any], Document | None]) -> None:
        self.reference, self.other = reference, other

    def document(self, value: Any) -> Document:
        """The document of a value.

        Raises:
            ExportError: When the value cannot be written as source.
        """
        if isinstance(value, Enum):
            return self._enum(value)
        if type(value) in _PLAIN:
            return _quoted(value) if isinstance(value, str) else "..." if value is ... else repr(value)
        if type(value) in (float, complex):
            return _number(value)
        if isinstance(value, np.generic):
            return self.document(value.item())
        if isinstance(value, _TORCH):
            return self._of_torch(value)
        if type(value) in (list, set, frozenset, dict, OrderedDict) or isinstance(value, tuple):
            return self._container(value)
        if isinstance(value, torch.Tensor | np.ndarray):
            return self._array(value)
        if isinstance(value, functools.partial):
            inner = [value.func, *value.args]
            return call_of(self.reference(functools.partial), self._items(inner, value.keywords))
        if isinstance(value, pathlib.PurePath):
            kind = pathlib.Path if isinstance(value, pathlib.Path) else pathlib.PurePath
            return call_of(self.reference(kind), self._items([str(value)], {}))
        if isinstance(value, slice):
            return call_of("slice", self._items([value.start, value.stop, value.step], {}))
        if is_named(value):
            return self.reference(value)
        if (document := self.other(value)) is not None:
            return document
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            given = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
            return call_of(self.reference(type(value)), self._items([], given))
        raise ExportError(_cure(value))

    def _items(self, args: Iterable[Any], kwargs: Mapping[str, Any]) -> list[tuple[Document, Document]]:
        items: list[tuple[Document, Document]] = [("", self.document(value)) for value in args]
        items += [(f"{name}=", self.document(value)) for name, value in kwargs.items()]
        return items

    def _enum(self, value: Enum) -> Document:
        kind = self.reference(type(value))
        if type(value).__members__.get(value.name or "") is value:
            return followed(kind, f".{value.name}")
        return call_of(kind, self._items([value.value], {}))

    def _container(self, value: Any) -> Document:
        if hasattr(value, "_fields"):
            return call_of(self.reference(type(value)), self._items([], value._asdict()))
        if isinstance(value, dict):
            items = [(followed(self.document(key), ": "), self.document(item)) for key, item in value.items()]
            pairs = Group("", "{", items, "}")
            return pairs if type(value) is dict else call_of(self.reference(type(value)), [("", pairs)])
        if type(value) is tuple:
            return Group("", "(", self._items(value, {}), ")", comma=True)
        if type(value) is list:
            return Group("", "[", self._items(value, {}), "]")
        if isinstance(value, set | frozenset):
            items = self._items(sorted(value, key=repr), {})
            pairs = Group("", "{", items, "}") if items else call_of("set", [])
            return pairs if type(value) is set else call_of("frozenset", [("", pairs)] if items else [])
        raise ExportError(_cure(value))

    def _of_torch(self, value: Any) -> Document:
        module = self.reference(torch)
        if isinstance(value, torch.device):
            return Group(module, ".device(", self._items([str(value)], {}), ")")
        if isinstance(value, torch.Size):
            return Group(module, ".Size(", [("", self.document(list(value)))], ")")
        return followed(module, repr(value).removeprefix("torch"))

    def _array(self, value: torch.Tensor | np.ndarray[Any, Any]) -> Document:
        size = value.numel() if isinstance(value, torch.Tensor) else value.size
        if isinstance(value, nn.Parameter) or size > _NUMBERS:
            raise ExportError(
                f"a {type(value).__name__} of {size:,} numbers cannot be written as source; make it inside the class "
                "that uses it, as a parameter or a buffer, so that it is stored with the weights"
            )
        numbers = ("", self.document(value.tolist()))
        if isinstance(value, torch.Tensor):
            return Group(
                self.reference(torch), ".tensor(", [numbers, ("dtype=", self._of_torch(value.dtype))], ")"
            )
        return call_of(self.reference(np.array), [numbers, ("dtype=", _quoted(str(value.dtype)))])


def _quoted(text: str) -> str:
    shown = repr(text)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in shown else shown


def _number(value: float | complex) -> str:
    if isinstance(value, complex):
        return f"complex({_number(value.real)}, {_number(value.imag)})"
    return repr(value) if math.isfinite(value) else f'float("{value}")'


def _cure(value: Any) -> str:
    told = repr(value)
    told = told if len(told) <= 60 else told[:57] + "..."
    if isinstance(value, nn.Module):
        return (
            f"the module {type(value).__name__} was given as a finished object, which has no source; defer it: "
            f"aw.layer({type(value).__name__}, ...)"
        )
    return (
        f"{told} (of type {type(value).__name__}) cannot be written as source; give plain values, classes, functions "
        "or dataclasses, or name it as a variable at the top of a module"
    )
