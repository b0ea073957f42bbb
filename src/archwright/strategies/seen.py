"""What has been proposed, and how to find what has not."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from random import Random
from typing import Any

from archwright.errors import SpaceError, SpaceExhaustedError
from archwright.spaces import Architecture, Space
from archwright.strategies.listing import Listing

__all__ = ["Seen"]

_DRAWS = 50
_DRAWS_OF_INFINITE = 10_000


class Seen:
    """The architectures proposed so far, told apart by their canonical form.

    What `draw` returns depends on what was proposed and on the generator alone, so a state that holds the
    architectures is complete.

    Args:
        space: The space.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._canonical: set[Hashable] = set()
        self._active: dict[tuple[str, ...], int] = {}
        self._values: list[list[Any]] = []
        self._unwritten: list[Architecture] = []
        self._rest: Listing | None = None

    def __len__(self) -> int:
        return len(self._canonical)

    def __contains__(self, architecture: Architecture) -> bool:
        return self.space.canonical(architecture) in self._canonical

    def add(self, architecture: Architecture) -> bool:
        """Note an architecture; whether it was new."""
        canonical = self.space.canonical(architecture)
        if canonical in self._canonical:
            return False
        self._canonical.add(canonical)
        self._unwritten.append(architecture)
        return True

    def draw(self, random: Random) -> Architecture:
        """A random architecture that was not proposed before, which is noted as proposed.

        When 50 samples in a row are known (the space is nearly used up, or its samples are very uneven), it
        is the first new one in the order of the space's listing instead, so that the last ones are found too.

        Raises:
            SpaceExhaustedError: When there is none. Where the space is infinite and so cannot be listed: when
                10,000 samples in a row are known.
            SpaceError: When the constraints leave nothing to be found.
        """
        listable = self.space.size_bound != math.inf
        refused: SpaceError | None = None
        try:
            for _ in range(_DRAWS if listable else _DRAWS_OF_INFINITE):
                architecture = self.space.sample(random)
                if self.add(architecture):
                    return architecture
        except SpaceError as error:
            refused = error
            if not listable:
                raise
        if listable:
            if self._rest is None:
                self._rest = Listing(self.space)
            for architecture in self._rest:
                if self.add(architecture):
                    return architecture
            if refused is not None and not len(self):
                raise refused
            found = f"all {len(self):,} architectures of the space have been proposed"
        else:
            found = (
                f"{_DRAWS_OF_INFINITE:,} random architectures in a row were spellings of the {len(self):,} "
                "that have been proposed"
            )
        raise SpaceExhaustedError(f"{found}; to go on, search a larger space")

    def to_json(self) -> dict[str, Any]:
        """The architectures in the order in which they came, in JSON's own types.

        Returns:
            "addresses": each list of active addresses that occurs; "values": for each architecture the
            position of its list there, followed by its values. Addresses are long and many: written once,
            they leave a third of the text.
        """
        for architecture in self._unwritten:
            data = architecture.to_json()
            self._values.append([self._active.setdefault(tuple(data), len(self._active)), *data.values()])
        self._unwritten.clear()
        return {"addresses": [list(addresses) for addresses in self._active], "values": list(self._values)}

    def load_json(self, data: Mapping[str, Any]) -> None:
        """Forget everything and take over what `to_json` gave."""
        self._rest = None
        self._unwritten.clear()
        self._active = {tuple(addresses): i for i, addresses in enumerate(data["addresses"])}
        self._values = list(data["values"])
        self._canonical = set()
        for which, *values in self._values:
            architecture = Architecture.from_json(dict(zip(data["addresses"][which], values, strict=True)))
            self._canonical.add(self.space.canonical(architecture))
