"""Guided searches by BoTorch, one for a single objective and one for several. Importing this loads neither."""

from __future__ import annotations

from collections.abc import Sequence

from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.bayesian.guided import GuidedSearch
from archwright.surrogates import Surrogate, make_surrogate

__all__ = ["BoTorchSearch", "HypervolumeSearch"]


class BoTorchSearch(GuidedSearch):
    """Log expected improvement under BoTorch's Gaussian process (Balandat et al. 2020, arXiv:1910.06403).

    A preset of `GuidedSearch`.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 2.
        every: How many trials end before the process is fitted anew, at least 1.
        mutants: How many candidates are mutants of the ten best.
        samples: How many candidates are random; at least 1 of both together.

    Raises:
        MissingExtraError: When BoTorch is not installed.
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
        mutants: int = 100,
        samples: int = 100,
    ) -> None:
        def process(space: Space, seed: int) -> Surrogate:
            return make_surrogate("botorch", space, seed)

        self.check_space(space)
        process(space, seed)  # says now rather than at the first fit that BoTorch is missing
        super().__init__(
            space,
            objectives,
            surrogate=process,
            seed=seed,
            initial=initial,
            every=every,
            mutants=mutants,
            samples=samples,
        )


class HypervolumeSearch(GuidedSearch):
    """Expected hypervolume improvement (EHVI), in logarithms (Ament et al. 2023, arXiv:2310.20708), on BoTorch's boxes.

    Each objective has a surrogate of its own, by default BoTorch's Gaussian process, and so has each limit: the
    probability that it is kept multiplies the improvement. A preset of `GuidedSearch`.

    Args:
        space: What to search.
        objectives: What is optimised, at least two, and the limits.
        seed: Seed of all random numbers.
        initial: How many random architectures to begin with, at least 2.
        every: How many trials end before the surrogates learn anew, at least 1.
        mutants: How many candidates are mutants of the ten best.
        samples: How many candidates are random; at least 1 of both together.
        reference: From where hypervolume is measured: a value for each objective that is optimised. None infers it from
            what is known.
        surrogate: The name of any surrogate; see `archwright.surrogates.SURROGATES`.

    Raises:
        MissingExtraError: When BoTorch is not installed.
        UsageError: When an option is out of range, or there are fewer than two objectives to be optimised.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        initial: int = 10,
        every: int = 5,
        mutants: int = 100,
        samples: int = 100,
        reference: Sequence[float] | None = None,
        surrogate: str = "botorch",
    ) -> None:
        def named(space: Space, seed: int) -> Surrogate:
            return make_surrogate(surrogate, space, seed)

        super().__init__(
            space,
            objectives,
            surrogate=named,
            acquisition="hypervolume",
            seed=seed,
            initial=initial,
            every=every,
            mutants=mutants,
            samples=samples,
            reference=reference,
        )
        named(space, seed)  # an unknown name is told now rather than at the first fit
