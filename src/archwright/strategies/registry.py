"""Strategies by name, for commands and for `aw.search`. A strategy's module is loaded when it is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archwright.objectives import Objective
from archwright.registry import Entry, Registry
from archwright.spaces import Space
from archwright.strategies.strategy import Strategy

__all__ = ["STRATEGIES", "make_strategy"]

_HERE = "archwright.strategies"

STRATEGIES = Registry[Strategy, Entry](
    "strategy",
    "archwright.strategies",
    {
        "auto": Entry(f"{_HERE}.auto:AutoStrategy", "the strategy that fits the space and the budget"),
        "bananas": Entry(
            f"{_HERE}.bayesian:bananas",
            "Thompson sampling under an ensemble of networks that read the architecture's paths",
        ),
        "bayesian": Entry(
            f"{_HERE}.bayesian:bayesian_search", "expected improvement under a Gaussian process"
        ),
        "botorch": Entry(
            f"{_HERE}.bayesian:botorch_search", "expected improvement under a Gaussian process by BoTorch"
        ),
        "ehvi": Entry(
            f"{_HERE}.bayesian:hypervolume_search",
            "expected hypervolume improvement of several objectives, by BoTorch",
        ),
        "evolution": Entry(
            f"{_HERE}.evolution:RegularizedEvolution",
            "regularized (aging) evolution: mutates the winners of tournaments",
        ),
        "forest": Entry(f"{_HERE}.bayesian:forest_search", "expected improvement under a random forest"),
        "grid": Entry(f"{_HERE}.grid:GridSearch", "every architecture once, in order"),
        "hill_climbing": Entry(
            f"{_HERE}.hill_climbing:HillClimbing",
            "grows the best network step by step; children begin with its weights (NASH)",
        ),
        "local": Entry(
            f"{_HERE}.local_search:LocalSearch",
            "climbs to the first neighbour that is no worse, and begins anew where there is none",
        ),
        "mu_plus_lambda": Entry(
            f"{_HERE}.evolution:MuPlusLambda", "evolution that keeps the best of parents and children"
        ),
        "nsga2": Entry(
            f"{_HERE}.evolution:NSGA2", "NSGA-II: evolution along the Pareto front of several objectives"
        ),
        "ppo": Entry(
            f"{_HERE}.reinforcement:PPO", "a recurrent controller, trained by proximal policy optimisation"
        ),
        "optuna": Entry(
            f"{_HERE}.optuna_sampler:OptunaSampler",
            "any sampler of Optuna; by default the tree-structured Parzen estimator",
        ),
        "random": Entry(f"{_HERE}.random_search:RandomSearch", "independent random architectures"),
        "reinforce": Entry(
            f"{_HERE}.reinforcement:REINFORCE",
            "a recurrent controller, trained by REINFORCE with a moving baseline",
        ),
    },
    positional=2,
    supplied=("seed",),
)
"""The strategies known by name: called with the space, the objectives and, where they take one, a seed."""


def make_strategy(
    name: str, space: Space, objectives: Sequence[Objective], seed: int = 0, **options: Any
) -> Strategy:
    """Make a strategy by its name.

    Args:
        name: A key of `STRATEGIES`.
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers; a strategy that draws none does not look at it.
        options: The strategy's own options, see `STRATEGIES.options(name)`.

    Raises:
        UsageError: When the name or an option is unknown, or an option is out of range.
    """
    return STRATEGIES.make(name, space, objectives, options=options, seed=seed)
