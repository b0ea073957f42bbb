"""The arguments of a call in a supernet: what stands in them, worked out anew for each setting of the gates."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from archwright.spaces.expression import rebuilt
from archwright.supernets.gates import Selector
from archwright.supernets.mixed import GatedEdge

__all__ = ["Bodies", "Choice", "Edge", "Fixed", "Items", "Named", "Part", "Value"]

Values = Mapping[str, Any]


class Part(ABC):
    """An argument, or something in one."""

    @abstractmethod
    def give(self, values: Values) -> list[Any]:
        """What it gives to the place where it stands: one value, none, or several.

        Args:
            values: Address to value, for the decisions under one path and those of one term of a mixture.
        """

    @abstractmethod
    def inside(self) -> Iterator[Part]:
        """The parts in it."""

    def selectors(self) -> Iterator[Selector]:
        """What it reads to know which values it gives; without gated edges, which read their own gates."""
        for part in self.inside():
            yield from part.selectors()

    def modules(self) -> Iterator[nn.Module]:
        """The modules in it."""
        for part in self.inside():
            yield from part.modules()

    @property
    def depends(self) -> bool:
        """Whether what it gives depends on any decision."""
        return any(part.depends for part in self.inside())


class Fixed(Part):
    """A plain value or a module: the same under all gates."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def give(self, values: Values) -> list[Any]:
        """The value."""
        return [self.value]

    def inside(self) -> Iterator[Part]:
        """Nothing."""
        return iter(())

    def modules(self) -> Iterator[nn.Module]:
        """The module, where it is one."""
        if isinstance(self.value, nn.Module):
            yield self.value


class Value(Part):
    """A decision, or what is worked out from decisions: a number, a label."""

    def __init__(self, selector: Selector) -> None:
        self.selector = selector

    def give(self, values: Values) -> list[Any]:
        """Its value."""
        return [self.selector.value(values)]

    def inside(self) -> Iterator[Part]:
        """Nothing."""
        return iter(())

    def selectors(self) -> Iterator[Selector]:
        """Its own."""
        yield self.selector

    @property
    def depends(self) -> bool:
        """Always."""
        return True


class Edge(Part):
    """A module that may be absent."""

    def __init__(self, edge: GatedEdge) -> None:
        self.edge = edge

    def give(self, values: Values) -> list[Any]:
        """The gated edge, or nothing."""
        selector = self.edge.selector
        decided = all(address in values for address in selector.reads)
        present = selector.value(values) if decided else self.edge.present()
        return [self.edge] if present else []

    def inside(self) -> Iterator[Part]:
        """Nothing."""
        return iter(())

    def modules(self) -> Iterator[nn.Module]:
        """The gated edge."""
        yield self.edge

    @property
    def depends(self) -> bool:
        """Always."""
        return True


class Choice(Part):
    """Options that are not single modules, selected by a value; a condition is one with an option for true."""

    def __init__(self, selector: Selector, options: Mapping[Any, Part]) -> None:
        self.selector = selector
        self.options = dict(options)

    def give(self, values: Values) -> list[Any]:
        """What the selected option gives; nothing where there is none."""
        selected = self.options.get(self.selector.value(values))
        return [] if selected is None else selected.give(values)

    def inside(self) -> Iterator[Part]:
        """The options."""
        return iter(self.options.values())

    def selectors(self) -> Iterator[Selector]:
        """Its own, then those inside."""
        yield self.selector
        yield from super().selectors()

    @property
    def depends(self) -> bool:
        """Always."""
        return True


class Bodies(Part):
    """A repeat: the elastic depth. The first so many of its bodies are there (Cai et al. 2020, arXiv:1908.09791)."""

    def __init__(self, times: Selector, bodies: list[Part]) -> None:
        self.times = times
        self.bodies = bodies

    def give(self, values: Values) -> list[Any]:
        """What the first bodies give."""
        return [value for body in self.bodies[: self.times.value(values)] for value in body.give(values)]

    def inside(self) -> Iterator[Part]:
        """The bodies."""
        return iter(self.bodies)

    def selectors(self) -> Iterator[Selector]:
        """The number of times, then those inside."""
        yield self.times
        yield from super().selectors()

    @property
    def depends(self) -> bool:
        """Whether the number is decided, or any body depends on a decision."""
        return bool(self.times.reads) or super().depends


class Items(Part):
    """A list or tuple."""

    def __init__(self, like: list[Any] | tuple[Any, ...], parts: list[Part]) -> None:
        self.like = like
        self.parts = parts

    def give(self, values: Values) -> list[Any]:
        """One list or tuple of the same type."""
        return [rebuilt(self.like, [value for part in self.parts for value in part.give(values)])]

    def inside(self) -> Iterator[Part]:
        """The items."""
        return iter(self.parts)


class Named(Part):
    """A dict."""

    def __init__(self, like: dict[Any, Any], parts: Mapping[Any, Part]) -> None:
        self.like = copy.copy(like)
        self.like.clear()
        self.parts = dict(parts)

    def give(self, values: Values) -> list[Any]:
        """One dict of the same type, without the keys whose part gives nothing."""
        made = copy.copy(self.like)
        for key, part in self.parts.items():
            if given := part.give(values):
                made[key] = given[0]
        return [made]

    def inside(self) -> Iterator[Part]:
        """The values."""
        return iter(self.parts.values())
