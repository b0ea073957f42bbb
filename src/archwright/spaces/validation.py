"""Checks for mistakes that would otherwise surface late, far from their cause."""

from __future__ import annotations

import dis
import functools
from types import FunctionType
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.expression import Expression, holds_expression

__all__ = ["check_called", "check_plain"]


def check_called(fn: Any, place: object) -> None:
    """Refuse a callable that hides a decision, where nobody would see and decide it.

    Args:
        fn: What a layer calls.
        place: Where the layer stands.

    Raises:
        SpaceError: When a `functools.partial` holds an expression, or a function takes one from around it.
    """
    while isinstance(fn, functools.partial):
        hidden = [v for v in (*fn.args, *fn.keywords.values()) if holds_expression(v)]
        if hidden:
            raise SpaceError(
                f"{place}: {hidden[0]!r} is hidden in a functools.partial; pass it to aw.layer, which "
                "decides it"
            )
        fn = fn.func
    if isinstance(fn, FunctionType):
        for name, value in _surroundings(fn).items():
            if isinstance(value, Expression):
                raise SpaceError(
                    f"{place}: the function {fn.__qualname__} uses {name} = {value!r}, which has no value "
                    f"inside a function; give the function a parameter for it: aw.layer({fn.__name__}, "
                    f"{name})"
                )


def _surroundings(fn: FunctionType) -> dict[str, Any]:
    """The names that a function takes from outside (closure, defaults and globals), with their values."""
    found: dict[str, Any] = dict(fn.__kwdefaults__ or {})
    names = fn.__code__.co_varnames[: fn.__code__.co_argcount]
    defaults = fn.__defaults__ or ()
    found |= zip(names[len(names) - len(defaults) :], defaults, strict=True)
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    for name in _globals_of(fn.__code__):
        if name in fn.__globals__:
            found[name] = fn.__globals__[name]
    return found


@functools.lru_cache(maxsize=4096)
def _globals_of(code: Any) -> tuple[str, ...]:
    return tuple(step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL")


def check_plain(value: Any, place: object) -> None:
    """Refuse a plain value that is not what it seems.

    Args:
        value: No expression, list, tuple or dict.
        place: Where it stands.

    Raises:
        SpaceError: For a set with an expression inside, and for a network that was built already.
    """
    if isinstance(value, set | frozenset) and any(isinstance(item, Expression) for item in value):
        raise SpaceError(f"{place}: a decision cannot stand in a set, which has no order; use a list")
    if any(
        kind.__module__ == "torch.nn.modules.module" and kind.__name__ == "Module"
        for kind in type(value).__mro__
    ):
        name = type(value).__name__
        raise SpaceError(
            f"{place}: expected a deferred call, got a {name} that is already built: every network would "
            f"share it, with its weights; write aw.layer({name}, ...) instead of {name}(...), or "
            "aw.layer(lambda: it) where sharing is wanted"
        )
