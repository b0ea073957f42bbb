"""Prior distributions of decisions, which `sample` draws from."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import NormalDist
from typing import Any

__all__ = ["ItemChances", "Normal", "Prior", "TruncatedNormal", "Weights", "normal"]


class Prior(ABC):
    """A distribution over the values of one decision."""

    @abstractmethod
    def sample(self, random: Random) -> Any:
        """A value."""

    @abstractmethod
    def density(self, value: Any, place: float) -> float:
        """How likely a value is: its probability; of a real the density on its scale from 0 to 1.

        Args:
            value: A value of the decision.
            place: Its place on the scale, where there is one.
        """

    @abstractmethod
    def describe(self) -> Any:
        """Parameters in JSON's types, for the digest."""


@dataclass(frozen=True, slots=True)
class Normal:
    """A prior for a number: most likely near its mean, cut off at the ends of the decision.

    Args:
        mean: A value of the decision.
        deviation: Standard deviation, more than 0, in the decision's own unit; for a real on a logarithmic scale that
            of the natural logarithm, so that 0.7 is about a factor of 2.
    """

    mean: float
    deviation: float


normal = Normal
"""A prior for a number. See `Normal`."""


class Weights(Prior):
    """Each value in proportion to its weight.

    Args:
        values: All values, in order.
        weights: One number per value, or value to number; at least 0, and not all 0.

    Raises:
        ValueError: When the weights do not fit the values.
    """

    def __init__(self, values: Sequence[Any], weights: Mapping[Any, float] | Sequence[float]) -> None:
        if isinstance(weights, Mapping):
            if unknown := [value for value in weights if value not in values]:
                raise ValueError(f"a weight for {unknown[0]!r}, which is none of its values")
            weights = [weights.get(value, 0.0) for value in values]
        self.values, self.weights = values, _numbers(weights, len(values))
        if min(self.weights) < 0 or not 0 < sum(self.weights) < math.inf:
            raise ValueError(f"expected weights of at least 0, and not all 0, got {weights!r}")
        self._up_to = list(itertools.accumulate(self.weights))

    def sample(self, random: Random) -> Any:
        """A value."""
        return self.values[bisect(self._up_to, random.random() * self._up_to[-1], hi=len(self.values) - 1)]

    def density(self, value: Any, place: float) -> float:
        """Its share of the weights."""
        return self.weights[list(self.values).index(value)] / self._up_to[-1]

    def describe(self) -> list[float]:
        """The weights."""
        return self.weights


class TruncatedNormal(Prior):
    """A normal distribution on a scale from 0 to 1, cut off at its ends.

    Args:
        prior: What the user gave.
        decode: Gives the value at a place on the scale.
        mean: Its mean's place on the scale.
        deviation: Its deviation as a share of the scale.
        margin: How far beyond 0 and 1 a draw still counts as the end: half a step of a whole number.

    Raises:
        ValueError: When the deviation is not positive and finite.
    """

    def __init__(
        self,
        prior: Normal,
        decode: Callable[[Sequence[float]], Any],
        mean: float,
        deviation: float,
        margin: float = 0.0,
    ) -> None:
        if not 0.0 < deviation < math.inf:
            raise ValueError(f"expected a deviation > 0, got {prior.deviation!r}")
        self.prior, self._decode, self._normal = prior, decode, NormalDist(mean, deviation)
        self._low, self._high = self._normal.cdf(-margin), self._normal.cdf(1.0 + margin)
        self._margin = margin

    def sample(self, random: Random) -> Any:
        """The value at a place that is drawn."""
        chance = self._low + random.random() * (self._high - self._low)
        return self._decode((self._normal.inv_cdf(min(max(chance, 1e-300), 1.0 - 2.0**-53)),))

    def density(self, value: Any, place: float) -> float:
        """Of a whole number what falls to it, of a real the density."""
        if self._margin == 0.0:
            inside = self._normal.pdf(place)
        else:
            inside = self._normal.cdf(place + self._margin) - self._normal.cdf(place - self._margin)
        return inside / (self._high - self._low)

    def describe(self) -> list[Any]:
        """Its mean and deviation."""
        return ["normal", self.prior.mean, self.prior.deviation]


class ItemChances(Prior):
    """Each item of a subset on its own, given that the subset has an allowed number of items.

    Args:
        chances: One probability per item.
        n: How many items there are.
        fewest: How many a subset has at least.
        most: How many at most.

    Raises:
        ValueError: When the chances are no n probabilities, or allow no subset.
    """

    def __init__(self, chances: Sequence[float], n: int, fewest: int, most: int) -> None:
        self.chances = _numbers(chances, n)
        if not all(0.0 <= chance <= 1.0 for chance in self.chances):
            raise ValueError(f"expected a chance in [0, 1] for each item, got {chances!r}")
        # Position i, number k: the probability that the number of items is allowed when k of the first i are in.
        self._allowed = [[float(fewest <= k <= most) for k in range(n + 1)]]
        for chance in reversed(self.chances):
            after = self._allowed[-1]
            self._allowed.append(
                [(1 - chance) * without + chance * also for without, also in itertools.pairwise(after)]
            )
        self._allowed.reverse()
        if self._allowed[0][0] <= 0.0:
            raise ValueError(f"the chances {chances!r} allow no subset of {fewest} to {most} items")

    def sample(self, random: Random) -> tuple[int, ...]:
        """The items that are in."""
        found: list[int] = []
        for item, chance in enumerate(self.chances):
            count = len(found)
            inside = chance * self._allowed[item + 1][count + 1]
            if random.random() * self._allowed[item][count] < inside:
                found.append(item)
        return tuple(found)

    def density(self, value: Any, place: float) -> float:
        """The product over the items, given that the number of items is allowed."""
        inside = math.prod(chance if i in value else 1 - chance for i, chance in enumerate(self.chances))
        return inside / self._allowed[0][0]

    def describe(self) -> list[float]:
        """The chances."""
        return self.chances


def _numbers(given: Any, count: int) -> list[float]:
    try:
        numbers = [float(number) for number in given]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != count:
        raise ValueError(f"expected {count} numbers, got {given!r}")
    return numbers
