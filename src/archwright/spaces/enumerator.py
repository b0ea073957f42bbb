"""All complete sets of values of a plan in order, from any place on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from archwright.errors import UsageError
from archwright.spaces.decision import Decision
from archwright.spaces.plan import Plan

__all__ = ["Enumerator"]

_END = object()


class Enumerator(Iterator[dict[str, Any]]):
    """Every complete set of values, in lexicographic order of the decisions' own order; each a new dict.

    The last decision turns fastest. It holds one iterator per decision, so it needs no memory in proportion to what it
    lists, and begins after any given values at once.

    Args:
        plan: Says which decisions are active.
        wheel: The values of a decision, in order.
        after: The values to go on after; None begins with the first.

    Raises:
        UsageError: When a value of `after` is missing or not on its wheel.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        wheel: Callable[[Decision], Iterator[Any]] = lambda decision: decision.values(),
        after: Mapping[str, Any] | None = None,
    ) -> None:
        self._plan, self._wheel = plan, wheel
        self._wheels: list[tuple[str, Iterator[Any]]] = []
        self._values: dict[str, Any] = {}
        self._started = after is not None
        if after is not None:
            self._turn_to(after)

    def __next__(self) -> dict[str, Any]:
        """The next values.

        Raises:
            SpaceError: When a wheel cannot be made, as that of all values of a real.
        """
        if not self._started:
            self._started = True
            return self._filled({})
        while self._wheels:
            address, wheel = self._wheels.pop()
            value = next(wheel, _END)
            if value is not _END:
                kept = {earlier: self._values[earlier] for earlier, _ in self._wheels}
                self._wheels.append((address, wheel))
                return self._filled({**kept, address: value})
        raise StopIteration

    def _filled(self, values: dict[str, Any]) -> dict[str, Any]:
        """With the first value of each active decision that has none."""
        return self._complete(values, lambda _, wheel: next(wheel))

    def _turn_to(self, given: Mapping[str, Any]) -> None:
        def same(address: str, wheel: Iterator[Any]) -> Any:
            if address in given and given[address] in wheel:
                return given[address]
            raise UsageError(
                f"expected an architecture of this grid to go on after, but {address!r} is "
                f"{given.get(address)!r}; use the space and resolution that the grid was begun with"
            )

        self._complete({}, same)

    def _complete(
        self, values: dict[str, Any], choose: Callable[[str, Iterator[Any]], Any]
    ) -> dict[str, Any]:
        def decide(address: str, decision: Decision) -> Any:
            self._wheels.append((address, self._wheel(decision)))
            return choose(*self._wheels[-1])

        self._plan.complete(values, decide)
        self._values = values
        return values
