"""What a language model is told of a search, and how its answer becomes an architecture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archwright.errors import SpaceError, did_you_mean
from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture, Categorical, Decision, Space
from archwright.spaces.plan import Plan

__all__ = ["described_objectives", "described_space", "instructions", "read_architecture"]

instructions = (
    "You propose neural network architectures for a search. An architecture is one JSON object that gives a value to "
    "each decision that is active; decisions that depend on another are given only where they are active. You are "
    "shown the decisions and what earlier architectures scored. Answer with one JSON object alone."
)


def described_space(space: Space) -> str:
    """The decisions, a line each: its address, what it may be, and where it is active."""
    where = dict(_conditions(space.plan, space.decisions))
    lines = []
    for address, decision in space.decisions.items():
        only = f" ({where[address]})" if address in where else ""
        lines.append(f"{json.dumps(address)}: {_told(decision)}{only}")
    return "\n".join(lines)


def _told(decision: Decision) -> str:
    facts = {name: fact for name, fact in decision.describe().items() if name not in ("default", "prior")}
    return json.dumps(facts)


def _conditions(plan: Plan, decisions: Mapping[str, Decision]) -> Iterator[tuple[str, str]]:
    """The address of each decision that is not always active, and when it is."""
    for branch in plan.branches:
        needed = [address for address, _ in branch.needs]
        for key, inner in branch.plans.items():
            selector = decisions.get(needed[0]) if len(needed) == 1 else None
            if isinstance(selector, Categorical) and key in selector.labels:
                told = f"only where {json.dumps(needed[0])} is {json.dumps(key)}"
            else:
                told = f"only for some values of {', '.join(map(json.dumps, needed))}"
            for address in inner.decisions:
                if address not in plan.decisions:
                    yield address, told
            yield from _conditions(inner, decisions)


def described_objectives(objectives: Sequence[Objective]) -> str:
    """What is better, and what is not allowed."""
    parts = []
    for objective in objectives:
        larger = objective.direction is Direction.MAXIMIZE
        if objective.limit is not None:
            parts.append(
                f"{objective.name} must be {'at least' if larger else 'at most'} {objective.limit:g}"
            )
        else:
            parts.append(f"{objective.name}: the {'larger' if larger else 'smaller'}, the better")
    return "; ".join(parts)


def read_architecture(text: str, space: Space) -> Architecture:
    """The architecture in an answer.

    The first JSON object in the text counts, alone or under "architecture". Values for decisions that are not active
    are left out, as the canonical form has it.

    Raises:
        SpaceError: When there is no JSON object, an address is unknown, a value is missing or cannot be, or a
            constraint does not hold.
    """
    found = _first_object(text)
    if found is None:
        raise SpaceError("expected one JSON object of decisions and values, found none in the answer")
    if isinstance(found.get("architecture"), dict):
        found = found["architecture"]
    for address in found:
        if address not in space.decisions:
            raise SpaceError(
                f"no decision has the address {address!r}.{did_you_mean(address, space.decisions)}"
            )

    def given(address: str, decision: Decision) -> Any:
        if address not in found:
            raise SpaceError(f"the decision {address!r} is active but has no value; it is {decision!r}")
        try:
            return decision.coerce(found[address])
        except ValueError:
            raise SpaceError(f"{address!r} cannot be {found[address]!r}; it is {decision!r}") from None

    return space.architecture(space.complete(given))


def _first_object(text: str) -> dict[str, Any] | None:
    decoder = json.JSONDecoder()
    begin = text.find("{")
    while begin >= 0:
        try:
            found, _ = decoder.raw_decode(text, begin)
        except RecursionError:
            return None
        except ValueError:
            begin = text.find("{", begin + 1)
            continue
        return found if isinstance(found, dict) else None
    return None
