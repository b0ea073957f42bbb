"""The arguments of a call in a supernet: what stands in them, worked out anew for each setting of the gates."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from archwright.spaces.expression import rebuilt
from archwright.supernets.gates import Selector
from archwright.supernets.mixed import GatedEdge

__all__ = ["Argument", "Choice", "DictArg", "Edge", "Fixed", "ListArg", "RepeatArg", "Value", "resolved"]

Values = Mapping[str, Any]


class Argument(ABC):
    """An argument, or something in one.

    Attributes:
        selector: What it reads to know which values it gives; None where that does not depend on decisions.
        inside: The arguments in it.
    """

    selector: Selector | None = None
    inside: Sequence[Argument] = ()

    @abstractmethod
    def resolve(self, values: Values) -> list[Any]:
        """What it gives to the place where it stands: one value, none, or several.

        Args:
            values: Address to value, for the decisions under one path and those of one term of a mixture.
        """

    def selectors(self) -> Iterator[Selector]:
        """All that is read in it; without gated edges, which read their own gates."""
        if self.selector is not None:
            yield self.selector
        for part in self.inside:
            yield from part.selectors()

    def modules(self) -> Iterator[nn.Module]:
        """The modules in it."""
        for part in self.inside:
            yield from part.modules()

    @property
    def depends(self) -> bool:
        """Whether what it gives depends on any decision."""
        own = self.selector is not None and bool(self.selector.reads)
        return own or any(part.depends for part in self.inside)


class Fixed(Argument):
    """A plain value or a module: the same under all gates."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def resolve(self, values: Values) -> list[Any]:
        """The value."""
        return [self.value]

    def modules(self) -> Iterator[nn.Module]:
        """The module, where it is one."""
        if isinstance(self.value, nn.Module):
            yield self.value


class Value(Argument):
    """A decision, or what is worked out from decisions: a number, a label."""

    selector: Selector

    def __init__(self, selector: Selector) -> None:
        self.selector = selector

    def resolve(self, values: Values) -> list[Any]:
        """Its value."""
        return [self.selector.value(values)]


class Edge(Argument):
    """A module that may be absent."""

    depends = True

    def __init__(self, edge: GatedEdge) -> None:
        self.edge = edge

    def resolve(self, values: Values) -> list[Any]:
        """The gated edge, or nothing."""
        selector = self.edge.selector
        decided = all(address in values for address in selector.reads)
        present = selector.value(values) if decided else self.edge.present()
        return [self.edge] if present else []

    def modules(self) -> Iterator[nn.Module]:
        """The gated edge."""
        yield self.edge


class Choice(Argument):
    """Options that are not single modules, selected by a value; a condition is one with an option for true."""

    selector: Selector

    def __init__(self, selector: Selector, options: Mapping[Any, Argument]) -> None:
        self.selector, self.options = selector, dict(options)
        self.inside = list(self.options.values())

    def resolve(self, values: Values) -> list[Any]:
        """What the selected option gives; nothing where there is none."""
        selected = self.options.get(self.selector.value(values))
        return [] if selected is None else selected.resolve(values)


class RepeatArg(Argument):
    """A repeat: the elastic depth. The first so many of its bodies are there (Cai et al. 2020, arXiv:1908.09791)."""

    selector: Selector

    def __init__(self, times: Selector, bodies: Sequence[Argument]) -> None:
        self.selector, self.inside = times, bodies

    def resolve(self, values: Values) -> list[Any]:
        """What the first bodies give."""
        return [v for body in self.inside[: self.selector.value(values)] for v in body.resolve(values)]


class ListArg(Argument):
    """A list or tuple."""

    def __init__(self, like: list[Any] | tuple[Any, ...], items: Sequence[Argument]) -> None:
        self.like, self.inside = like, items

    def resolve(self, values: Values) -> list[Any]:
        """One list or tuple of the same type."""
        return [rebuilt(self.like, [value for part in self.inside for value in part.resolve(values)])]


class DictArg(Argument):
    """A dict."""

    def __init__(self, like: dict[Any, Any], items: Mapping[Any, Argument]) -> None:
        self.like = copy.copy(like)
        self.like.clear()
        self.items = dict(items)
        self.inside = list(self.items.values())

    def resolve(self, values: Values) -> list[Any]:
        """One dict of the same type, without the keys whose argument gives nothing."""
        made = copy.copy(self.like)
        for key, part in self.items.items():
            if given := part.resolve(values):
                made[key] = given[0]
        return [made]


def resolved(
    args: Sequence[Argument], kwargs: Mapping[str, Argument], values: Values
) -> tuple[list[Any], dict[str, Any]]:
    """What a call is given, by position and by keyword; what is absent is left out."""
    named = {keyword: part.resolve(values) for keyword, part in kwargs.items()}
    given = [value for part in args for value in part.resolve(values)]
    return given, {keyword: found[0] for keyword, found in named.items() if found}
