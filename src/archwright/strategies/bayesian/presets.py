"""Surrogate searches that have a name: which model, which candidates, which acquisition function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.bayesian.acquisition import (
    Acquisition,
    HypervolumeImprovement,
    expected_improvement,
    thompson_sampling,
)
from archwright.strategies.bayesian.candidates import Mutants, Surroundings
from archwright.strategies.bayesian.models import RefittedModel
from archwright.strategies.bayesian.process import PooledProcess
from archwright.strategies.bayesian.search import SurrogateSearch
from archwright.strategies.bayesian.targets import HypervolumeTargets, ScalarTargets, TargetMaker
from archwright.surrogates import (
    Columns,
    Features,
    ProxyReader,
    Surrogate,
    make_surrogate,
    named_columns,
)

__all__ = [
    "bananas",
    "bayesian_search",
    "botorch_search",
    "forest_search",
    "hypervolume_search",
    "neighbors_search",
    "surrogate_search",
]


def bayesian_search(
    space: Space,
    objectives: Sequence[Objective],
    *,
    seed: int = 0,
    initial: int = 10,
    candidates: int = 1000,
    graph: bool = False,
    columns: str | Columns | None = None,
    proxy_columns: ProxyReader | None = None,
) -> SurrogateSearch:
    """Expected improvement under a Gaussian process that is updated trial by trial.

    The process compares architectures by `MixedKernel`: a Hamming kernel on categorical decisions, a Matérn kernel on
    numbers, each decision with a weight of its own; an inactive decision is a level of its own. Candidates are all
    architectures of a space of at most 60,000, else random ones, new ones at each fit, and the neighbours of the best.
    Hyperparameters are fitted anew each time the number of trials has grown by a third, from where they were. At a
    fit and at each new best the candidates are screened; of the 1,000 that promise most the posterior is then updated
    row by row. Trials that still run count with what is expected of them (Kriging believer, Ginsbourger et al. 2010,
    doi:10.1007/978-3-642-10701-6_6), so batches spread. A failed trial counts as the worst so far.

    Limits are constraints: expected improvement is multiplied by the probability that each is kept, under a process of
    its own (Gardner et al. 2014). Several objectives are scalarised by random weights, new ones at each ask (ParEGO:
    Knowles 2006, doi:10.1109/TEVC.2005.851274).

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 2.
        candidates: How many random architectures are compared where the space is too large for all, at least 1.
        graph: Whether the process compares what the networks' graphs are made of, too (`GraphCounts`; after Ru et al.
            2021, arXiv:2006.07556). It takes the graph of each candidate, a fraction of a millisecond or more.
        columns: What else the process compares, separated by commas: "graf" (counts, path lengths and degrees of the
            networks' graphs), "graph", names of zero-cost proxies; see `named_columns`. Proxies take their time for
            each candidate: take fewer candidates then, among which no space is looked at as a whole.
        proxy_columns: Reads the proxies, where there is a task for them.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """
    if candidates < 1:
        raise UsageError(f"expected candidates >= 1, got {candidates}")
    SurrogateSearch.check_space(space)
    read = named_columns(space, columns, proxy_columns)
    features = Features(space, graph=graph, columns=read)
    around = Surroundings(space, features, seed, candidates, listed=read is None or read.is_cheap)
    model = PooledProcess(around, ScalarTargets(objectives, seed))
    parts = model, model.candidates, expected_improvement
    return SurrogateSearch(space, objectives, *parts, seed=seed, initial=initial)


def surrogate_search(
    space: Space,
    objectives: Sequence[Objective],
    surrogate: Callable[..., Surrogate],
    acquisition: Literal["improvement", "thompson", "hypervolume"] = "improvement",
    reference: Sequence[float] | None = None,
    *,
    seed: int = 0,
    initial: int = 10,
    every: int = 5,
    mutants: int = 100,
    samples: int = 100,
    columns: str | Columns | None = None,
    proxy_columns: ProxyReader | None = None,
) -> SurrogateSearch:
    """Any surrogate says which to try of mutants of the ten best and random architectures.

    The surrogate learns anew when enough trials have ended since. Failed trials count as the worst so far. Each limit
    has a surrogate of its own, whose probability that it is kept multiplies the expected improvement, or whose draw
    must keep it. Several objectives are scalarised by random weights, new ones whenever it learns; or each has a
    surrogate, and what counts is by how much the hypervolume is expected to grow.

    For the hypervolume, trials that still run count with what is expected of them, so a batch spreads along the front.
    Otherwise what runs is only not proposed again: among mutants and random architectures that keeps a batch apart.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        surrogate: Makes a surrogate of a space and a seed, and of `columns=` where there are some.
        acquisition: "improvement", the expected one; "thompson", the best of one independent draw per candidate; or
            "hypervolume", the expected improvement of several objectives' (Emmerich et al. 2011), which needs BoTorch.
        reference: From where hypervolume is measured: a value for each objective that is optimised. None infers it from
            what is known.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 2.
        every: How many trials end before the surrogate learns anew, at least 1.
        mutants: How many candidates are mutants of the ten best.
        samples: How many candidates are random; at least 1 of both together.
        columns: What else the surrogate reads, separated by commas: "graf" (counts, path lengths and degrees of the
            networks' graphs), "graph", names of zero-cost proxies, each of every candidate; see `named_columns`.
        proxy_columns: Reads the proxies, where there is a task for them.

    Raises:
        MissingExtraError: When BoTorch is needed and not installed.
        UsageError: When an option is out of range, or no objective is to be optimised, or one for the hypervolume.
    """
    SurrogateSearch.check_space(space)
    targets, valued = _valued(acquisition, objectives, reference, seed)
    if (read := named_columns(space, columns, proxy_columns)) is not None:
        surrogate = partial(surrogate, columns=read)
    surrogate(space, seed)  # what is missing or out of range is told now rather than at the first fit
    believes = acquisition == "hypervolume"
    model = RefittedModel(space, surrogate, targets, seed=seed, every=every, impute_pending=believes)
    source = Mutants(space, mutants, samples)
    return SurrogateSearch(space, objectives, model, source, valued, seed=seed, initial=initial)


def _valued(
    acquisition: str, objectives: Sequence[Objective], reference: Sequence[float] | None, seed: int
) -> tuple[TargetMaker, Acquisition]:
    """What is learned, and how candidates are valued by it."""
    if acquisition == "hypervolume":
        targets = HypervolumeTargets(objectives, reference)
        return targets, HypervolumeImprovement(targets)
    if reference is not None:
        raise UsageError(f"expected a reference point only for the hypervolume, got {reference!r}")
    return ScalarTargets(objectives, seed), (
        thompson_sampling if acquisition == "thompson" else expected_improvement
    )


def forest_search(
    space: Space, objectives: Sequence[Objective], *, trees: int = 50, **options: Any
) -> SurrogateSearch:
    """Expected improvement under a random forest, as in SMAC (Hutter et al. 2011, doi:10.1007/978-3-642-25566-3_40).

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        trees: How many trees.
        options: Of `surrogate_search`.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """
    return surrogate_search(space, objectives, partial(make_surrogate, "forest", trees=trees), **options)


def neighbors_search(
    space: Space, objectives: Sequence[Objective], *, neighbors: int = 3, **options: Any
) -> SurrogateSearch:
    """Expected improvement under the nearest scored architectures; with columns=aquasurf after AQuaSurF.

    Bingham & Miikkulainen 2023, arXiv:2301.05785, predict activation functions from the three whose Fisher spectrum and
    outputs are most alike, and try the one that promises most. Distances are in the columns alone where there are some,
    else in the decisions.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        neighbors: How many are averaged.
        options: Of `surrogate_search`.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """
    named = partial(make_surrogate, "neighbors", neighbors=neighbors)
    return surrogate_search(space, objectives, named, **options)


def bananas(
    space: Space,
    objectives: Sequence[Objective],
    *,
    every: int = 10,
    samples: int = 20,
    networks: int = 5,
    epochs: int = 100,
    paths: bool = True,
    **options: Any,
) -> SurrogateSearch:
    """Independent Thompson sampling under five networks, among mutants (White et al. 2021, arXiv:1910.11858).

    The networks read the path encoding of the architecture's graph beside its decisions, so that spellings of one cell
    look alike.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        every: How many trials end before the networks are trained anew, at least 1.
        samples: How many candidates are random.
        networks: How many networks, at least 2.
        epochs: At most so many passes over the trials in each training, of at most 100 steps.
        paths: Whether to read the path encoding, which needs the graph of each candidate.
        options: Of `surrogate_search`.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """
    ensemble = partial(make_surrogate, "ensemble", members=networks, epochs=epochs, paths=paths)
    return surrogate_search(space, objectives, ensemble, "thompson", every=every, samples=samples, **options)


def botorch_search(space: Space, objectives: Sequence[Objective], **options: Any) -> SurrogateSearch:
    """Log expected improvement under BoTorch's Gaussian process (Balandat et al. 2020, arXiv:1910.06403).

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        options: Of `surrogate_search`.

    Raises:
        MissingExtraError: When BoTorch is not installed.
        UsageError: When an option is out of range, or no objective is to be optimised.
    """
    return surrogate_search(space, objectives, partial(make_surrogate, "botorch"), **options)


def hypervolume_search(
    space: Space,
    objectives: Sequence[Objective],
    *,
    reference: Sequence[float] | None = None,
    surrogate: str = "botorch",
    **options: Any,
) -> SurrogateSearch:
    """Expected hypervolume improvement (EHVI), in logarithms (Ament et al. 2023, arXiv:2310.20708), on BoTorch's boxes.

    Each objective has a surrogate of its own, by default BoTorch's Gaussian process, and so has each limit: the
    probability that it is kept multiplies the improvement.

    Args:
        space: What to search.
        objectives: What is optimised, at least two, and the limits.
        reference: From where hypervolume is measured: a value for each objective that is optimised. None infers it from
            what is known.
        surrogate: The name of any surrogate; see `archwright.surrogates.SURROGATES`.
        options: Of `surrogate_search`.

    Raises:
        MissingExtraError: When BoTorch is not installed.
        UsageError: When an option is out of range, or there are fewer than two objectives to be optimised.
    """
    named = partial(make_surrogate, surrogate)
    return surrogate_search(space, objectives, named, "hypervolume", reference, **options)
