"""The nested calls that make a network, as documents."""

from __future__ import annotations

import functools
import inspect
import keyword
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from archwright.errors import ExportError
from archwright.export.source.inline import Inliner
from archwright.export.source.layout import Document, Group, Name, call_of
from archwright.export.source.patches import NoFactoryError, patched
from archwright.export.source.values import Values
from archwright.pretrained.blockwise import Combinations
from archwright.pretrained.network import Members
from archwright.spaces import ResolvedCall, walk_calls
from archwright.spaces.calls import calls_in
from archwright.spaces.zoo.blocks.quantised import unquantised

__all__ = ["Expressions", "Variable"]


class Variable:
    """A part of the network that is made once and used several times.

    Args:
        wanted: The name it would like.
    """

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted


class _PlacedError(ExportError):
    """Names the layer already."""


class Expressions:
    """The documents of a tree of calls.

    Args:
        root: The outermost call.
        made: What each call returned, sized by a run where an example is known; what is not there is printed as it
            was written.
        inliner: One that knows parts of another tree already; None makes a new one.

    Attributes:
        root: The document of the network.
        variables: Documents of the parts that are used several times, each after those it uses itself.
        sized: The calls of lazily sized torch modules that have become sized ones.
        inliner: What the documents refer to.

    Raises:
        ExportError: When an argument cannot be written as source. Names the layer and the cure.
    """

    def __init__(
        self, root: ResolvedCall, made: Mapping[ResolvedCall, Any], inliner: Inliner | None = None
    ) -> None:
        self._made = made
        self.inliner = inliner or Inliner()
        self._values = Values(self.inliner.reference, self._other)
        self.sized = {
            call for call in walk_calls(root) if _sized_class(_direct(call)[0], made.get(call)) is not None
        }
        times = Counter(inner for call in walk_calls(root) for inner in calls_in([call.args, call.kwargs]))
        self._variables = {
            call: Variable(_variable_name(call)) for call in _inner_first(root) if times[call] > 1
        }
        self.variables = [(variable, self._call(call)) for call, variable in self._variables.items()]
        self.root = self._call(root)

    def _other(self, value: Any) -> Document | None:
        if isinstance(value, ResolvedCall):
            return Name(self._variables[value]) if value in self._variables else self._call(value)
        return self.inliner.variable(value)

    def _call(self, call: ResolvedCall) -> Document:
        fn, args, kwargs = _direct(call)
        if isinstance(fn, Members | Combinations):
            made = self._made.get(call)
            # What quantised its layers in place stands around this call, and does so again.
            made = None if made is None else unquantised(made)
            return call_of(Name(patched(fn, made, self.inliner)), [])
        sized = _sized_class(fn, self._made.get(call))
        if sized is not None:
            args, kwargs = _sized_arguments(fn, sized, args, kwargs, self._made[call])
            fn = sized
        head = self._placed(call, None, lambda: self.inliner.reference(fn))
        items: list[tuple[Document, Document]] = [
            ("", self._argument(call, str(i + 1), a)) for i, a in enumerate(args)
        ]
        others: list[tuple[Document, Document]] = []
        for name, value in kwargs.items():
            if name.isidentifier() and not keyword.iskeyword(name):
                items.append((f"{name}=", self._argument(call, name, value)))
            else:
                others.append((f'"{name}": ', self._argument(call, name, value)))
        if others:
            items.append(("**", Group("", "{", others, "}")))
        return call_of(head, items)

    def _argument(self, call: ResolvedCall, name: str, value: Any) -> Document:
        return self._placed(call, name, lambda: self._values.document(value))

    def _placed(self, call: ResolvedCall, argument: str | None, make: Callable[[], Document]) -> Document:
        try:
            return make()
        except (_PlacedError, NoFactoryError):
            raise
        except ExportError as error:
            part = f"the argument {argument} of {call.name}" if argument else call.name
            raise _PlacedError(f"{part} at {call.place} cannot be printed: {error}") from error


def _direct(call: ResolvedCall) -> tuple[Callable[..., Any], list[Any], dict[str, Any]]:
    """A call without the `functools.partial` around its function."""
    fn, args, kwargs = call.fn, list(call.args), dict(call.kwargs)
    while isinstance(fn, functools.partial):
        args, kwargs = [*fn.args, *args], {**fn.keywords, **kwargs}
        fn = fn.func
    return fn, args, kwargs


def _sized_class(fn: Callable[..., Any], module: Any) -> type[Any] | None:
    """The sized class that a lazily sized module of torch (`nn.LazyLinear`) has become."""
    sized = getattr(fn, "cls_to_become", None)
    return sized if isinstance(sized, type) and type(module) is sized else None


def _sized_arguments(
    lazy: Callable[..., Any], sized: type[Any], args: list[Any], kwargs: dict[str, Any], module: Any
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments that make the sized module at once: those of the lazy one, and the sizes it found."""
    before, after = (inspect.signature(kind).parameters for kind in (lazy, sized))
    found = [name for name in after if name not in before]
    given = {**dict(zip(before, args, strict=False)), **kwargs}
    defaults = {
        name: parameter.default
        for name, parameter in before.items()
        if name not in given and name in after and parameter.default != after[name].default
    }
    sizes = {name: getattr(module, name) for name in found}
    same_order = list(after)[: len(found) + len(args)] == [*found, *list(before)[: len(args)]]
    if same_order:
        return [*sizes.values(), *args], {**kwargs, **defaults}
    return [], {**sizes, **given, **defaults}


def _inner_first(root: ResolvedCall) -> list[ResolvedCall]:
    """All calls, each after those in its arguments."""
    ordered: dict[ResolvedCall, None] = {}

    def visit(call: ResolvedCall) -> None:
        if call not in ordered:
            for inner in calls_in([call.args, call.kwargs]):
                visit(inner)
            ordered[call] = None

    visit(root)
    return list(ordered)


def _variable_name(call: ResolvedCall) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", call.name).lower()
    return words if words.isidentifier() and not keyword.iskeyword(words) else "shared"
