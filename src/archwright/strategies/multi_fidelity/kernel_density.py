"""The sampler of BOHB: kernel densities of good and bad configurations on the largest fidelity that has enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import Architecture, Space
from archwright.spaces.decision import Decision
from archwright.strategies.multi_fidelity.level_sampler import LevelSampler
from archwright.strategies.randomness import random_for
from archwright.trials import Candidate

__all__ = ["Dimensions", "KernelDensity", "KernelDensitySampler"]

_LEAST_BANDWIDTH = 1e-3
_LEAST_DENSITY = 1e-32

Matrix = NDArray[np.float64]


class Dimensions:
    """Architectures as rows of numbers: a place in [0, 1] for a number, an index for a label, 0 or 1 for an item.

    Args:
        space: The space. Decisions with one value have no number.

    Attributes:
        levels: For each number how many values it has; 0 for a place.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._free = {address: d for address, d in space.decisions.items() if d.size > 1}
        self._labels = {a: list(d.values()) for a, d in self._free.items() if not (d.ordered or d.several)}
        levels: list[int] = []
        for address, decision in self._free.items():
            levels += [2] * decision.columns if decision.several else [len(self._labels.get(address, ()))]
        self.levels = np.array(levels, dtype=int)

    def row(self, architecture: Architecture) -> list[float]:
        """Its numbers; NaN where a decision is not active."""
        numbers: list[float] = []
        for address, decision in self._free.items():
            count = decision.columns if decision.several else 1
            if address not in architecture:
                numbers += [math.nan] * count
            elif address in self._labels:
                numbers.append(float(self._labels[address].index(architecture[address])))
            else:
                numbers += decision.encode(architecture[address])
        return numbers

    def architecture(self, row: Sequence[float]) -> Architecture:
        """The architecture of a row; numbers of decisions that are not active in it are not looked at."""
        values: dict[str, Any] = {}
        place = 0
        for address, decision in self._free.items():
            count = decision.columns if decision.several else 1
            numbers = row[place : place + count]
            place += count
            labels = self._labels.get(address)
            values[address] = decision.decode(numbers) if labels is None else labels[int(numbers[0])]

        def decided(address: str, decision: Decision) -> Any:
            return values[address] if address in values else decision.default()

        return self.space.complete(decided)


@dataclass(frozen=True)
class KernelDensity:
    """A product of kernels around each row: Gaussians for places, Aitchison and Aitken's for labels.

    Args:
        data: Shape (rows, numbers).
        levels: As `Dimensions.levels`.
        bandwidths: Shape (numbers,).
    """

    data: Matrix
    levels: NDArray[np.int_]
    bandwidths: Matrix

    @classmethod
    def of(cls, data: Matrix, levels: NDArray[np.int_]) -> KernelDensity:
        """With bandwidths by the normal reference rule, 1.06 σ n^(-1 / (4 + d)), at least 10^-3.

        The bandwidth of a label is at most that of which all labels are equally likely.
        """
        rows, numbers = data.shape
        bandwidths = np.maximum(1.06 * data.std(axis=0) * rows ** (-1 / (4 + numbers)), _LEAST_BANDWIDTH)
        most = np.where(levels > 0, 1 - 1 / np.maximum(levels, 1), np.inf)
        return cls(data, levels, np.minimum(bandwidths, most))

    def density(self, rows: Matrix) -> Matrix:
        """The density at rows of shape (n, numbers); shape (n,)."""
        width = self.bandwidths
        difference = rows[:, None, :] - self.data[None, :, :]
        gauss = np.exp(-0.5 * (difference / width) ** 2) / (math.sqrt(2 * math.pi) * width)
        label = np.where(difference == 0.0, 1 - width, width / np.maximum(self.levels - 1, 1))
        made: Matrix = np.where(self.levels > 0, label, gauss).prod(axis=2).mean(axis=1)
        return made

    def draw(self, random: Random, factor: float) -> list[float]:
        """A row near one of the data: the bandwidth of places is widened by a factor."""
        row: list[float] = []
        for value, width, levels in zip(
            self.data[int(random.random() * len(self.data))], self.bandwidths, self.levels, strict=True
        ):
            if levels == 0:
                row.append(_truncated(random, float(value), factor * float(width)))
            else:
                keeps = random.random() < 1 - width
                row.append(float(value) if keeps else float(int(random.random() * levels)))
        return row


class KernelDensitySampler(LevelSampler):
    """Where good configurations are dense and bad ones are not (Falkner et al. 2018, arXiv:1807.01774; HpBandSter).

    Of the largest fidelity that has `min_points` good and as many bad trials, the best `top` and the rest have a kernel
    density each, l and g. Of `samples` rows drawn from l, with the bandwidth of numbers widened, the one with the
    largest l / g that is new is proposed. A share of the proposals is random, and so are all before there is a model.
    Numbers of decisions that are not active are filled in from other trials of the same group that have them. A failed
    trial is the worst.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        top: Share of the trials that are good, in (0, 1).
        samples: Rows among which the best is taken; at least 1.
        random_share: Share of the proposals that are random, in [0, 1].
        widening: How many times as wide the kernels of numbers are when drawn from.
        min_points: Good and bad trials for a model, each; None means one more than a row has numbers.

    Raises:
        UsageError: When an option is out of range.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        top: float = 0.15,
        samples: int = 64,
        random_share: float = 1 / 3,
        widening: float = 3.0,
        min_points: int | None = None,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if not 0 < top < 1 or not 0 <= random_share <= 1 or widening <= 0:
            raise UsageError(
                f"BOHB: expected 0 < top < 1, random_share from 0 to 1 and widening > 0, got {top}, {random_share} and "
                f"{widening}"
            )
        if samples < 1 or (min_points is not None and min_points < 2):
            raise UsageError(
                f"BOHB: expected samples >= 1 and min_points >= 2, got {samples} and {min_points}"
            )
        self.top, self.samples, self.random_share, self.widening = top, samples, random_share, widening
        self.dimensions = Dimensions(space)
        self.min_points = min_points or len(self.dimensions.levels) + 1

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        """The best of the samples, or a random architecture. See `Strategy.ask`."""
        random = random_for(self.seed, self.asked)
        architecture = self._modelled(random) if random.random() >= self.random_share else None
        if architecture is None:
            architecture = self.seen.draw(random)
        self.asked += 1
        return Candidate(architecture)

    def model(self, random: Random) -> tuple[KernelDensity, KernelDensity] | None:
        """The densities of good and bad; None where no fidelity has enough trials.

        Args:
            random: What fills in inactive decisions.
        """
        for fidelity in self.levels:
            told = self.ranked(fidelity)
            good = max(self.min_points, int(self.top * len(told)))
            if len(told) - good < self.min_points:
                continue
            rows = np.array([self.dimensions.row(architecture) for architecture, _ in told])
            levels = self.dimensions.levels
            groups = (_filled(rows[:good], levels, random), _filled(rows[good:], levels, random))
            return KernelDensity.of(groups[0], levels), KernelDensity.of(groups[1], levels)
        return None

    def _modelled(self, random: Random) -> Architecture | None:
        densities = self.model(random) if len(self.dimensions.levels) else None
        if densities is None:
            return None
        rows = [densities[0].draw(random, self.widening) for _ in range(self.samples)]
        likely, unlikely = (np.maximum(one.density(np.array(rows)), _LEAST_DENSITY) for one in densities)
        for i in np.argsort(-np.round(np.log(likely) - np.log(unlikely), 9), kind="stable"):
            architecture = self.dimensions.architecture(rows[int(i)])
            if self.space.contains(architecture) and self.seen.add(architecture):
                return architecture
        return None


def _filled(rows: Matrix, levels: NDArray[np.int_], random: Random) -> Matrix:
    """The rows with a number in the place of each NaN: that of another row, else a random one."""
    made = rows.copy()
    for column, count in enumerate(levels):
        known = rows[~np.isnan(rows[:, column]), column]
        for i in np.flatnonzero(np.isnan(rows[:, column])):
            if len(known):
                made[i, column] = known[int(random.random() * len(known))]
            else:
                made[i, column] = random.random() if count == 0 else int(random.random() * count)
    return made


def _truncated(random: Random, mean: float, deviation: float) -> float:
    """From a normal distribution that is cut off at 0 and 1."""
    normal = NormalDist(mean, deviation)
    low, high = normal.cdf(0.0), normal.cdf(1.0)
    chance = low + random.random() * (high - low)
    return min(1.0, max(0.0, normal.inv_cdf(min(max(chance, 1e-12), 1 - 1e-12))))
