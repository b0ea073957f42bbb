"""Where a node stands in an expression: the path to it, from which addresses are made."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from archwright.spaces.nodes import DeferredCall, Tied

__all__ = ["Place", "arguments"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the tree.

    Args:
        path: All segments down to here: argument names, positions, labels, names.
        scope: The segments that names are relative to: names, positions of repeats, labels of switches.
        own: The last segment where the parent gave it and a name may replace it; else empty.
        structural_key: As `path` without any name, so that no two places have the same; a tied body begins its own.
    """

    path: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    structural_key: tuple[Any, ...] = ()

    def argument(self, segment: str) -> Place:
        """The place of an argument, an item of a list or a value of a dict."""
        return Place(self.path + self.own, self.scope, (segment,), (*self.structural_key, segment))

    def part(self, position: Any) -> Place:
        """The place of a repeat's position or a switch's option: the segment cannot be renamed."""
        segments = (*self.own, str(position))
        return Place((*self.path, *segments), (*self.scope, *segments), (), (*self.structural_key, position))

    def tied(self, node: Tied) -> Place:
        """The place of a tied body: its structural_key is the same wherever it is met first."""
        return Place(self.path, self.scope, self.own, (node,))

    def called(self, name: str | None) -> Place:
        """As `named`, but the name counts for the path alone, not for names inside."""
        return self if name is None else Place((*self.path, name), self.scope, (), self.structural_key)

    def named(self, name: str | None) -> Place:
        """This place after the node that stands here gave its name."""
        if name is None:
            return self
        return Place((*self.path, name), (*self.scope, name), (), self.structural_key)

    def __str__(self) -> str:
        return ".".join(self.path + self.own) or "the root"


@functools.lru_cache(maxsize=4096)
def _positional_names(fn: Callable[..., Any]) -> tuple[str, ...]:
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return ()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in parameters if p.kind in kinds)


def arguments(node: DeferredCall, place: Place) -> Iterator[tuple[str | None, Any, Place]]:
    """A layer's arguments as (keyword or None, value, place); a positional one is called by its parameter."""
    try:
        names = _positional_names(node.fn)
    except TypeError:  # not hashable, so not cached
        names = _positional_names.__wrapped__(node.fn)
    for i, value in enumerate(node.args):
        yield None, value, place.argument(names[i] if i < len(names) else str(i))
    for keyword, value in node.kwargs.items():
        yield keyword, value, place.argument(keyword)
