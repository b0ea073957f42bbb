"""The decision for a subset."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from archwright.spaces.decision import UNSET, Decision, Relaxed
from archwright.spaces.expression import Arithmetic, plain, whole
from archwright.spaces.priors import ItemChances, Prior

__all__ = ["Subset"]


class Subset(Decision):
    """A decision for a subset of the items 0 ... n-1; ask for one with `.has(item)`.

    Args:
        n: How many items there are.
        k: How many are taken: exactly k, or (fewest, most); None allows any number.
        name: Its address, or the last part of it.
        default: The items that it takes in `Space.default`; the first ones, as few as are allowed, when left out.
        prior: The chance of each item, given that as many are in as are allowed; None means that each subset is
            equally likely.

    Raises:
        SpaceError: When n < 1 or k does not fit n; when the default is no such subset, or the prior allows none.
    """

    __slots__ = ("_up_to", "high", "low", "n")
    several = True

    def __init__(
        self,
        n: int,
        k: int | tuple[int, int] | None = None,
        *,
        name: str | None = None,
        default: Any = UNSET,
        prior: Sequence[float] | None = None,
    ) -> None:
        super().__init__(name)
        items = whole(n)
        if items is None or items < 1:
            raise self.error(f"expected n >= 1 items, got {n!r}")
        ends = (0, items) if k is None else k if isinstance(k, tuple | list) else (k, k)
        low, high = map(whole, ends) if len(ends) == 2 else (None, None)
        if low is None or high is None or not 0 <= low <= high <= items:
            raise self.error(
                f"expected k, or (fewest, most), with 0 <= fewest <= most <= n={items}, got {k!r}"
            )
        self.n, self.low, self.high = items, low, high
        self.size = sum(self._ways())
        # Where at least a quarter of all subsets is allowed, drawing any until one fits needs no table.
        is_most = low < high and 4 * self.size >= 2**items
        self._up_to = None if is_most else list(itertools.accumulate(self._ways()))
        self.columns = items
        self.expect(default, prior)

    def _ways(self) -> Iterator[int]:
        """How many subsets there are of each allowed number of items, the fewest first."""
        ways = math.comb(self.n, self.low)
        for count in range(self.low, self.high + 1):
            yield ways
            ways = ways * (self.n - count) // (count + 1)

    @property
    def numeric(self) -> bool:
        """False: a set is no number; `has` gives a condition."""
        return False

    def has(self, item: int) -> Arithmetic:
        """A condition: true where the item (0 to n-1) is in the subset.

        Raises:
            SpaceError: When no such item exists.
        """
        index = whole(item)
        if index is None or not 0 <= index < self.n:
            raise self.error(f"expected an item from 0 to {self.n - 1}, got {item!r}")
        return Arithmetic("has", self, index)

    def coerce(self, value: Any) -> tuple[int, ...]:
        """The items as a sorted tuple."""
        value = plain(value)
        if not isinstance(value, tuple | list | set | frozenset):
            raise ValueError(f"expected a tuple of items, got {value!r}")
        items = [whole(item) for item in value]
        found = sorted({item for item in items if item is not None and 0 <= item < self.n})
        if len(found) < len(items) or not self.low <= len(found) <= self.high:
            raise ValueError(f"expected different items from 0 to {self.n - 1}, got {value!r}")
        return tuple(found)

    def make_prior(self, prior: Any) -> Prior:
        """One chance per item."""
        return ItemChances(prior, self.n, self.low, self.high)

    def uniform(self, random: Random) -> tuple[int, ...]:
        """A subset, each equally likely."""
        if self._up_to is not None:
            count = self.low
            if self.low < self.high:
                count += bisect.bisect_right(self._up_to, random.randrange(self._up_to[-1]))
            return tuple(sorted(random.sample(range(self.n), count)))
        while True:
            bits = random.getrandbits(self.n)
            if self.low <= bits.bit_count() <= self.high:
                return tuple(i for i, bit in enumerate(reversed(f"{bits:b}")) if bit == "1")

    def values(self) -> Iterator[tuple[int, ...]]:
        """All subsets, the smaller ones first."""
        for count in range(self.low, self.high + 1):
            yield from itertools.combinations(range(self.n), count)

    def relaxed(self) -> Relaxed:
        """Each item carries a weight."""
        return Relaxed(range(self.n), self.low, self.high, several=True)

    def neighbors(self, value: Any) -> list[tuple[int, ...]]:
        """One item removed, added or exchanged."""
        inside, outside = list(value), sorted(set(range(self.n)).difference(value))
        found = []
        if len(inside) > self.low:
            found += [tuple(i for i in inside if i != gone) for gone in inside]
        if len(inside) < self.high:
            found += [tuple(sorted([*inside, new])) for new in outside]
        found += [tuple(sorted([*(i for i in inside if i != a), b])) for a in inside for b in outside]
        return found

    def mutate(self, value: Any, random: Random) -> tuple[int, ...]:
        """One of the neighbours, each equally likely."""
        inside = set(value)
        outside = [i for i in range(self.n) if i not in inside]
        removals = len(value) if len(value) > self.low else 0
        additions = len(outside) if len(value) < self.high else 0
        move = int(random.random() * (removals + additions + len(value) * len(outside)))
        if move < removals:
            inside.remove(value[move])
        elif move < removals + additions:
            inside.add(outside[move - removals])
        else:
            gone, new = divmod(move - removals - additions, len(outside))
            inside.remove(value[gone])
            inside.add(outside[new])
        return tuple(sorted(inside))

    def encode(self, value: Any) -> Sequence[float]:
        """One number per item: 1 where it is in the subset, else 0."""
        inside = set(value)
        return [float(i in inside) for i in range(self.n)]

    def decode(self, numbers: Sequence[float]) -> tuple[int, ...]:
        """The items with the largest numbers: as many as are at least 0.5, within the bounds."""
        ranked = sorted(range(self.n), key=lambda i: -numbers[i])
        count = min(self.high, max(self.low, sum(number >= 0.5 for number in numbers)))
        return tuple(sorted(ranked[:count]))

    def describe(self) -> dict[str, Any]:
        """Kind, number of items, fewest and most."""
        return {"kind": "subset", "n": self.n, "fewest": self.low, "most": self.high, **self.expected()}

    def __repr__(self) -> str:
        return f"subset({self.n}, {self.low if self.low == self.high else (self.low, self.high)})"
