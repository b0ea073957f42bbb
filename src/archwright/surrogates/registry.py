"""Surrogates by name, and how well they rank."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archwright.errors import UsageError
from archwright.registry import Entry, Registry
from archwright.spaces import Architecture, Space
from archwright.surrogates.rank_metrics import kendall, spearman, top_k_regret
from archwright.surrogates.surrogate import Surrogate

__all__ = ["SURROGATES", "Ranking", "compare_surrogates", "make_surrogate"]

_HERE = "archwright.surrogates"

SURROGATES = Registry[Surrogate, Entry](
    "surrogate",
    "archwright.surrogates",
    {
        "boosting": Entry(f"{_HERE}.boosting:GradientBoosting", "an ensemble of gradient-boosted trees"),
        "botorch": Entry(f"{_HERE}.botorch_process:BoTorchProcess", "a Gaussian process by BoTorch"),
        "ensemble": Entry(f"{_HERE}.ensemble:MLPEnsemble", "an ensemble of multilayer perceptrons"),
        "forest": Entry(f"{_HERE}.forest:RandomForest", "a random forest"),
        "gp": Entry(f"{_HERE}.gaussian_process:GaussianProcess", "a Gaussian process"),
        "graph": Entry(f"{_HERE}.graph_network:GraphNetwork", "an ensemble of graph networks"),
        "neighbors": Entry(f"{_HERE}.neighbors:NearestNeighbors", "the mean of the nearest networks"),
    },
    positional=1,
    supplied=("seed",),
)
"""The surrogates known by name: called with the space and a seed."""


def make_surrogate(name: str, space: Space, seed: int = 0, **options: Any) -> Surrogate:
    """Make a surrogate by its name.

    Args:
        name: A key of `SURROGATES`.
        space: What it is to predict on.
        seed: Seed of all random numbers.
        options: Its own options, see `SURROGATES.options(name)`.

    Raises:
        UsageError: When the name or an option is unknown, or an option is out of range.
    """
    return SURROGATES.make(name, space, options=options, seed=seed)


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


RankingJob = tuple[int, str, int]
"""A seed, a surrogate's name and how many networks it learns from."""


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
    run: Callable[[Callable[[RankingJob], Ranking], Sequence[RankingJob]], Iterable[Ranking]] = map,
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
        run: Maps the jobs (seed, surrogate, size) to rankings, in any order: `map`, or several processes.

    Raises:
        UsageError: When a name is unknown, or there are not enough networks.
    """
    for name in surrogates:
        SURROGATES.known(name)
    if not sizes or min(sizes) < 2 or len(architectures) - max(sizes) < max(k, 2):
        raise UsageError(
            f"expected sizes from 2 to {len(architectures) - max(k, 2)}, so that {max(k, 2)} networks are left to "
            f"rank; got {list(sizes)}"
        )
    scores = np.asarray(values, dtype=np.float64)
    rank = partial(_rank, space, architectures, scores, max(sizes), tested, k)
    return list(run(rank, list(product(range(seeds), surrogates, sizes))))


def _rank(
    space: Space,
    architectures: Sequence[Architecture],
    scores: NDArray[np.float64],
    largest: int,
    tested: int,
    k: int,
    job: RankingJob,
) -> Ranking:
    seed, name, size = job
    order = np.random.default_rng(seed).permutation(len(architectures))
    chosen, test = order[:size], order[largest:][:tested]
    begin = time.perf_counter()
    surrogate = make_surrogate(name, space, seed)
    surrogate.fit([architectures[i] for i in chosen], scores[chosen])
    predicted, _ = surrogate.predict([architectures[i] for i in test])
    seconds, true = time.perf_counter() - begin, scores[test]
    found = kendall(predicted, true), spearman(predicted, true), top_k_regret(predicted, true, k)
    return Ranking(name, size, seed, *found, seconds)
