"""The generator as a strategy known by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

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
    columns: str | Columns | None = None,
    proxy_columns: ProxyReader | None = None,
    **options: Any,
) -> SurrogateSearch:
    """Generate architectures by a diffusion on their graphs that learns from earlier trials, guided by a surrogate.

    After DiffusionNAG (An et al. 2024, arXiv:2305.16943), see `GuidedDiffusion`: a network learns to undo noise on the
    best trials so far, and generation is steered by expected improvement under a surrogate at every step. Of what was
    valued on the way the one of the largest expected improvement is tried. Limits count by the probability that they
    are kept; several objectives are scalarised by random weights, new ones whenever the surrogate learns.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 2.
        every: How many trials end before surrogate and generator learn anew, at least 1.
        surrogate: The name of any surrogate; see `archwright.surrogates.SURROGATES`.
        columns: What else the surrogate reads, separated by commas; see `named_columns`. Each is read of every network
            that is valued: `chains * proposals * steps` for an ask.
        proxy_columns: Reads the proxies, where there is a task for them.
        options: Of `GuidedDiffusion` without `seed`.

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
    source = GuidedDiffusion(space, model, expected_improvement, seed=seed, **options)
    return SurrogateSearch(space, objectives, model, source, expected_improvement, seed=seed, initial=initial)
