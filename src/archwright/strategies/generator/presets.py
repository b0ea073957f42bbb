"""The generator as a strategy known by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.bayesian import RefittedModel, SurrogateSearch, expected_improvement
from archwright.strategies.bayesian.targets import ScalarTargets
from archwright.strategies.generator.source import GuidedDiffusion
from archwright.surrogates import Columns, ProxyReader, make_surrogate, named_columns

__all__ = ["generator_search"]


def generator_search(
    space: Space,
    objectives: Sequence[Objective],
    *,
    seed: int = 0,
    initial: int = 10,
    every: int = 5,
    surrogate: str = "forest",
    chains: int = 16,
    proposals: int = 8,
    steps: int = 8,
    passes: int = 20,
    elite: float = 0.25,
    guidance: float = 1.0,
    columns: str | Columns | None = None,
    proxy_columns: ProxyReader | None = None,
) -> SurrogateSearch:
    """Generate architectures by a diffusion on their graphs that learns from earlier trials, guided by a surrogate.

    After DiffusionNAG (An et al. 2024, arXiv:2305.16943), see `GuidedDiffusion`: a network learns to undo noise on the
    best trials so far, and generation is steered by expected improvement under a surrogate at every step. The generated
    one of largest expected improvement is tried. Limits count by the probability that they are kept; several objectives
    are scalarised by random weights, new ones whenever the surrogate learns.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 2.
        every: How many trials end before surrogate and generator learn anew, at least 1.
        surrogate: The name of any surrogate; see `archwright.surrogates.SURROGATES`.
        chains: How many architectures are generated for each ask.
        proposals: How many are valued by the surrogate at each step of each.
        steps: Steps of the diffusion.
        passes: Over 256 noisy examples, when the generator learns.
        elite: Which share of the feasible trials it learns from, the best ones, in (0, 1].
        guidance: How strongly the surrogate steers; 0 generates what earlier trials teach alone.
        columns: What else the surrogate reads, separated by commas; see `named_columns`. Each is read of every network
            that is valued: `chains * proposals * steps` for an ask.
        proxy_columns: Reads the proxies, where there is a task for them.

    Raises:
        MissingExtraError: When the surrogate needs a package that is not installed.
        UsageError: When an option is out of range, or no objective is to be optimised.
    """
    SurrogateSearch.check_space(space)
    named = partial(make_surrogate, surrogate)
    if (read := named_columns(space, columns, proxy_columns)) is not None:
        named = partial(named, columns=read)
    named(space, seed)  # what is missing is told now rather than at the first fit
    targets = ScalarTargets(objectives, seed)
    model = RefittedModel(space, named, targets, seed=seed, every=every, impute_pending=False)
    source = GuidedDiffusion(
        space,
        model,
        expected_improvement,
        seed=seed,
        chains=chains,
        proposals=proposals,
        steps=steps,
        passes=passes,
        elite=elite,
        guidance=guidance,
    )
    return SurrogateSearch(space, objectives, model, source, expected_improvement, seed=seed, initial=initial)
