"""A space's plan: which decisions there are, at which address, and which of them are active when.

The expression is walked once; what remains is a small tree of decisions and branches, so that sampling,
varying and coding never touch the expression, however many layers it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from archwright.spaces.analysis import ConditionalTree, SpaceAnalysis
from archwright.spaces.decision import Decision
from archwright.spaces.expression import Arithmetic, Expression, children_of, compile_value, holds_expression
from archwright.spaces.nodes import Switch

__all__ = ["Branch", "Plan", "Read", "compile_plan"]

Read = tuple[str, int | None]
"""What a selector reads: an address with None for its value, or with the item of a subset that it asks for."""


@dataclass(slots=True)
class Plan:
    """What is to be decided at one level.

    Args:
        decisions: Address to decision: active whenever this plan is reached.
        branches: What is active besides, depending on values; in an order in which those are known. No two
            have the same selector.
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

    def all_decisions(self) -> dict[str, Decision]:
        """Address to decision, all that can be active, in order."""
        found = dict(self.decisions)
        for branch in self.branches:
            for plan in branch.plans.values():
                found |= plan.all_decisions()
        return found

    def hold(self, values: Mapping[str, Any]) -> Plan:
        """This plan with decisions held at values."""
        return self.changed(
            lambda decisions: {a: d.hold(values[a]) if a in values else d for a, d in decisions.items()}
        )

    def changed(self, change: Callable[[Mapping[str, Decision]], dict[str, Decision]]) -> Plan:
        """This plan with other decisions of the same values at the same addresses."""
        branches = [
            Branch(
                branch.select, {key: plan.changed(change) for key, plan in branch.plans.items()}, branch.needs
            )
            for branch in self.branches
        ]
        return Plan(change(self.decisions), branches)

    def reachable(self, held: Mapping[str, Any]) -> set[str]:
        """The addresses of the decisions that can be active when some are held at values."""
        found = set(self.decisions)
        for branch in self.branches:
            is_known = all(address in held for address, _ in branch.needs)
            plans = [branch.plans.get(branch.select(held))] if is_known else branch.plans.values()
            found.update(*(plan.reachable(held) for plan in plans if plan is not None))
        return found

    def is_empty(self) -> bool:
        """True if nothing is decided here."""
        return not self.decisions and not self.branches


@dataclass(slots=True)
class Branch:
    """A part that depends on decided values.

    Args:
        select: From the values to a key; a key without a plan means that nothing more is active.
        plans: Key to plan.
        needs: What `select` reads, each once, in order.

    Attributes:
        reads: What it and the branches inside read.
        decides: The addresses that the plans may decide.
        mentions: The addresses of both.
    """

    select: Callable[[Mapping[str, Any]], Any]
    plans: dict[Any, Plan]
    needs: tuple[Read, ...]
    reads: frozenset[Read] = field(init=False)
    decides: frozenset[str] = field(init=False)
    mentions: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        inner = [branch for plan in self.plans.values() for branch in plan.branches]
        self.reads = frozenset(self.needs).union(*(branch.reads for branch in inner))
        self.decides = frozenset(address for plan in self.plans.values() for address in plan.decisions).union(
            *(branch.decides for branch in inner)
        )
        self.mentions = self.decides | {address for address, _ in self.reads}


def _reads(selector: Any, address: dict[int, str]) -> Iterator[Read]:
    """Yield what a selector reads."""
    if isinstance(selector, Decision):
        yield address[id(selector)], None
    elif isinstance(selector, Arithmetic) and selector.operation == "has":
        subset, item = selector.operands
        yield address[id(subset)], item
    else:
        for child in children_of(selector):
            yield from _reads(child, address)


def _form(selector: Any, address: dict[int, str]) -> Any:
    """Key that is equal for two selectors that always select the same."""
    if isinstance(selector, Decision):
        return address[id(selector)]
    if not holds_expression(selector):
        return type(selector).__name__, repr(selector)
    operation = selector.operation if isinstance(selector, Arithmetic) else type(selector).__name__
    labels = (
        selector.options if isinstance(selector, Switch) else selector if isinstance(selector, dict) else ()
    )
    return operation, repr(list(labels)), *(_form(child, address) for child in children_of(selector))


def _link(tree: ConditionalTree, address: dict[int, str], known: frozenset[str]) -> Plan:
    """Compile a tree. A decision that is certainly decided before is dropped."""
    plan = Plan({address[id(d)]: d for d in tree.decisions if address[id(d)] not in known})
    known = known | plan.decisions.keys()
    merged: dict[Any, tuple[Expression, dict[Any, ConditionalTree]]] = {}
    for selector, trees in tree.branches:
        _, together = merged.setdefault(_form(selector, address), (selector, {}))
        for key, inner in trees.items():
            together.setdefault(key, ConditionalTree()).extend(inner)
    for selector, trees in merged.values():
        plans = {key: _link(inner, address, known) for key, inner in trees.items()}
        plans = {key: inner for key, inner in plans.items() if not inner.is_empty()}
        if plans:
            needs = tuple(dict.fromkeys(_reads(selector, address)))
            plan.branches.append(Branch(compile_value(selector, lambda d: address[id(d)]), plans, needs))
    return plan


def compile_plan(roots: Mapping[str, Any]) -> tuple[Plan, dict[int, str], list[str]]:
    """SpaceAnalysis a space's expressions.

    Args:
        roots: Prefix of the addresses ("" for the network) to expression.

    Returns:
        The plan; the address of each decision by its `id`; texts that tell what was met, in order.

    Raises:
        SpaceError: When a decision stands where it cannot, or two have one address.
    """
    analysis = SpaceAnalysis(roots)
    addresses = analysis.addresses()
    return _link(analysis.tree, addresses, frozenset()), addresses, analysis.fingerprint
