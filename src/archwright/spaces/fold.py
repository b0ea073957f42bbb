"""The one walk over an expression, by which it is checked, resolved, and built as a supernet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from archwright.spaces.decision import Decision
from archwright.spaces.expression import Arithmetic, Expression
from archwright.spaces.nodes import DeferredCall, Generated, Repeat, Switch, Tied, When
from archwright.spaces.place import Place

__all__ = ["Fold"]

C = TypeVar("C")
R = TypeVar("R")


class Fold(ABC, Generic[C, R]):
    """Maps an expression to a result, with one method per kind of node.

    Each method takes the node, its place (before the node's own name is added) and a context, and calls `visit` for
    what is inside.
    """

    def visit(self, node: Any, place: Place, context: C) -> R:
        """Fold a node, a container of nodes or a plain value."""
        if isinstance(node, Expression):
            made: R = getattr(self, node.kind)(node, place, context)
            return made
        if isinstance(node, list | tuple):
            return self.sequence(node, place, context)
        if isinstance(node, dict):
            return self.mapping(node, place, context)
        return self.plain(node, place, context)

    @abstractmethod
    def value(self, node: Decision | Arithmetic, place: Place, context: C) -> R:
        """A decision, or what is worked out from decisions."""

    @abstractmethod
    def call(self, node: DeferredCall, place: Place, context: C) -> R:
        """A deferred call."""

    @abstractmethod
    def generated(self, node: Generated, place: Place, context: C) -> R:
        """A part that a function writes."""

    @abstractmethod
    def switch(self, node: Switch, place: Place, context: C) -> R:
        """Options, one of which is selected."""

    @abstractmethod
    def when(self, node: When, place: Place, context: C) -> R:
        """A part that may be absent."""

    @abstractmethod
    def repeat(self, node: Repeat, place: Place, context: C) -> R:
        """Parts spliced into a list."""

    @abstractmethod
    def tied(self, node: Tied, place: Place, context: C) -> R:
        """A part that is one and the same at all its places."""

    @abstractmethod
    def sequence(self, node: list[Any] | tuple[Any, ...], place: Place, context: C) -> R:
        """A list or tuple."""

    @abstractmethod
    def mapping(self, node: dict[Any, Any], place: Place, context: C) -> R:
        """A dict."""

    @abstractmethod
    def plain(self, node: Any, place: Place, context: C) -> R:
        """Anything else."""
