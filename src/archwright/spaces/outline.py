"""The walk over an expression: which decisions stand where, and what depends on them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.decision import Decision
from archwright.spaces.expression import Arithmetic, Expression, compile_value, is_numeric
from archwright.spaces.mistakes import check_called, check_plain
from archwright.spaces.nodes import Layer, Repeat, Switch, Tied, When
from archwright.spaces.place import Place, arguments

__all__ = ["Outline", "Walk"]

_MOST = 100_000
"""Places of layers: more come only from layers nested in each other that stand in several places each."""


@dataclass(slots=True)
class Outline:
    """What is decided at one level, before the addresses are known.

    Args:
        decisions: Always active at this level.
        branches: A selector, and what is active besides for some of its values.
    """

    decisions: list[Decision] = field(default_factory=list)
    branches: list[tuple[Expression, dict[Any, Outline]]] = field(default_factory=list)

    def is_empty(self) -> bool:
        """Whether nothing is decided here."""
        return not self.decisions and not self.branches

    def branch(self, selector: Expression, outlines: Mapping[Any, Outline]) -> None:
        """Add what depends on a selector."""
        if filled := {value: outline for value, outline in outlines.items() if not outline.is_empty()}:
            self.branches.append((selector, filled))

    def extend(self, other: Outline) -> None:
        """Add all of another outline."""
        self.decisions += other.decisions
        self.branches += other.branches


class Walk:
    """One walk over a space's expressions.

    Args:
        roots: Prefix of the addresses ("" for the network) to expression.

    Attributes:
        outline: What is decided.
        met: What was met, one text a node or plain value, in order: differs between spaces that differ.

    Raises:
        SpaceError: When something stands where it cannot. Names the place.
    """

    def __init__(self, roots: Mapping[str, Any]) -> None:
        self.outline = Outline()
        self.met: list[str] = []
        self._decisions: dict[int, tuple[Decision, list[Place]]] = {}
        self._tied: dict[int, int] = {}
        self._layers = 0
        self._checked: set[int] = set()
        for prefix, node in roots.items():
            segments = (prefix,) if prefix else ()
            self._visit(node, Place(segments, segments), self.outline, "one")

    def addresses(self) -> dict[int, str]:
        """The address of each decision, by the `id` of its object.

        A decision with a name has that name behind the scope that all its places have in common; one without
        is called by the path of its first place.

        Raises:
            SpaceError: When two decisions would have the same address.
        """
        found: dict[int, str] = {}
        taken: dict[str, Decision] = {}
        for key, (decision, places) in self._decisions.items():
            if decision.name is None:
                address = ".".join(places[0].path + places[0].own) or type(decision).__name__.lower()
            else:
                address = ".".join((*_common([place.scope for place in places]), decision.name))
            if address in taken:
                raise SpaceError(
                    f"two decisions have the address {address!r}: {taken[address]!r} and {decision!r}; give "
                    "them different names, or use one object in both places to decide once"
                )
            taken[address] = decision
            found[key] = address
        return found

    def _visit(self, node: Any, place: Place, outline: Outline, holds: str) -> None:
        """Add what a node decides to an outline.

        Args:
            node: An expression, a list, tuple or dict that may hold some, or a plain value.
            place: Where it stands.
            outline: Is added to.
            holds: How many values the place can hold: "many" (a list), "optional" (a dict, a keyword) or
                "one".
        """
        if isinstance(node, Decision):
            _, places = self._decisions.setdefault(id(node), (node, []))
            places.append(place)
            outline.decisions.append(node)
            self.met.append(f"{place}: decision")
        elif isinstance(node, Layer):
            self._layer(node, place.named(node.name), outline)
        elif isinstance(node, Switch):
            self._visit(node.selector, place.called(node.name), outline, "one")
            self.met.append(f"{place}: switch")
            place, options = place.named(node.name), {}
            for label, option in node.options.items():
                self._visit(option, place.part(label), inner := Outline(), holds)
                options[label] = inner
            outline.branch(node.selector, options)
        elif isinstance(node, When):
            self._when(node, place.named(node.name), outline, holds)
        elif isinstance(node, Repeat):
            self._repeat(node, place.named(node.name), outline, holds)
        elif isinstance(node, Tied):
            self.met.append(f"{place}: tied {self._tied.setdefault(id(node), len(self._tied))}")
            self._visit(node.body, place.named(node.name), outline, "one")
        elif isinstance(node, Arithmetic):
            self.met.append(f"{place}: {node.operation}")
            self._arithmetic(node, place, outline)
        elif isinstance(node, list | tuple):
            held = "one" if hasattr(node, "_fields") else "many"
            for i, item in enumerate(node):
                self._visit(item, place.argument(str(i)), outline, held)
        elif isinstance(node, dict):
            for key, item in node.items():
                if isinstance(key, Expression):
                    raise SpaceError(
                        f"{place}: a decision cannot be the key of a dict, got {key!r}; use aw.switch"
                    )
                self._visit(item, place.argument(str(key)), outline, "optional")
        else:
            check_plain(node, place)
            self.met.append(f"{place}: {_shown(node)}")

    def _layer(self, node: Layer, place: Place, outline: Outline) -> None:
        self._layers += 1
        if self._layers > _MOST:
            raise SpaceError(
                f"{place}: more than {_MOST:,} layers, each counted at every place where it stands: a layer is "
                "made anew there, with all layers inside it; let the class that is called pass one value on twice"
            )
        if id(node.fn) not in self._checked:
            check_called(node.fn, place)
            self._checked.add(id(node.fn))
        self.met.append(f"{place}: {_shown(node.fn)}()")
        for keyword, value, at in arguments(node, place):
            self._visit(value, at, outline, "many" if keyword is None else "optional")

    def _when(self, node: When, place: Place, outline: Outline, holds: str) -> None:
        if holds == "one":
            raise SpaceError(
                f"{place}: an optional part (when) cannot stand here, where exactly one value is needed; put "
                "it into a list, a dict or a layer's arguments, or use aw.switch"
            )
        self._visit(node.condition, place.argument("present"), outline, "one")
        self.met.append(f"{place}: when")
        self._visit(node.body, place, inner := Outline(), holds)
        outline.branch(node.condition, {True: inner})

    def _repeat(self, node: Repeat, place: Place, outline: Outline, holds: str) -> None:
        if holds != "many":
            raise SpaceError(
                f"{place}: a repeat gives any number of values and cannot stand here; put it into a list or "
                "among a layer's positional arguments"
            )
        self._visit(node.times, place, outline, "one")
        self.met.append(f"{place}: repeat")
        for i, body in enumerate(node.bodies):
            if i < node.fewest:
                self._visit(body, place.part(i), outline, "many")
            else:
                self._visit(body, place.part(i), inner := Outline(), "many")
                outline.branch(Arithmetic(">", node.times, i), {True: inner})

    def _arithmetic(self, node: Arithmetic, place: Place, outline: Outline) -> None:
        for operand in node.operands:
            if node.needs_numbers and not is_numeric(operand):
                raise SpaceError(
                    f"{place}: {node.operation!r} needs numbers, but {operand!r} is not always one; use "
                    ".equals(value) for labels, .has(item) for subsets"
                )
            self._visit(operand, place, outline, "one")
        try:
            compile_value(node, id)
        except SpaceError as error:
            raise SpaceError(f"{place}: {error}") from None


def _common(scopes: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The longest common beginning: a decision shared by several places belongs to what holds them all."""
    first, last = min(scopes), max(scopes)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[: min(length, len(last))]


def _shown(value: Any) -> str:
    """A text that is the same in every process."""
    if isinstance(value, functools.partial):
        return f"partial({_shown(value.func)}, {value.args!r}, {value.keywords!r})"
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}({sorted(map(repr, value))})"
    text = getattr(value, "__qualname__", None) or repr(value)
    return type(value).__qualname__ if " at 0x" in text else text
