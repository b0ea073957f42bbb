"""All architectures of a space in order, from any place on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces import Architecture, Decision, Real, Space
from archwright.spaces.odometer import Odometer
from archwright.spaces.rules import Rules

__all__ = ["Listing"]

_REFUSED = 1_000_000


class Listing(Iterator[Architecture]):
    """The architectures of a space, in the order of `Space.__iter__`, spellings of one network not joined.

    An `Odometer`: it needs no memory in proportion to the space, and begins after any given architecture at once.

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
        self._odometer = Odometer(space.plan, wheel=self._wheel, after=after)

    def __next__(self) -> Architecture:
        """The next architecture that keeps the constraints.

        Raises:
            SpaceError: When the constraints refuse 1,000,000 in a row or fail, or a real has no resolution.
        """
        refused = 0
        for values in itertools.islice(self._odometer, _REFUSED):
            architecture = Architecture(values)
            if self._rules.allow(architecture):
                return architecture
            refused += 1
        if refused < _REFUSED:
            raise StopIteration
        raise SpaceError(
            f"the constraints refused {_REFUSED:,} architectures in a row while the space was listed; loosen "
            "them, or state them as decisions"
        )

    def _wheel(self, decision: Decision) -> Iterator[Any]:
        if not isinstance(decision, Real) or self._resolution is None:
            return decision.values()
        last = self._resolution - 1
        units = [i / last for i in range(self._resolution)] if last else [0.5]
        return iter(dict.fromkeys(decision.decode((unit,)) for unit in units))
