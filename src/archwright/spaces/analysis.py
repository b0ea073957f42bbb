"""Analysis of an expression: which decisions stand where, and what depends on them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from archwright.errors import SpaceError
from archwright.spaces.decision import Decision
from archwright.spaces.expression import Arithmetic, Expression, compile_value, is_numeric
from archwright.spaces.fold import Fold
from archwright.spaces.nodes import DeferredCall, Generated, Repeat, Switch, Tied, When
from archwright.spaces.place import Place, arguments
from archwright.spaces.validation import check_called, check_plain

__all__ = ["ConditionalTree", "SpaceAnalysis"]

_MOST = 100_000
"""Places of layers: more come only from layers nested in each other that stand in several places each."""


@dataclass(slots=True)
class ConditionalTree:
    """What is decided at one level, before the addresses are known.

    Args:
        decisions: Always active at this level.
        branches: A selector, and what is active besides for some of its values.
    """

    decisions: list[Decision] = field(default_factory=list)
    branches: list[tuple[Expression, dict[Any, ConditionalTree]]] = field(default_factory=list)

    def is_empty(self) -> bool:
        """True if nothing is decided here."""
        return not self.decisions and not self.branches

    def branch(self, selector: Expression, trees: Mapping[Any, ConditionalTree]) -> None:
        """Add what depends on a selector."""
        if filled := {value: tree for value, tree in trees.items() if not tree.is_empty()}:
            self.branches.append((selector, filled))

    def extend(self, other: ConditionalTree) -> None:
        """Add all of another tree."""
        self.decisions += other.decisions
        self.branches += other.branches


class _Level(NamedTuple):
    """The context of a visit.

    Args:
        tree: Takes up what is decided.
        holds: How many values the place can hold: "many" (a list), "optional" (a dict, a keyword) or "one".
    """

    tree: ConditionalTree
    holds: str = "one"


class SpaceAnalysis(Fold[_Level, None]):
    """One walk over a space's expressions.

    Args:
        roots: Prefix of the addresses ("" for the network) to expression.

    Attributes:
        tree: What is decided.
        fingerprint: One text per node or plain value, in order: differs between spaces that differ.

    Raises:
        SpaceError: When something stands where it cannot. Names the place.
    """

    def __init__(self, roots: Mapping[str, Any]) -> None:
        self.tree = ConditionalTree()
        self.fingerprint: list[str] = []
        self._decisions: dict[int, tuple[Decision, list[Place]]] = {}
        self._tied: dict[int, int] = {}
        self._layers = 0
        self._checked: set[int] = set()
        for prefix, node in roots.items():
            segments = (prefix,) if prefix else ()
            self.visit(node, Place(segments, segments), _Level(self.tree))

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

    def value(self, node: Decision | Arithmetic, place: Place, context: _Level) -> None:
        """A decision joins the level; arithmetic is checked."""
        if isinstance(node, Arithmetic):
            self._arithmetic(node, place, context.tree)
            return
        _, places = self._decisions.setdefault(id(node), (node, []))
        places.append(place)
        context.tree.decisions.append(node)
        self.fingerprint.append(f"{place}: decision")

    def switch(self, node: Switch, place: Place, context: _Level) -> None:
        """Its options are branches of the level."""
        self.visit(node.selector, place.called(node.name), _Level(context.tree))
        self.fingerprint.append(f"{place}: switch")
        place, options = place.named(node.name), {}
        for label, option in node.options.items():
            self.visit(option, place.part(label), inner := _Level(ConditionalTree(), context.holds))
            options[label] = inner.tree
        context.tree.branch(node.selector, options)

    def tied(self, node: Tied, place: Place, context: _Level) -> None:
        """Its body is decided wherever it stands."""
        self.fingerprint.append(f"{place}: tied {self._tied.setdefault(id(node), len(self._tied))}")
        self.visit(node.body, place.named(node.name), _Level(context.tree))

    def sequence(self, node: list[Any] | tuple[Any, ...], place: Place, context: _Level) -> None:
        """A list holds any number of values, a named tuple one for each name."""
        inner = _Level(context.tree, "one" if hasattr(node, "_fields") else "many")
        for i, item in enumerate(node):
            self.visit(item, place.argument(str(i)), inner)

    def mapping(self, node: dict[Any, Any], place: Place, context: _Level) -> None:
        """A value of a dict may be absent."""
        for key, item in node.items():
            if isinstance(key, Expression):
                raise SpaceError(
                    f"{place}: a decision cannot be the key of a dict, got {key!r}; use aw.switch"
                )
            self.visit(item, place.argument(str(key)), _Level(context.tree, "optional"))

    def plain(self, node: Any, place: Place, context: _Level) -> None:
        """Plain values decide nothing."""
        check_plain(node, place)
        self.fingerprint.append(f"{place}: {_shown(node)}")

    def call(self, node: DeferredCall, place: Place, context: _Level) -> None:
        """Its arguments are of the same level."""
        place = place.named(node.name)
        self._layers += 1
        if self._layers > _MOST:
            raise SpaceError(
                f"{place}: more than {_MOST:,} layers, each counted at every place where it stands: a layer is "
                "made anew there, with all layers inside it; let the class that is called pass one value on twice"
            )
        if id(node.fn) not in self._checked:
            check_called(node.fn, place)
            self._checked.add(id(node.fn))
        self.fingerprint.append(f"{place}: {_shown(node.fn)}()")
        for keyword, value, at in arguments(node, place):
            self.visit(value, at, _Level(context.tree, "many" if keyword is None else "optional"))

    def generated(self, node: Generated, place: Place, context: _Level) -> None:
        """As a call: what the function writes is not known, but decides nothing."""
        self.call(node, place, context)

    def when(self, node: When, place: Place, context: _Level) -> None:
        """Its body is a branch of the level."""
        place = place.named(node.name)
        if context.holds == "one":
            raise SpaceError(
                f"{place}: an optional part (when) cannot stand here, where exactly one value is needed; put "
                "it into a list, a dict or a layer's arguments, or use aw.switch"
            )
        self.visit(node.condition, place.argument("present"), _Level(context.tree))
        self.fingerprint.append(f"{place}: when")
        self.visit(node.body, place, inner := _Level(ConditionalTree(), context.holds))
        context.tree.branch(node.condition, {True: inner.tree})

    def repeat(self, node: Repeat, place: Place, context: _Level) -> None:
        """Bodies that are always there are of the same level, any other is a branch."""
        place = place.named(node.name)
        if context.holds != "many":
            raise SpaceError(
                f"{place}: a repeat gives any number of values and cannot stand here; put it into a list or "
                "among a layer's positional arguments"
            )
        self.visit(node.times, place, _Level(context.tree))
        self.fingerprint.append(f"{place}: repeat")
        for i, body in enumerate(node.bodies):
            inner = context.tree if i < node.fewest else ConditionalTree()
            self.visit(body, place.part(i), _Level(inner, "many"))
            if i >= node.fewest:
                context.tree.branch(Arithmetic(">", node.times, i), {True: inner})

    def _arithmetic(self, node: Arithmetic, place: Place, tree: ConditionalTree) -> None:
        self.fingerprint.append(f"{place}: {node.operation}")
        for operand in node.operands:
            if node.needs_numbers and not is_numeric(operand):
                raise SpaceError(
                    f"{place}: {node.operation!r} needs numbers, but {operand!r} is not always one; use "
                    ".equals(value) for labels, .has(item) for subsets"
                )
            self.visit(operand, place, _Level(tree))
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
