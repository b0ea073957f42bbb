"""Surrogates by name, and how well they rank."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from archwright.errors import UsageError, did_you_mean
from archwright.spaces import Architecture, Space
from archwright.surrogates.rank_metrics import kendall, spearman, top_k_regret
from archwright.surrogates.surrogate import Surrogate

__all__ = ["SURROGATES", "Ranking", "compare_surrogates", "make_surrogate"]

SURROGATES: dict[str, str] = {
    "boosting": "archwright.surrogates.boosting:GradientBoosting",
    "botorch": "archwright.surrogates.botorch_process:BoTorchProcess",
    "ensemble": "archwright.surrogates.ensemble:MLPEnsemble",
    "forest": "archwright.surrogates.forest:RandomForest",
    "gp": "archwright.surrogates.gaussian_process:GaussianProcess",
    "graph": "archwright.surrogates.graph_network:GraphNetwork",
}
"""The surrogates that come with Archwright: name to `module:class`."""


def make_surrogate(name: str, space: Space, seed: int = 0, **options: Any) -> Surrogate:
    """Make a surrogate by its name.

    Args:
        name: A key of `SURROGATES`.
        space: What it is to predict on.
        seed: Seed of all random numbers.
        options: Its own options.

    Raises:
        UsageError: When the name is unknown, or an option is out of range.
    """
    if name not in SURROGATES:
        raise UsageError(f"unknown surrogate {name!r}.{did_you_mean(name, SURROGATES)}")
    module, _, attribute = SURROGATES[name].partition(":")
    made = getattr(importlib.import_module(module), attribute)
    return cast("Surrogate", made(space, seed=seed, **options))


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well a surrogate ranked networks that it had not seen.

    Args:
        surrogate: Its name.
        trained: How many networks it learned from.
        seed: Which draw of them.
        kendall: Kendall's τ.
        spearman: Spearman's ρ.
        regret: Top-k regret, in the values' unit.
        seconds: Wall time of learning and predicting.
    """

    surrogate: str
    trained: int
    seed: int
    kendall: float
    spearman: float
    regret: float
    seconds: float


def compare_surrogates(
    space: Space,
    architectures: Sequence[Architecture],
    values: ArrayLike,
    *,
    surrogates: Sequence[str] = tuple(SURROGATES),
    sizes: Sequence[int] = (25, 50, 100, 200),
    seeds: int = 5,
    tested: int = 1000,
    k: int = 10,
    told: Callable[[Ranking], None] | None = None,
) -> list[Ranking]:
    """Train surrogates on few of many scored networks and let them rank others.

    Within one seed all surrogates and sizes share their networks: the smaller sets are parts of the larger.

    Args:
        space: The space.
        architectures: The networks, no canonical form twice.
        values: Shape (architectures,): the larger, the better.
        surrogates: Names, see `SURROGATES`.
        sizes: Numbers of training networks, at least 2 each.
        seeds: How often networks are drawn.
        tested: How many others are ranked; fewer where there are fewer.
        k: Of the top-k regret.
        told: Called with each result as it comes.

    Raises:
        UsageError: When a name is unknown, or there are not enough networks.
    """
    scores = np.asarray(values, dtype=np.float64)
    for name in surrogates:
        if name not in SURROGATES:
            raise UsageError(f"unknown surrogate {name!r}.{did_you_mean(name, SURROGATES)}")
    if not sizes or min(sizes) < 2 or len(architectures) - max(sizes) < max(k, 2):
        raise UsageError(
            f"expected sizes from 2 to {len(architectures) - max(k, 2)}, so that {max(k, 2)} networks are left to "
            f"rank; got {list(sizes)}"
        )

    def rankings() -> Iterator[Ranking]:
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(len(architectures))
            test = order[max(sizes) :][:tested]
            shown = [architectures[i] for i in test]
            for name in surrogates:
                for size in sizes:
                    chosen = order[:size]
                    begin = time.perf_counter()
                    surrogate = make_surrogate(name, space, seed)
                    surrogate.fit([architectures[i] for i in chosen], scores[chosen])
                    predicted, _ = surrogate.predict(shown)
                    seconds = time.perf_counter() - begin
                    yield Ranking(
                        name,
                        size,
                        seed,
                        kendall(predicted, scores[test]),
                        spearman(predicted, scores[test]),
                        top_k_regret(predicted, scores[test], k),
                        seconds,
                    )

    found = []
    for ranking in rankings():
        found.append(ranking)
        if told is not None:
            told(ranking)
    return found
