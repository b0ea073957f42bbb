"""How architectures are drawn and varied, on a compiled plan."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from random import Random
from typing import Any

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.architecture import Architecture
from archwright.spaces.constraints import SpaceConstraints
from archwright.spaces.decision import Decision
from archwright.spaces.plan import Plan

__all__ = ["Variation"]

_TRIES = 10_000
_REPEATS = 20
"""Of a set of refused mutants, for each of them: after so many draws in a row from it, others are not expected."""


class Variation:
    """Draws and varies architectures; `Space` adds counting, codes and networks."""

    plan: Plan
    """Which decisions are active when."""
    decisions: dict[str, Decision]
    """Address to decision, all of them, in the order of the encoding."""

    def _prepare(self, plan: Plan, constraints: SpaceConstraints) -> None:
        self.plan, self._constraints = plan, constraints
        self.decisions = plan.all_decisions()
        # What others are active depends on these alone.
        self._steering = {read[0] for branch in plan.branches for read in branch.reads}
        self._varying = {address for address, decision in self.decisions.items() if decision.varies}

    def complete(self, decide: Callable[[str, Decision], Any]) -> Architecture:
        """The architecture whose active decisions a function makes, in the order in which they become active.

        Args:
            decide: From an address and its decision to one of its values, in its own form; neither the value nor the
                constraints are checked.
        """
        values: dict[str, Any] = {}
        self.plan.complete(values, decide)
        return Architecture._adopt(values)

    def _restored(self, wanted: dict[str, Any], random: Random | None) -> Architecture:
        """The architecture with the wanted values where active; the rest drawn, or the default."""
        if not self._steering and len(wanted) == len(self.decisions):
            return Architecture._adopt(wanted)

        def decide(address: str, decision: Decision) -> Any:
            if address in wanted:
                return wanted[address]
            return decision.default() if random is None else decision.sample(random)

        return self.complete(decide)

    def _check_addresses(self, values: Mapping[str, Any]) -> None:
        """Raise a SpaceError when an address is none of the space."""
        if not values.keys() <= self.decisions.keys():
            odd = next(address for address in values if address not in self.decisions)
            raise SpaceError(f"no decision has the address {odd!r}.{did_you_mean(str(odd), self.decisions)}")

    def validate(self, values: Mapping[str, Any]) -> Architecture:
        """As `architecture`, without asking the constraints.

        Raises:
            SpaceError: As `architecture`.
        """
        if not isinstance(values, Mapping):
            raise SpaceError(f"expected an architecture, or a dict of address to value, got {values!r}")
        self._check_addresses(values)

        def given(address: str, decision: Decision) -> Any:
            if address not in values:
                raise SpaceError(f"the decision {address!r} is active but has no value; it is {decision!r}")
            try:
                return decision.coerce(values[address])
            except ValueError:
                raise SpaceError(f"{address!r} cannot be {values[address]!r}; it is {decision!r}") from None

        made = self.complete(given)
        if extra := [address for address in values if address not in made]:
            raise SpaceError(
                f"the decision {extra[0]!r} is not active in this architecture, since another decision "
                "leaves out the part where it stands; remove it"
            )
        return made

    def _holdable(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values that decisions can be held at, in the decisions' own form."""
        self._check_addresses(values)
        held = {}
        for address, value in values.items():
            try:
                held[address] = self.decisions[address].coerce(value)
            except ValueError as error:
                raise SpaceError(f"{address!r} cannot be held at {value!r}: {error}") from None
        known = {
            address: decision.default() for address, decision in self.decisions.items() if decision.size == 1
        }
        reached = self.plan.reachable({**known, **held})
        if lost := [address for address in held if address not in reached]:
            raise SpaceError(
                f"{lost[0]!r} cannot be held at {held[lost[0]]!r}: it is never active with "
                f"{', '.join(f'{a}={v!r}' for a, v in held.items() if a in reached)}; leave it out"
            )
        return held

    def sample(self, random: Random | int | None = None) -> Architecture:
        """A random architecture: every active decision is drawn on its own, from its prior, else uniformly.

        Args:
            random: A generator, a seed, or None for one seeded by the system.

        Raises:
            SpaceError: When the constraints refuse 10,000 samples in a row.
        """
        random = _generator(random)

        def draw(_: str, decision: Decision) -> Any:  # as `decision.sample`, with one call less
            return decision.uniform(random) if decision.prior is None else decision.prior.sample(random)

        for _ in range(_TRIES):
            architecture = self.complete(draw)
            if self._constraints.allow(architecture):
                return architecture
        raise SpaceError(
            f"the constraints {', '.join(map(repr, self._constraints.names))} refused {_TRIES:,} random architectures "
            "in a row; loosen them, or state them as decisions"
        )

    def mutate(self, architecture: Architecture, random: Random | int | None = None) -> Architecture:
        """The architecture with one active decision changed to a random other value.

        Decisions that become active are drawn; those that become inactive are dropped. The result differs
        from the argument in the canonical form.

        Raises:
            SpaceError: When nothing can change: the constraints refuse all mutants of 10,000 tries, or of fewer where
                these repeat themselves, and all neighbors, or no active decision has a second value.
        """
        random = _generator(random)
        values, canonical = architecture._values, self._constraints.canonical
        self._check_addresses(values)
        addresses = [address for address in values if address in self._varying]
        if not addresses:
            raise SpaceError("this architecture cannot be mutated: no active decision has a second value")
        own, refused, repeats = canonical(architecture), set[Architecture](), 0
        for _ in range(_TRIES):
            address = addresses[int(random.random() * len(addresses))]
            changed = self.decisions[address].mutate(values[address], random)
            mutant = self._changed(architecture, address, changed, random)
            if mutant in refused:
                repeats += 1
                if repeats > _REPEATS * (len(refused) + 5):  # most likely there are no others
                    break
                continue
            if canonical(mutant) != own and self._constraints.allow(mutant):
                return mutant
            refused.add(mutant)
            repeats = 0
        if others := self.neighbors(architecture):
            # A decision's own mutation may not lead out of a network where a neighbor does.
            return others[int(random.random() * len(others))]
        raise SpaceError(
            "this architecture cannot be mutated: the constraints refuse all mutants and neighbors that were tried "
            f"({len(refused):,}), or these are the same network; loosen the constraints"
        )

    def crossover(
        self, first: Architecture, second: Architecture, random: Random | int | None = None
    ) -> Architecture:
        """A child that takes each active decision from either parent with equal chance (uniform crossover).

        Of a derivation of a grammar it takes parts from both. A decision that only one parent has comes from it; one
        that neither has is drawn.

        Raises:
            SpaceError: When the constraints refuse 10,000 children in a row.
        """
        random = _generator(random)
        self._check_addresses(first._values)
        self._check_addresses(second._values)
        for _ in range(_TRIES):
            wanted = dict(second._values)
            for address, value in first._values.items():
                if address in wanted:
                    value = self.decisions[address].crossover(value, wanted[address], random)
                wanted[address] = value
            if self._constraints.allow(child := self._restored(wanted, random)):
                return child
        raise SpaceError(f"{_TRIES:,} children in a row were refused by the constraints; loosen them")

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All architectures that differ in one decision, in a fixed order, each canonical form once.

        Integers move by one step, reals by a tenth of their scale, subsets by one item added, removed or
        exchanged, all others to each other value. A decision that becomes active takes its default.
        """
        self._check_addresses(architecture._values)
        found: dict[Hashable, Architecture] = {}
        own = self._constraints.canonical(architecture)
        for address, value in architecture.items():
            for changed in self.decisions[address].neighbors(value):
                neighbor = self._changed(architecture, address, changed, None)
                canonical = self._constraints.canonical(neighbor)
                if canonical != own and canonical not in found and self._constraints.allow(neighbor):
                    found[canonical] = neighbor
        return list(found.values())

    def _changed(self, old: Architecture, address: str, value: Any, random: Random | None) -> Architecture:
        values = {**old._values, address: value}
        return self._restored(values, random) if address in self._steering else Architecture._adopt(values)


def _generator(random: Random | int | None) -> Random:
    return random if isinstance(random, Random) else Random(random)
