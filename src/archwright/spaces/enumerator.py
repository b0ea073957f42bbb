"""All complete sets of values of a plan in order, from any place on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from archwright.errors import UsageError
from archwright.spaces.decision import Decision
from archwright.spaces.plan import Plan

__all__ = ["enumerate_plan"]

_END = object()


def enumerate_plan(
    plan: Plan,
    *,
    wheel: Callable[[Decision], Iterator[Any]] = lambda decision: decision.values(),
    after: Mapping[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Every complete set of values, in lexicographic order of the decisions' own order; each a new dict.

    The last decision turns fastest. It holds one iterator per decision, so it needs no memory in proportion to what it
    lists, and begins after any given values at once.

    Args:
        plan: Says which decisions are active.
        wheel: The values of a decision, in order.
        after: The values to go on after; None begins with the first.

    Raises:
        UsageError: When a value of `after` is missing or not on its wheel.
        SpaceError: On the way, when a wheel cannot be made, as that of all values of a real.
    """
    wheels: list[tuple[str, Iterator[Any]]] = []

    def complete(
        values: dict[str, Any], choose: Callable[[str, Iterator[Any]], Any] = lambda _, turning: next(turning)
    ) -> dict[str, Any]:
        """With a value of each active decision that has none, by default its first."""

        def decide(address: str, decision: Decision) -> Any:
            wheels.append((address, wheel(decision)))
            return choose(*wheels[-1])

        plan.complete(values, decide)
        return values

    def given(address: str, turning: Iterator[Any]) -> Any:
        assert after is not None
        if address in after and after[address] in turning:
            return after[address]
        raise UsageError(
            f"expected an architecture of this grid to go on after, but {address!r} is {after.get(address)!r}; use the "
            "space and resolution that the grid was begun with"
        )

    def following(values: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
        if values is None:
            yield (values := complete({}))
        while wheels:
            address, turning = wheels.pop()
            if (value := next(turning, _END)) is not _END:
                kept = {earlier: values[earlier] for earlier, _ in wheels}
                wheels.append((address, turning))
                yield (values := complete({**kept, address: value}))

    return following(None if after is None else complete({}, given))
