"""A member of a user's own network as source: what builds that network, then a line for each layer that is another."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from archwright.errors import ExportError
from archwright.export.source.definitions import Definition, Import
from archwright.export.source.inline import Inliner
from archwright.export.source.layout import Document, Name, call_of
from archwright.pretrained.blockwise import Combinations
from archwright.pretrained.depth import Skip
from archwright.pretrained.network import Members
from archwright.pretrained.substitutes import Constant, Substitute

__all__ = ["NoFactoryError", "patched"]

_PLAIN = (bool, int, float, str, type(None))
_STATE = ("_parameters", "_buffers", "_modules", "training")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class NoFactoryError(ExportError):
    """A network was given as a module, and nothing says how it is built."""


def patched(members: Members | Combinations, network: nn.Module | None, inliner: Inliner) -> Definition:
    """A function that builds a member: the user's network with other layers in some places, and fresh weights.

    Args:
        members: What makes the members.
        network: The member; None writes the user's network as it is.
        inliner: What the source refers to.

    Raises:
        NoFactoryError: When nothing says how the network is built.
        ExportError: When what builds it has no source, or a layer was put in that cannot be written.
    """
    lines = [("network = ", _origin(members, inliner))]
    if network is not None:
        lines += _Patch(inliner).lines(members.network, network)
    kind = type(members.network).__name__
    told = f"`{kind}` with other layers in some places." if len(lines) > 1 else f"`{kind}` as it was given."
    return Definition("make_network", "", 0.0, lines=lines, told=told)


def _origin(members: Members | Combinations, inliner: Inliner) -> Document:
    if not isinstance(members.origin, nn.Module):
        return call_of(inliner.reference(members.origin), [])
    held = inliner.variable(members.origin)
    if held is None:
        raise NoFactoryError(
            f"{type(members.network).__name__} was given as a module, and nothing says how it is built; give a class "
            "or function that builds it instead, and its weights beside it"
        )
    return call_of(Name(Import("copy", "deepcopy", "deepcopy")), [("", held)])


class _Patch:
    """The statements that turn one module tree into another of the same kind."""

    def __init__(self, inliner: Inliner) -> None:
        self._values = inliner.values
        self._reference = inliner.reference
        self._at: dict[int, str] = {}

    def lines(self, before: nn.Module, after: nn.Module) -> list[tuple[str, Document]]:
        """Each statement as what stands before its document, and that."""
        found = list(self._module("network", before, after))
        return [*found, *self._ties(after)] if found else []

    def _module(self, path: str, before: nn.Module, after: nn.Module) -> Iterator[tuple[str, Document]]:
        if id(after) in self._at:  # one module in several places
            if (first := self._at[id(after)]) and before is not after:
                yield f"{path} = ", first
            return
        is_other = type(before) is not type(after)
        changes = [] if is_other else list(self._attributes(path, before, after))
        self._at[id(after)] = path if is_other or changes else ""
        if is_other or (changes and not after._modules):
            made = self._made(after)
            if made is not None:
                yield f"{path} = ", made
                return
            if is_other:
                raise ExportError(
                    f"{path} became a {type(after).__name__}, whose arguments are not known; put a layer of torch.nn "
                    "there"
                )
        yield from changes
        for name, child in after._modules.items():
            if child is not None:
                yield from self._module(_below(path, after, name), before.get_submodule(name), child)

    def _made(self, module: nn.Module) -> Document | None:
        """The call that makes a module of torch.nn, or one that stands in for a block; None where it is not known."""
        if type(module) is nn.Sequential:
            children = [self._made(child) for child in module]
            if any(child is None for child in children):
                return None
            return call_of(
                self._reference(nn.Sequential), [("", child) for child in children if child is not None]
            )
        given = _constructor(module)
        if given is None:
            return None
        items = []
        for name, value in given:
            document = self._made(value) if isinstance(value, nn.Module) else self._values.document(value)
            if document is None:
                return None
            items.append((f"{name}=" if name else "", document))
        return call_of(self._reference(type(module)), items)

    def _attributes(self, path: str, before: nn.Module, after: nn.Module) -> Iterator[tuple[str, Document]]:
        old, new = _plain(before), _plain(after)
        for name, value in new.items():
            if name not in old or old[name] != value:
                yield f"{path}.{name} = ", self._values.document(value)
        for name, value in vars(after).items():
            if inspect.isroutine(value) and value is not vars(before).get(name):
                yield f"{path}.{name} = ", self._values.document(value)
        for name, one in [*after._parameters.items(), *after._buffers.items()]:
            was = before._parameters.get(name, before._buffers.get(name))
            if one is None or was is None or one.shape == was.shape:
                continue
            empty = call_of("torch.empty", [("", str(size)) for size in one.shape])
            is_parameter = name in after._parameters
            yield f"{path}.{name} = ", call_of("nn.Parameter", [("", empty)]) if is_parameter else empty

    def _ties(self, network: nn.Module) -> Iterator[tuple[str, Document]]:
        """Parameters that are one, where a new layer has one of its own."""
        first: dict[int, str] = {}
        for path, module in _placed("network", network):
            for name, one in module._parameters.items():
                known = first.setdefault(id(one), f"{path}.{name}")
                if one is not None and known != f"{path}.{name}":
                    yield f"{path}.{name} = ", known


def _placed(path: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """All modules of a tree with the expressions for them; one in several places comes at each."""
    yield path, module
    for name, child in module._modules.items():
        if child is not None:
            yield from _placed(_below(path, module, name), child)


def _below(path: str, parent: nn.Module, name: str) -> str:
    """The expression for a child of a module."""
    if isinstance(parent, nn.Sequential | nn.ModuleList) and name.isdigit():
        return f"{path}[{name}]"
    if isinstance(parent, nn.ModuleDict):
        return f"{path}[{name!r}]"
    return f"{path}.{name}"


def _plain(module: nn.Module) -> dict[str, Any]:
    """The attributes of a module that are plain values, in which alone members differ."""
    return {name: value for name, value in vars(module).items() if name not in _STATE and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)


def _constructor(module: nn.Module) -> list[tuple[str, Any]] | None:
    """The arguments that make a layer of torch.nn, read from its attributes; None where they do not."""
    kind = type(module)
    is_hooked = any(getattr(module, hooks) for hooks in _HOOKS)
    is_known = kind.__module__.startswith("torch.nn.modules.") or kind in (Constant, Skip, Substitute)
    if not is_known or is_hooked:
        return None
    given: list[tuple[str, Any]] = []
    is_leading = True
    for name, parameter in _signature(kind).items():
        if name in ("device", "dtype") or not hasattr(module, name):
            is_leading = False
            continue
        held = getattr(module, name)
        value = held is not None if name == "bias" else _short(held)
        if parameter.default is parameter.empty:
            given.append(("" if is_leading else name, value))
        elif value != _short(parameter.default):
            given.append((name, value))
    try:
        with torch.device("meta"):
            twin: Any = kind(*(v for n, v in given if not n), **{n: v for n, v in given if n})
    except (TypeError, ValueError, RuntimeError):
        return None
    return given if _plain(twin) == _plain(module) and _shapes(twin) == _shapes(module) else None


def _signature(kind: type[nn.Module]) -> dict[str, inspect.Parameter]:
    written = nn.RNNBase if issubclass(kind, nn.RNNBase) else kind
    found = dict(inspect.signature(written.__init__).parameters)
    return {name: one for name, one in found.items() if name not in ("self", "mode", "args", "kwargs")}


def _short(value: Any) -> Any:
    """A tuple of equal numbers as that number, as layers take it."""
    return (
        value[0] if isinstance(value, tuple) and value and len(set(value)) == 1 and len(value) > 1 else value
    )


def _shapes(module: nn.Module) -> dict[str, Any]:
    held: dict[str, Tensor | None] = {**module._parameters, **module._buffers}
    return {name: None if one is None else tuple(one.shape) for name, one in held.items()}
