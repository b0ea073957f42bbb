"""Strategies by name, for commands and for `aw.search`. A strategy's module is loaded when it is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archwright.objectives import Objective
from archwright.registry import Entry, Registry
from archwright.spaces import SearchSpace
from archwright.strategies.strategy import Strategy
from archwright.surrogates import ProxyReader
from archwright.trials import FidelityRange

__all__ = ["STRATEGIES", "make_strategy"]

_HERE = "archwright.strategies"

STRATEGIES = Registry[Strategy, Entry](
    "strategy",
    "archwright.strategies",
    {
        "asha": Entry(
            f"{_HERE}.multi_fidelity:ASHA",
            "asynchronous successive halving: the best of each rung go on, and no worker waits",
        ),
        "auto": Entry(f"{_HERE}.auto:AutoStrategy", "the strategy that fits the space and the budget"),
        "bananas": Entry(
            f"{_HERE}.bayesian:bananas",
            "Thompson sampling under an ensemble of networks that read the architecture's paths",
        ),
        "bayesian": Entry(
            f"{_HERE}.bayesian:bayesian_search", "expected improvement under a Gaussian process"
        ),
        "bohb": Entry(
            f"{_HERE}.multi_fidelity:BOHB",
            "Hyperband, its configurations from kernel densities of good and bad ones",
        ),
        "botorch": Entry(
            f"{_HERE}.bayesian:botorch_search", "expected improvement under a Gaussian process by BoTorch"
        ),
        "ehvi": Entry(
            f"{_HERE}.bayesian:hypervolume_search",
            "expected hypervolume improvement of several objectives, by BoTorch",
        ),
        "cascade": Entry(
            f"{_HERE}.multi_fidelity:Cascade",
            "many scored by proxies, the best of them in a short training, the best of these in the full one",
        ),
        "cma_es": Entry(
            f"{_HERE}.cma_es:CMAES",
            "covariance matrix adaptation on the codes of architectures, for spaces of reals",
        ),
        "evolution": Entry(
            f"{_HERE}.evolution:RegularizedEvolution",
            "regularized (aging) evolution: mutates the winners of tournaments",
        ),
        "forest": Entry(f"{_HERE}.bayesian:forest_search", "expected improvement under a random forest"),
        "generator": Entry(
            f"{_HERE}.generator:generator_search",
            "a diffusion on networks' graphs that learns from the best trials, guided by a surrogate (DiffusionNAG)",
        ),
        "grid": Entry(f"{_HERE}.grid:GridSearch", "every architecture once, in order"),
        "hill_climbing": Entry(
            f"{_HERE}.hill_climbing:HillClimbing",
            "grows the best network step by step; children begin with its weights (NASH)",
        ),
        "hyperband": Entry(
            f"{_HERE}.multi_fidelity:Hyperband",
            "brackets of successive halving, from many that begin with little to few that begin with all",
        ),
        "local": Entry(
            f"{_HERE}.local_search:LocalSearch",
            "climbs to the first neighbour that is no worse, and begins anew where there is none",
        ),
        "mu_plus_lambda": Entry(
            f"{_HERE}.evolution:MuPlusLambda", "evolution that keeps the best of parents and children"
        ),
        "neighbors": Entry(
            f"{_HERE}.bayesian:neighbors_search", "expected improvement under the nearest networks (AQuaSurF)"
        ),
        "nsga2": Entry(
            f"{_HERE}.evolution:NSGA2", "NSGA-II: evolution along the Pareto front of several objectives"
        ),
        "pasha": Entry(
            f"{_HERE}.multi_fidelity:PASHA",
            "ASHA whose highest rung rises only while the rankings of the two highest disagree",
        ),
        "proposer": Entry(
            f"{_HERE}.proposer:proposer_search",
            "a language model behind an OpenAI-shaped endpoint proposes; what it says is checked and told back",
        ),
        "ppo": Entry(
            f"{_HERE}.reinforcement:PPO", "a recurrent controller, trained by proximal policy optimisation"
        ),
        "optuna": Entry(
            f"{_HERE}.optuna_sampler:OptunaSampler",
            "any sampler of Optuna; by default the tree-structured Parzen estimator",
        ),
        "priorband": Entry(
            f"{_HERE}.multi_fidelity:PriorBand",
            "Hyperband, its configurations random, from the decisions' priors, or near the best so far",
        ),
        "progressive_hurdles": Entry(
            f"{_HERE}.multi_fidelity:ProgressiveHurdles",
            "evolution whose children train on while they are above the mean of those that trained as long",
        ),
        "puzzle": Entry(
            f"{_HERE}.puzzle:Puzzle",
            "a trained network's blocks exchanged under limits: scored one by one, combined by an integer program",
        ),
        "program_evolution": Entry(
            f"{_HERE}.evolution.programs:ProgramEvolution",
            "regularized evolution of programs, compiled: many thousands for each one that is proposed (AutoML-Zero)",
        ),
        "random": Entry(f"{_HERE}.random_search:RandomSearch", "independent random architectures"),
        "reinforce": Entry(
            f"{_HERE}.reinforcement:REINFORCE",
            "a recurrent controller, trained by REINFORCE with a moving baseline",
        ),
        "successive_halving": Entry(
            f"{_HERE}.multi_fidelity:SuccessiveHalving",
            "many at little effort, and the best of them at more, rung by rung",
        ),
    },
    positional=2,
    own=Strategy,
    supplied=("seed", "fidelity", "configurations", "proxy_columns", "judge"),
)
"""The strategies known by name: called with the space, the objectives and, where they take them, a seed, the range of
the fidelity, how many configurations there will be at most, what reads zero-cost proxies, and what judges programs."""


def make_strategy(
    name: str,
    space: SearchSpace[Any],
    objectives: Sequence[Objective],
    seed: int = 0,
    *,
    fidelity: FidelityRange | None = None,
    configurations: int | None = None,
    proxy_columns: ProxyReader | None = None,
    **options: Any,
) -> Strategy:
    """Make a strategy by its name.

    Args:
        name: A key of `STRATEGIES`, or `file.py:object` for a class of your own.
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers; a strategy that draws none does not look at it.
        fidelity: From the least to the most effort, for a strategy that moves over it.
        configurations: How many there will be at most, for a strategy that plans by it; None where it is not known.
        proxy_columns: Reads zero-cost proxies, for a strategy whose surrogate may read them.
        options: The strategy's own options, see `STRATEGIES.options(name)`.

    Raises:
        UsageError: When the name or an option is unknown, or an option is out of range.
    """
    more = supplied_to(name, fidelity=fidelity, configurations=configurations, proxy_columns=proxy_columns)
    return STRATEGIES.make(name, space, objectives, options=options, seed=seed, **more)


def supplied_to(name: str, **given: Any) -> dict[str, Any]:
    """What a strategy is given of these: what its signature names, even where it takes other options too."""
    return {key: value for key, value in given.items() if name in STRATEGIES and STRATEGIES.takes(name, key)}
