"""What has been proposed, and how to find what has not."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from random import Random
from typing import Any

from archwright.errors import SpaceError, SpaceExhaustedError
from archwright.spaces import SearchSpace

__all__ = ["ProposedSet"]

_DRAWS = 50
_DRAWS_OF_INFINITE = 10_000


class ProposedSet:
    """The points of a search space proposed so far, told apart by their canonical form.

    What `draw` returns depends on what was proposed and on the generator alone, so a state that holds the
    architectures is complete.

    Args:
        space: The space.
    """

    def __init__(self, space: SearchSpace[Any]) -> None:
        self.space = space
        self._canonical: set[Hashable] = set()
        self._active: dict[tuple[str, ...] | None, int] = {}
        self._values: list[list[Any]] = []
        self._unwritten: list[Any] = []
        self._rest: Iterator[Any] | None = None

    def __len__(self) -> int:
        return len(self._canonical)

    def __contains__(self, architecture: Any) -> bool:
        return self.space.canonical(architecture) in self._canonical

    def add(self, architecture: Any) -> bool:
        """Note an architecture; whether it was new."""
        canonical = self.space.canonical(architecture)
        if canonical in self._canonical:
            return False
        self._canonical.add(canonical)
        self._unwritten.append(architecture)
        return True

    def draw(self, random: Random) -> Any:
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
                self._rest = iter(self.space)
            for architecture in self._rest:
                if self.add(architecture):
                    return architecture
            if refused is not None and not len(self):
                raise refused
            found = f"every architecture of the space has been proposed ({len(self):,} in all)"
        else:
            found = (
                f"{_DRAWS_OF_INFINITE:,} random architectures in a row were spellings of the {len(self):,} "
                "that have been proposed"
            )
        raise SpaceExhaustedError(f"{found}; to go on, search a larger space")

    def to_json(self) -> dict[str, Any]:
        """The architectures in the order in which they came, in JSON's own types.

        Returns:
            "addresses": each list of active addresses that occurs, None for points that are no dicts; "values": for
            each the position of its list there, followed by its values. Addresses are long and many: written
            once, they leave a third of the text.
        """
        for architecture in self._unwritten:
            data = self.space.to_json(architecture)
            addresses, values = (tuple(data), data.values()) if isinstance(data, dict) else (None, [data])
            self._values.append([self._active.setdefault(addresses, len(self._active)), *values])
        self._unwritten.clear()
        listed = [addresses if addresses is None else list(addresses) for addresses in self._active]
        return {"addresses": listed, "values": list(self._values)}

    def load_json(self, data: Mapping[str, Any]) -> list[Any]:
        """Forget everything and take over what `to_json` gave. Returns the architectures."""
        self._rest = None
        self._unwritten.clear()
        self._active = {a if a is None else tuple(a): i for i, a in enumerate(data["addresses"])}
        self._values = list(data["values"])
        found = []
        for which, *values in self._values:
            addresses = data["addresses"][which]
            written = values[0] if addresses is None else dict(zip(addresses, values, strict=True))
            found.append(self.space.from_json(written))
        self._canonical = set(map(self.space.canonical, found))
        return found
