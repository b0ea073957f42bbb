"""Compound scaling: depth, width and resolution grow together (Tan & Le 2019, arXiv:1905.11946)."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from archwright.errors import SpaceError
from archwright.spaces.space import Space

__all__ = ["CompoundScale", "compound_grid"]


@dataclass(frozen=True, slots=True)
class CompoundScale:
    """How a network grows: by what its depth, width and resolution are multiplied at once.

    The cost in multiply-accumulates grows by `depth * width**2 * resolution**2` (section 3.3).

    Args:
        depth: Factor of the number of layers, alpha in the paper.
        width: Factor of channels, beta.
        resolution: Factor of an image's side, gamma.
    """

    depth: float
    width: float
    resolution: float

    @property
    def cost(self) -> float:
        """By what multiply-accumulates grow, but for rounding."""
        return self.depth * self.width**2 * self.resolution**2

    def at(self, phi: float) -> CompoundScale:
        """The scale of a coefficient: each factor to its power, so that the cost is this one's to that power.

        Args:
            phi: How far to grow: 0 is the network as it is, 1 this scale, negative numbers shrink.
        """
        return CompoundScale(self.depth**phi, self.width**phi, self.resolution**phi)

    def of(self, space: Space) -> Space:
        """A space at this depth and width, with the same architectures. The resolution is that of the data.

        Its options `depth` and `width` must be real numbers that multiply what is decided. Rounding, as the paper has
        it, makes small networks cost more than `cost`.

        Args:
            space: One that scales by `depth` and `width`, such as `efficientnet`.

        Raises:
            SpaceError: When it does not.
        """
        factors = {"depth": self.depth, "width": self.width}
        known = inspect.signature(space.scaled).parameters if space.scaled is not None else {}
        now = {name: known[name].default for name in factors if name in known}
        odd = [name for name in factors if not isinstance(now.get(name), float)]
        if odd:
            raise SpaceError(
                f"the space {space.name or 'unnamed'!r} has no number {odd[0]!r} to scale by; compound scaling needs a "
                "depth and a width that multiply what is decided, as those of efficientnet do"
            )
        return space.scale(**{name: round(now[name] * factor, 4) for name, factor in factors.items()})


def compound_grid(cost: float = 2.0, *, step: float = 0.05, tolerance: float = 0.05) -> list[CompoundScale]:
    """All scales on a grid whose cost is about a number (Tan & Le 2019, arXiv:1905.11946, section 3.3, step 1).

    Args:
        cost: What depth * width^2 * resolution^2 is to be, > 1; 2 in the paper.
        step: Of the grid of each factor, which begins at 1, in (0, 1].
        tolerance: How far the cost may be off, as a share of it.

    Raises:
        SpaceError: When a number is out of range, or no scale of the grid is near enough.
    """
    if not (math.isfinite(cost) and cost > 1 and 0 < step <= 1 and tolerance >= 0):
        raise SpaceError(
            f"expected cost > 1, 0 < step <= 1 and tolerance >= 0, got {cost}, {step} and {tolerance}"
        )

    def factors(power: int) -> Sequence[float]:
        most = (cost * (1 + tolerance)) ** (1 / power)
        return [round(1 + i * step, 6) for i in range(int((most - 1) / step + 1e-9) + 1)]

    grid = [CompoundScale(*found) for found in itertools.product(factors(1), factors(2), factors(2))]
    near = [scale for scale in grid if abs(scale.cost - cost) <= tolerance * cost + 1e-9]
    if not near:
        raise SpaceError(
            f"no scale on a grid of {step} costs {cost} times as much to {tolerance:.0%}; use a smaller step"
        )
    return near
