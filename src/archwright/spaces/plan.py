"""A space's plan: which decisions there are, at which address, and which of them are active when.

The expression is walked once; what remains is a small tree of decisions and branches, so that sampling, varying
and coding never touch the expression, however many layers it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.decisions import Decision
from archwright.spaces.expression import Arithmetic, Expression, compile_value
from archwright.spaces.nodes import Layer, Repeat, Switch, Tied, When
from archwright.spaces.place import Place, arguments
from archwright.spaces.values import decisions_of

__all__ = ["Branch", "Plan", "compile_plan"]


@dataclass(slots=True)
class Plan:
    """What is to be decided at one level.

    Args:
        decisions: Address to decision: active whenever this plan is reached.
        branches: What is active besides, depending on values; in an order in which those are known.
    """

    decisions: dict[str, Decision] = field(default_factory=dict)
    branches: list[Branch] = field(default_factory=list)

    def complete(self, values: dict[str, Any], decide: Callable[[str, Decision], Any]) -> None:
        """Fill in a value for every active decision that has none yet.

        Args:
            values: Address to value; is added to.
            decide: Gives the value for an address and its decision.
        """
        for address, decision in self.decisions.items():
            if address not in values:
                values[address] = decide(address, decision)
        for branch in self.branches:
            plan = branch.plans.get(branch.select(values))
            if plan is not None:
                plan.complete(values, decide)

    def addresses(self) -> Iterator[str]:
        """The addresses that this plan looks at or may decide, some more than once."""
        yield from self.decisions
        for branch in self.branches:
            yield from branch.mentions


@dataclass(slots=True)
class Branch:
    """A part that depends on decided values.

    Args:
        needs: Addresses of the decisions that select.
        select: From the values to a key; a key without a plan means that nothing more is active.
        plans: Key to plan.
    """

    needs: frozenset[str]
    select: Callable[[Mapping[str, Any]], Any]
    plans: dict[Any, Plan]
    mentions: frozenset[str] = field(init=False)
    """Every address that it looks at or may decide."""

    def __post_init__(self) -> None:
        self.mentions = self.needs.union(*(plan.addresses() for plan in self.plans.values()))


@dataclass(slots=True)
class _Outline:
    """A plan before the addresses are known."""

    decisions: list[Decision] = field(default_factory=list)
    branches: list[tuple[Expression, dict[Any, _Outline]]] = field(default_factory=list)

    def is_empty(self) -> bool:
        return not self.decisions and not self.branches


class _Walk:
    """One walk over the expression: the outline, and every decision's places."""

    def __init__(self) -> None:
        self.places: dict[int, list[Place]] = {}
        self.decisions: dict[int, Decision] = {}
        self.calls: list[str] = []

    def visit(self, node: Any, place: Place, outline: _Outline, holds: str) -> None:
        """Add what a node decides to an outline.

        Args:
            node: An expression, a list, tuple or dict that may hold some, or a plain value.
            place: Where it stands.
            outline: Is added to.
            holds: How many values the place can hold: "many" (a list), "optional" (a dict, a keyword) or "one".
        """
        if isinstance(node, Decision):
            self.places.setdefault(id(node), []).append(place)
            self.decisions[id(node)] = node
            outline.decisions.append(node)
        elif isinstance(node, Layer):
            place = place.named(node.name)
            self.calls.append(getattr(node.fn, "__qualname__", repr(type(node.fn))))
            for keyword, value, at in arguments(node, place):
                self.visit(value, at, outline, "many" if keyword is None else "optional")
        elif isinstance(node, Switch):
            self._select(node.selector, place, outline)
            place = place.named(node.name)
            plans = {}
            for label, option in node.options.items():
                self.visit(option, place.part(str(label)), inner := _Outline(), holds)
                plans[label] = inner
            self._branch(node.selector, plans, outline)
        elif isinstance(node, When):
            place = place.named(node.name)
            if holds == "one":
                raise SpaceError(
                    f"{place}: an optional part (when) cannot stand here, where exactly one value is needed; "
                    "put it into a list, a dict or a layer's arguments, or use aw.switch"
                )
            self._select(node.condition, place, outline)
            self.visit(node.body, place, inner := _Outline(), holds)
            self._branch(node.condition, {True: inner}, outline)
        elif isinstance(node, Repeat):
            place = place.named(node.name)
            if holds != "many":
                raise SpaceError(
                    f"{place}: a repeat gives any number of values and cannot stand here; put it into a list or "
                    "among a layer's positional arguments"
                )
            if isinstance(node.times, Expression):
                self._select(node.times, place, outline)
            for i, body in enumerate(node.bodies):
                if i < node.fewest:
                    self.visit(body, place.part(str(i)), outline, "many")
                else:
                    self.visit(body, place.part(str(i)), inner := _Outline(), "many")
                    self._branch(Arithmetic(">", node.times, i), {True: inner}, outline)
        elif isinstance(node, Tied):
            self.visit(node.body, place.named(node.name), outline, "one")
        elif isinstance(node, Arithmetic):
            for operand in node.operands:
                if node.needs_numbers and not _is_numeric(operand):
                    raise SpaceError(
                        f"{place}: {node.operation!r} needs numbers, but {operand!r} is not always one; "
                        "use .equals(value) for labels, .has(item) for subsets"
                    )
                self.visit(operand, place, outline, "one")
        elif isinstance(node, list | tuple):
            for i, item in enumerate(node):
                self.visit(item, place.argument(str(i)), outline, "many")
        elif isinstance(node, dict):
            for key, item in node.items():
                if isinstance(key, Expression):
                    raise SpaceError(f"{place}: a decision cannot be the key of a dict, got {key!r}; use aw.switch")
                self.visit(item, place.argument(str(key)), outline, "optional")
        elif isinstance(node, set | frozenset):
            if any(isinstance(item, Expression) for item in node):
                raise SpaceError(f"{place}: a decision cannot stand in a set, which has no order; use a list")

    def _select(self, selector: Expression, place: Place, outline: _Outline) -> None:
        self.visit(selector, place, outline, "one")

    def _branch(self, selector: Expression, plans: dict[Any, _Outline], outline: _Outline) -> None:
        plans = {key: plan for key, plan in plans.items() if not plan.is_empty()}
        if plans:
            outline.branches.append((selector, plans))

    def addresses(self) -> dict[int, str]:
        """The address of each decision, by identity.

        Raises:
            SpaceError: When two decisions would have the same address.
        """
        found: dict[int, str] = {}
        taken: dict[str, Decision] = {}
        for key, decision in self.decisions.items():
            places = self.places[key]
            if decision.name is None:
                first = places[0]
                address = ".".join(first.path + first.own) or type(decision).__name__.lower()
            else:
                address = ".".join((*_common([p.scope for p in places]), decision.name))
            if address in taken:
                raise SpaceError(
                    f"two decisions have the address {address!r}: {taken[address]!r} and {decision!r}; give them "
                    "different names, or use one object in both places to decide once"
                )
            taken[address] = decision
            found[key] = address
        return found


def _common(scopes: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The longest common beginning: a decision shared by several places belongs to what holds them all."""
    first, last = min(scopes), max(scopes)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[: min(length, len(last))]


def _is_numeric(node: Any) -> bool:
    if isinstance(node, Decision):
        return node.numeric
    if isinstance(node, Switch):
        return all(_is_numeric(option) for option in node.options.values())
    return isinstance(node, Arithmetic | int | float)


def _link(outline: _Outline, address: dict[int, str], known: frozenset[str]) -> Plan:
    """The outline with addresses; a decision that is certainly decided before is dropped."""
    plan = Plan({address[id(d)]: d for d in outline.decisions if address[id(d)] not in known})
    known = known | plan.decisions.keys()
    for selector, outlines in outline.branches:
        plans = {key: _link(inner, address, known) for key, inner in outlines.items()}
        plans = {key: inner for key, inner in plans.items() if inner.decisions or inner.branches}
        if plans:
            needs = frozenset(address[id(decision)] for decision in decisions_of(selector))
            plan.branches.append(Branch(needs, compile_value(selector, lambda d: address[id(d)]), plans))
    return plan


def compile_plan(roots: Mapping[str, Any]) -> tuple[Plan, dict[int, str], list[str]]:
    """Walk a space's expressions.

    Args:
        roots: Prefix of the addresses ("" for the network) to expression.

    Returns:
        The plan; the address of each decision by its `id`; the names of the calls in the order of their places.

    Raises:
        SpaceError: When a decision stands where it cannot, or two have one address.
    """
    walk, outline = _Walk(), _Outline()
    for prefix, node in roots.items():
        segments = (prefix,) if prefix else ()
        walk.visit(node, Place(segments, segments), outline, "one")
    addresses = walk.addresses()
    return _link(outline, addresses, frozenset()), addresses, walk.calls
