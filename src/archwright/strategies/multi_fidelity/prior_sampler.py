"""The sampler of PriorBand: at random, by the expert's prior, or around the best so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from statistics import NormalDist
from typing import Any

from archwright.errors import SpaceError
from archwright.objectives import Objective
from archwright.spaces import Architecture, Space
from archwright.spaces.decision import Decision
from archwright.strategies.multi_fidelity.level_sampler import LevelSampler
from archwright.strategies.randomness import random_for
from archwright.trials import Candidate, Fidelity

__all__ = ["PriorSampler", "Shares"]

_TRIES = 50
_CHANGED = 0.5
_DEVIATION = 0.25

Shares = tuple[float, float, float]
"""Chances of a random architecture, of one from the prior, and of one around the best; they add up to 1."""


class PriorSampler(LevelSampler):
    """The ensemble of PriorBand (Mallik et al. 2023, arXiv:2306.12370, section 5).

    At rung r an architecture is random, every decision uniform, with the chance 1 / (1 + eta^r), and else from the
    decisions' priors. Once `worth` of the resource has been spent and a trial at the full fidelity has ended, the share
    of the prior is divided between it and the neighbourhood of the best, in proportion to Σ_k (K - k + 1)·p(x_k) over
    the K = n / eta best x_k of the highest rung with at least eta trials, p being the density of either. The
    neighbourhood changes each decision of the best with the chance 1/2: a number by a Gaussian with a standard
    deviation of a quarter of its scale, anything else to another value.

    Args:
        space: What to search; its priors are the expert's. Without them the prior is uniform.
        objectives: What is optimised, and the limits.
        full: The full fidelity.
        eta: One of so many goes on to the next rung.
        seed: Seed of all random numbers.

    Attributes:
        rung: Where the next architecture begins.
        is_guided: Whether enough was spent to look around the best.
    """

    def __init__(
        self, space: Space, objectives: Sequence[Objective], *, full: Fidelity, eta: int, seed: int = 0
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        self.full, self.eta = full, eta
        self.rung, self.is_guided = 0, False

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        """One of the three. See `Strategy.ask`."""
        random = random_for(self.seed, self.asked)
        uniform, prior, _ = self.shares()
        chance = random.random()
        architecture = None
        for _ in range(_TRIES):
            if chance < uniform:
                made = self.space.complete(lambda _, decision: decision.uniform(random))
            elif chance < uniform + prior:
                made = self._from_prior(random)
            else:
                made = self._around(self._best(), random)
            if self.space.contains(made) and self.seen.add(made):
                architecture = made
                break
        if architecture is None:
            architecture = self.seen.draw(random)
        self.asked += 1
        return Candidate(architecture)

    def _from_prior(self, random: Random) -> Architecture:
        try:
            return self.space.sample(random)
        except SpaceError:
            return self.space.default

    def shares(self) -> Shares:
        """The chances at the present rung."""
        uniform = 1 / (1 + self.eta**self.rung)
        best = self._best() if self.is_guided else None
        top = self._top() if best is not None else []
        if not top:
            return uniform, 1 - uniform, 0.0
        weights = [len(top) - k for k in range(len(top))]
        logs = [
            [math.log(w) + self._log_density(x, around) for w, x in zip(weights, top, strict=True)]
            for around in (None, best)
        ]
        most = max(max(row) for row in logs)
        prior, near = (sum(math.exp(one - most) for one in row) for row in logs)
        return uniform, (1 - uniform) * prior / (prior + near), (1 - uniform) * near / (prior + near)

    def _best(self) -> Architecture | None:
        """The best at the full fidelity."""
        return next((architecture for architecture, found in self.ranked(self.full) if found.losses), None)

    def _top(self) -> list[Architecture]:
        """The best of the highest rung that has at least eta trials."""
        for fidelity in self.levels:
            told = self.ranked(fidelity)
            if len(told) >= self.eta:
                best = [architecture for architecture, found in told if found.losses]
                return best[: max(1, len(told) // self.eta)]
        return []

    def _around(self, best: Architecture | None, random: Random) -> Architecture:
        """The best with about half of its decisions changed; what becomes active is from the prior."""
        assert best is not None

        def decide(address: str, decision: Decision) -> Any:
            if address not in best:
                return decision.sample(random)
            value = best[address]
            if decision.size == 1 or random.random() >= _CHANGED:
                return value
            if not decision.ordered:
                return decision.mutate(value, random)
            place = decision.encode(value)[0]
            while not 0.0 <= (moved := random.gauss(place, _DEVIATION)) <= 1.0:
                pass
            return decision.decode((moved,))

        return self.space.complete(decide)

    def _log_density(self, architecture: Architecture, around: Architecture | None) -> float:
        """How likely an architecture is by the prior, or around another one."""
        total = 0.0
        for address, value in architecture.items():
            decision = self.space.decisions[address]
            if around is None or address not in around or decision.size == 1:
                chance = decision.density(value)
            elif decision.ordered:
                normal = NormalDist(decision.encode(around[address])[0], _DEVIATION)
                chance = normal.pdf(decision.encode(value)[0]) / (normal.cdf(1.0) - normal.cdf(0.0))
                chance /= 1.0 if decision.size == math.inf else decision.size
            else:
                same = value == around[address]
                chance = 1 - _CHANGED if same else _CHANGED / (decision.size - 1)
            total += math.log(max(chance, 1e-300))
        return total
