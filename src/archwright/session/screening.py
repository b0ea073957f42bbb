"""Cheap scores before a search: of many random networks, the best by zero-cost proxies are among its first."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from archwright.objectives import Objective, keeps_limits
from archwright.session.planning import tried
from archwright.spaces import Architecture, Space
from archwright.tasks import Task
from archwright.trials import Candidate, LocalTrial, Measurement

__all__ = ["SCORES", "Screened", "screened"]

SCORES = ("params", "synflow", "zico")
"""Whose ranks order networks: defined for nearly every network, and the ones of them that agreed best with training on
the data that the default search was chosen on (see docs/zero-cost.md)."""

_EACH, _MOST = 8, 64
"""Networks that are scored for each that is taken, and at most."""


@dataclass(frozen=True, kw_only=True)
class Screened:
    """What cheap scores say.

    Args:
        architectures: The best, the best first.
        scored: Of how many.
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
        seconds: After so many no further network is scored; None for no bound, so that the seed alone decides.
    """
    from archwright.estimators.zero_cost import ZeroCost

    made = tried(partial(ZeroCost, space, task, SCORES, seed=seed, accelerator=accelerator))
    population = None if made is None else made.for_population()
    if population is None:
        return Screened()
    random, until = Random(seed), time.time() + (float("inf") if seconds is None else seconds)
    found: dict[Hashable, tuple[Architecture, Mapping[str, float]]] = {}
    scored = 0

    def measured() -> tuple[Architecture, Measurement]:
        architecture = space.sample(random)
        return architecture, population.estimate(Candidate(architecture), LocalTrial())

    for _ in range(min(_MOST, _EACH * take)):
        if time.time() > until:
            break
        scored += 1
        if (one := tried(measured)) is not None and keeps_limits(objectives, one[1].metrics):
            found.setdefault(space.canonical(one[0]), (one[0], one[1].metrics))
    ranked = list(found.values())
    scores = population.population_scores([metrics for _, metrics in ranked]) if ranked else []
    order = sorted(range(len(ranked)), key=lambda i: -scores[i])
    return Screened(architectures=tuple(ranked[i][0] for i in order[:take]), scored=scored)
