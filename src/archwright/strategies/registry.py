"""Strategies by name, for commands and for `aw.search`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from archwright.errors import UsageError, did_you_mean
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.strategy import Strategy

__all__ = ["STRATEGIES", "Entry", "make_strategy"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a strategy before its module is loaded.

    Args:
        path: Where its class is: `module:class`.
        summary: What it does, in one line.
        options: Name of each option to its default.
        seeded: Whether it draws random numbers, and so takes a seed.
    """

    path: str
    summary: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seeded: bool = True


STRATEGIES: dict[str, Entry] = {
    "auto": Entry(
        "archwright.strategies.portfolio:Portfolio",
        "the strategy that fits the space and the budget",
        {"trials": None},
    ),
    "bananas": Entry(
        "archwright.strategies.bayesian:BANANAS",
        "Thompson sampling under an ensemble of networks that read the architecture's paths",
        {"initial": 10, "every": 10, "networks": 5, "epochs": 100, "paths": True},
    ),
    "bayesian": Entry(
        "archwright.strategies.bayesian:BayesianSearch",
        "expected improvement under a Gaussian process",
        {"initial": 10, "candidates": 1000, "graph": False},
    ),
    "botorch": Entry(
        "archwright.strategies.bayesian:BoTorchSearch",
        "expected improvement under a Gaussian process by BoTorch",
        {"initial": 10, "every": 5, "mutants": 100, "samples": 100},
    ),
    "ehvi": Entry(
        "archwright.strategies.bayesian:HypervolumeSearch",
        "expected hypervolume improvement of several objectives, by BoTorch",
        {
            "initial": 10,
            "every": 5,
            "mutants": 100,
            "samples": 100,
            "reference": None,
            "surrogate": "botorch",
        },
    ),
    "evolution": Entry(
        "archwright.strategies.evolution:RegularizedEvolution",
        "regularized (aging) evolution: mutates the winners of tournaments",
        {"population_size": 20, "tournament_size": 10, "crossover": 0.0},
    ),
    "forest": Entry(
        "archwright.strategies.bayesian:ForestSearch",
        "expected improvement under a random forest",
        {"initial": 10, "every": 5, "trees": 50},
    ),
    "grid": Entry(
        "archwright.strategies.grid:GridSearch",
        "every architecture once, in order",
        {"resolution": 10},
        seeded=False,
    ),
    "local": Entry(
        "archwright.strategies.local_search:LocalSearch",
        "climbs to the first neighbour that is no worse, and begins anew where there is none",
        {"initial": 10},
    ),
    "mu_plus_lambda": Entry(
        "archwright.strategies.evolution:MuPlusLambda",
        "evolution that keeps the best of parents and children",
        {"parents": 10, "children": 10, "crossover": 0.0},
    ),
    "nsga2": Entry(
        "archwright.strategies.evolution:NSGA2",
        "NSGA-II: evolution along the Pareto front of several objectives",
        {"population_size": 40, "crossover": 0.9, "mutations": 1.0},
    ),
    "ppo": Entry(
        "archwright.strategies.reinforcement:PPO",
        "a recurrent controller, trained by proximal policy optimisation",
        {
            "batch_size": 10,
            "passes": 4,
            "clip": 0.2,
            "hidden": 64,
            "learning_rate": 0.003,
            "baseline_decay": 0.9,
            "entropy_weight": 0.01,
        },
    ),
    "optuna": Entry(
        "archwright.strategies.optuna_sampler:OptunaSampler",
        "any sampler of Optuna; by default the tree-structured Parzen estimator",
        {"sampler": "TPESampler", "settings": None},
    ),
    "random": Entry("archwright.strategies.random_search:RandomSearch", "independent random architectures"),
    "reinforce": Entry(
        "archwright.strategies.reinforcement:REINFORCE",
        "a recurrent controller, trained by REINFORCE with a moving baseline",
        {
            "batch_size": 5,
            "hidden": 64,
            "learning_rate": 0.01,
            "baseline_decay": 0.9,
            "entropy_weight": 0.01,
        },
    ),
}
"""The strategies that come with Archwright."""


def make_strategy(
    name: str, space: Space, objectives: Sequence[Objective], seed: int = 0, **options: Any
) -> Strategy:
    """Make a strategy by its name.

    Args:
        name: A key of `STRATEGIES`.
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers; a strategy that draws none does not look at it.
        options: The strategy's own options; see its entry for their names and defaults.

    Raises:
        UsageError: When the name or an option is unknown, or an option is out of range.
    """
    if name not in STRATEGIES:
        raise UsageError(f"unknown strategy {name!r}.{did_you_mean(name, STRATEGIES)}")
    entry = STRATEGIES[name]
    for option in options:
        if option not in entry.options:
            raise UsageError(
                f"the strategy {name!r} has no option {option!r}.{did_you_mean(option, entry.options)}"
            )
        _check_kind(name, option, options[option], entry.options[option])
    module, _, attribute = entry.path.partition(":")
    made = getattr(importlib.import_module(module), attribute)
    seeding = {"seed": seed} if entry.seeded else {}
    return cast("Strategy", made(space, objectives, **seeding, **options))


_KINDS: dict[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "yes or no"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "a word"),
}
"""What an option may be, by the type of its default, and how that is called."""


def _check_kind(name: str, option: str, value: Any, default: Any) -> None:
    kind = _KINDS.get(type(default))
    if kind is None:
        return
    allowed, called = kind
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise UsageError(f"the option {option!r} of the strategy {name!r}: expected {called}, got {value!r}")
