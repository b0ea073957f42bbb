"""Gates: what each decision of a supernet is set to while it runs.

A gate is one value (one path), or a mixture: a weight for each value, of which some or all are computed. Methods
supply gates; the modules of a supernet read them by the decision's address.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces import Decision, Space
from archwright.spaces.expression import Arithmetic, Expression

__all__ = ["Gate", "Gates", "Mixture", "OnePath", "Selector", "Weighed", "combinations"]


@dataclass(frozen=True, slots=True)
class OnePath:
    """The decision takes one value, and nothing else is computed.

    Args:
        value: One that the decision can take.
    """

    value: Any


@dataclass(frozen=True, eq=False)
class Mixture:
    """The decision takes several values at once, each with a weight.

    Args:
        weights: One number a value, in the decision's order, shape (values,); for a subset one number an item,
            shape (items,). Gradients flow through them. None counts each that is computed in full.
        computed: Positions of the values (or items) that are computed; the others contribute nothing.
    """

    weights: Tensor | None
    computed: tuple[int, ...]

    def detached(self) -> Mixture:
        """The same mixture, through which no gradient flows."""
        return self if self.weights is None else Mixture(self.weights.detach(), self.computed)

    def weight(self, position: int) -> Tensor | None:
        """The weight of one value or item."""
        return None if self.weights is None else self._parts[position]

    @cached_property
    def _parts(self) -> tuple[Tensor, ...]:
        """The single weights, taken apart once for all places that read them."""
        return () if self.weights is None else self.weights.unbind(0)

    @classmethod
    def of_all(cls, weights: Tensor) -> Mixture:
        """All values are computed."""
        return cls(weights, tuple(range(len(weights))))


Gate = OnePath | Mixture

Weighed = list[tuple[Any, Tensor | None]]
"""What is computed, and the scalar that scales it; None where there is nothing to scale."""


class Gates:
    """The present gates of a supernet, shared by all its modules.

    Args:
        space: Its decisions can have gates.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._single = {a: d.default() for a, d in space.decisions.items() if d.size == 1}
        self.values: dict[str, Any] = dict(self._single)
        self.mixtures: dict[str, Mixture] = {}
        self.drops = True
        """Whether dropout is on in training."""

    def set(self, gates: Mapping[str, Gate]) -> None:
        """Replace all gates.

        Args:
            gates: Address to gate, for every decision that can be active under them; those that have one value only
                may be left out.

        Raises:
            SpaceError: When no decision has such an address, or something is no gate.
        """
        for address, gate in gates.items():
            if address not in self.space.decisions:
                raise SpaceError(
                    f"no decision has the address {address!r}, so it has no gate."
                    f"{did_you_mean(address, self.space.decisions)}"
                )
            if not isinstance(gate, OnePath | Mixture):
                raise SpaceError(
                    f"expected OnePath(value) or Mixture(weights, computed) as the gate of {address!r}, got {gate!r}; "
                    "an architecture made by space.architecture({...}) is taken as it is"
                )
        given = {a: gate.value for a, gate in gates.items() if isinstance(gate, OnePath)}
        self.values = {**self._single, **given}
        self.mixtures = {a: gate for a, gate in gates.items() if isinstance(gate, Mixture)}

    def get(self) -> dict[str, Gate]:
        """The present gates."""
        return {**{a: OnePath(value) for a, value in self.values.items()}, **self.mixtures}


class Selector:
    """What selects among the parts of a supernet at one place: a decision, or an expression over decisions.

    Args:
        expression: A decision, a condition or arithmetic.
        gates: The supernet's.
    """

    def __init__(self, expression: Any, gates: Gates) -> None:
        self.expression = expression
        self.gates = gates
        self._value: Callable[[Mapping[str, Any]], Any] = lambda values: expression
        self.reads: tuple[str, ...] = ()
        if isinstance(expression, Expression):
            self._value, self.reads = gates.space.reader(expression)
        self._listed: list[Any] | None = None
        is_decision = isinstance(expression, Decision) and not expression.several
        self._decision = self.reads[0] if is_decision else None
        self.item: int | None = None
        if isinstance(expression, Arithmetic) and expression.operation == "has":
            self.item = expression.operands[1]

    def mixed(self) -> list[str]:
        """The addresses it reads whose gates are mixtures."""
        return [address for address in self.reads if address in self.gates.mixtures]

    def value(self, values: Mapping[str, Any] | None = None) -> Any:
        """The selected value under one path.

        Args:
            values: Address to value; None means those of the gates.
        """
        values = self.gates.values if values is None else values
        try:
            return self._value(values)
        except KeyError:
            missing = next((address for address in self.reads if address not in values), None)
            if missing is None:
                raise
            raise SpaceError(
                f"the decision {missing!r} has no gate; the supernet's gates are set all at once: give one for every "
                "decision that can be active, as in {**gates, address: gate}"
            ) from None

    def weighed(self) -> Weighed:
        """The selected values, each with its weight.

        Raises:
            SpaceError: When a subset's mixture is asked for more than single items.
        """
        mixed = self.mixed()
        if not mixed:
            return [(self.value(), None)]
        if self._decision is not None:
            gate = self.gates.mixtures[self._decision]
            if self._listed is None:
                self._listed = list(self.gates.space.decisions[self._decision].values())
            return [(self._listed[position], gate.weight(position)) for position in gate.computed]
        if self.item is not None:
            gate = self.gates.mixtures[self.reads[0]]
            return [(True, gate.weight(self.item))] if self.item in gate.computed else [(False, None)]
        found: dict[Any, Tensor | None] = {}
        for values, weight in combinations(self.gates, mixed):
            key = self.value({**self.gates.values, **values})
            before = found.get(key)
            found[key] = weight if before is None or weight is None else before + weight
        return list(found.items())


def combinations(gates: Gates, mixed: list[str]) -> Iterator[tuple[dict[str, Any], Tensor | None]]:
    """Every combination of the computed values of some decisions, with the product of their weights.

    Raises:
        SpaceError: When one of the decisions is a subset.
    """
    wheels = []
    for address in mixed:
        decision, gate = gates.space.decisions[address], gates.mixtures[address]
        if decision.several:
            raise SpaceError(
                f"{address!r}: a mixture of a subset weighs its items, so the supernet can only use it as "
                "aw.when(subset.has(item), ...); decide each item by aw.boolean(), or use a one-path method"
            )
        values = list(decision.values())
        wheels.append([(values[position], gate.weight(position)) for position in gate.computed])
    for chosen in itertools.product(*wheels):
        weight = None
        for _, factor in chosen:
            weight = factor if weight is None or factor is None else weight * factor
        yield dict(zip(mixed, (value for value, _ in chosen), strict=True)), weight
