"""BOHB: Hyperband with kernel densities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies.multi_fidelity.hyperband import Hyperband
from archwright.strategies.multi_fidelity.kernel_density import KernelDensitySampler
from archwright.strategies.multi_fidelity.levels import BracketSizes

__all__ = ["BOHB"]


class BOHB(Hyperband):
    """Hyperband whose configurations come from kernel densities of good and bad ones.

    Falkner et al. 2018, arXiv:1807.01774. The brackets are those of `hyperband`; the configurations of
    `KernelDensitySampler`, which looks at the largest fidelity that has enough trials. Unlike HpBandSter, the kernel of
    a label knows how many labels there are, and not only how many occurred.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        sizes: How many begin in a bracket: "floor", as the authors' code, or "ceil", as for `hyperband`.
        top: Share of the trials that are good, in (0, 1).
        samples: Configurations drawn, of which the best is proposed; at least 1.
        random_share: Share of the configurations that are random, in [0, 1].
        widening: How many times as wide the kernels of numbers are when drawn from.
        min_points: Good and bad trials for a model, each; none means one more than there are decisions.
        options: Of `Hyperband` without `sampler` and `sampler_options`.

    Raises:
        UsageError: When an option is out of range, or the fidelity is no range.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        sizes: BracketSizes = "floor",
        top: float = 0.15,
        samples: int = 64,
        random_share: float = 1 / 3,
        widening: float = 3.0,
        min_points: int | None = None,
        seed: int = 0,
        **options: Any,
    ) -> None:
        sampler = KernelDensitySampler(
            space,
            objectives,
            top=top,
            samples=samples,
            random_share=random_share,
            widening=widening,
            min_points=min_points,
            seed=seed,
        )
        super().__init__(space, objectives, sampler=sampler, sizes=sizes, seed=seed, **options)
