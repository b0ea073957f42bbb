"""All architectures of a space in order, from any place on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archwright.errors import SpaceError, UsageError
from archwright.spaces import Architecture, Decision, Real, Space
from archwright.spaces.plan import compile_plan
from archwright.spaces.rules import Rules

__all__ = ["Listing"]

_REFUSED = 1_000_000
_END = object()


class Listing(Iterator[Architecture]):
    """The architectures of a space, in the order of `Space.__iter__`, spellings of one network not joined.

    An odometer: the last decision turns fastest. It holds one iterator a decision, so it needs no memory in
    proportion to the space, and begins after any given architecture at once.

    Args:
        space: The space.
        resolution: At how many points to take a real: evenly spaced on its own scale (logarithmic where it is
            logarithmic), both ends included; a single point is the middle. None allows no reals.
        after: The architecture to go on after; None begins with the first.

    Raises:
        UsageError: When `after` is not on the grid.
    """

    def __init__(
        self, space: Space, *, resolution: int | None = None, after: Mapping[str, Any] | None = None
    ) -> None:
        self._resolution = resolution
        self._rules = Rules(space.constraints, space.canonicalize)
        self._plan, _, _ = compile_plan({"": space.network, "training": space.training})
        self._wheels: list[tuple[str, Iterator[Any]]] = []
        self._values: dict[str, Any] = {}
        self._started = after is not None
        if after is not None:
            self._turn_to(after)

    def __next__(self) -> Architecture:
        """The next architecture that keeps the constraints.

        Raises:
            SpaceError: When the constraints refuse 1,000,000 in a row or fail, or a real has no resolution.
        """
        for _ in range(_REFUSED):
            if not self._advance():
                raise StopIteration
            architecture = Architecture(self._values)
            if self._rules.allow(architecture):
                return architecture
        raise SpaceError(
            f"the constraints refused {_REFUSED:,} architectures in a row while the space was listed; loosen "
            "them, or state them as decisions"
        )

    def _advance(self) -> bool:
        """Turn to the next combination of values; False after the last."""
        if not self._started:
            self._started = True
            self._fill({})
            return True
        while self._wheels:
            address, wheel = self._wheels.pop()
            value = next(wheel, _END)
            if value is not _END:
                kept = {earlier: self._values[earlier] for earlier, _ in self._wheels}
                self._wheels.append((address, wheel))
                self._fill({**kept, address: value})
                return True
        return False

    def _fill(self, values: dict[str, Any]) -> None:
        """Add the first value of each active decision that has none."""

        def first(address: str, decision: Decision) -> Any:
            wheel = self._wheel(decision)
            self._wheels.append((address, wheel))
            return next(wheel)

        self._plan.complete(values, first)
        self._values = values

    def _turn_to(self, given: Mapping[str, Any]) -> None:
        def same(address: str, decision: Decision) -> Any:
            wheel = self._wheel(decision)
            self._wheels.append((address, wheel))
            if address in given and given[address] in wheel:
                return given[address]
            raise UsageError(
                f"expected an architecture of this grid to go on after, but {address!r} is "
                f"{given.get(address)!r}; use the space and resolution that the grid was begun with"
            )

        self._plan.complete(self._values, same)

    def _wheel(self, decision: Decision) -> Iterator[Any]:
        if not isinstance(decision, Real) or self._resolution is None:
            return decision.values()
        last = self._resolution - 1
        units = [i / last for i in range(self._resolution)] if last else [0.5]
        return iter(dict.fromkeys(decision.decode((unit,)) for unit in units))
