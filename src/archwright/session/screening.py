"""Cheap scores before a search: of many random networks, the best by zero-cost proxies are among its first."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from random import Random

from archwright.objectives import Objective, keeps_limits
from archwright.session.sampling import cheaply_measured, tried
from archwright.spaces import Architecture, Space
from archwright.tasks import Task
from archwright.trials import Candidate, LocalTrial

__all__ = ["SCORES", "Screened", "screened"]

SCORES = ("params", "synflow", "zico")
"""Whose ranks order networks: defined for nearly every network, and the ones of them that agreed best with training on
the data that the default search was chosen on (see docs/zero-cost.md)."""

_EACH, _MOST, _MOST_DRAWN = 8, 64, 640
"""Networks that are scored for each that is taken, and at most; draws at most, where few keep the limits."""


@dataclass(frozen=True, kw_only=True)
class Screened:
    """What cheap scores say.

    Args:
        architectures: The best, the best first.
        scored: Of how many that keep the limits.
    """

    architectures: tuple[Architecture, ...] = ()
    scored: int = 0


def screened(
    space: Space,
    task: Task,
    objectives: Sequence[Objective],
    take: int,
    *,
    seed: int,
    accelerator: str,
    seconds: float | None = None,
) -> Screened:
    """Score random networks that keep the limits on parameters and FLOPs by proxies, and take the best.

    Args:
        space: Draws and builds them.
        task: Gives the minibatches.
        objectives: The limits among them count.
        take: How many.
        seed: Of the networks, their weights and the minibatches.
        accelerator: Where they are built.
        seconds: After so many no further network is scored, but one in any case; None for no bound, so that the seed
            alone decides.
    """
    from archwright.estimators.zero_cost import ZeroCost

    made = tried(partial(ZeroCost, space, task, SCORES, seed=seed, accelerator=accelerator))
    population = None if made is None else made.for_population()
    if population is None:
        return Screened()
    until = time.time() + (float("inf") if seconds is None else seconds)
    found: dict[Hashable, tuple[Architecture, Mapping[str, float]]] = {}
    scored = 0
    for architecture, numbers in islice(cheaply_measured(space, task, Random(seed)), _MOST_DRAWN):
        if scored == min(_MOST, _EACH * take) or (scored and time.time() > until):
            break
        if numbers is None or not keeps_limits(objectives, numbers):  # a score costs several times as much
            continue
        scored += 1
        if (one := tried(partial(population.estimate, Candidate(architecture), LocalTrial()))) is not None:
            found.setdefault(space.canonical(architecture), (architecture, one.metrics))
    ranked = list(found.values())
    scores = population.population_scores([metrics for _, metrics in ranked]) if ranked else []
    order = sorted(range(len(ranked)), key=lambda i: -scores[i])
    return Screened(architectures=tuple(ranked[i][0] for i in order[:take]), scored=scored)
