"""Guided searches that have a name."""

from __future__ import annotations

from collections.abc import Sequence

from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.bayesian.guided import GuidedSearch
from archwright.surrogates import RandomForest, Surrogate, make_surrogate

__all__ = ["BANANAS", "ForestSearch"]


class ForestSearch(GuidedSearch):
    """Expected improvement under a random forest, as in SMAC (Hutter et al. 2011, doi:10.1007/978-3-642-25566-3_40).

    A preset of `GuidedSearch`.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 2.
        every: How many trials end before the forest is grown anew, at least 1.
        trees: How many trees.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        initial: int = 10,
        every: int = 5,
        trees: int = 50,
    ) -> None:
        def forest(space: Space, seed: int) -> Surrogate:
            return RandomForest(space, seed=seed, trees=trees)

        super().__init__(space, objectives, surrogate=forest, seed=seed, initial=initial, every=every)


class BANANAS(GuidedSearch):
    """Independent Thompson sampling under five networks, among mutants (White et al. 2021, arXiv:1910.11858).

    The networks read the path encoding of the architecture's graph beside its decisions, so that spellings of one cell
    look alike. A preset of `GuidedSearch`.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 2.
        every: How many trials end before the networks are trained anew, at least 1.
        networks: How many networks, at least 2.
        epochs: At most so many passes over the trials in each training, of at most 100 steps.
        paths: Whether to read the path encoding, which needs the graph of each candidate.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        initial: int = 10,
        every: int = 10,
        networks: int = 5,
        epochs: int = 100,
        paths: bool = True,
    ) -> None:
        def ensemble(space: Space, seed: int) -> Surrogate:
            return make_surrogate("ensemble", space, seed, members=networks, epochs=epochs, paths=paths)

        super().__init__(
            space,
            objectives,
            surrogate=ensemble,
            acquisition="thompson",
            seed=seed,
            initial=initial,
            every=every,
            mutants=100,
            samples=20,
        )
