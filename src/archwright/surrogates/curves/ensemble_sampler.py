"""Sampling from a density by an ensemble of walkers, all of which move at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from archwright.errors import UsageError

__all__ = ["sample_ensemble"]

Array = NDArray[np.float64]


def sample_ensemble(
    log_density: Callable[[Array], Array],
    start: Array,
    steps: int,
    random: np.random.Generator,
    *,
    stretch: float = 2.0,
    exchange: float = 0.0,
) -> tuple[Array, float]:
    """Draw by affine-invariant moves: how well it works does not depend on scales and correlations.

    A walker x goes to c + z (x - c) along the line to a walker c of the other half of the ensemble, with z drawn from
    g(z) ~ 1/√z on [1/a, a], and is accepted with min(1, z^(d-1) p(new)/p(old)) (Goodman & Weare 2010,
    doi:10.2140/camcos.2010.5.65, the stretch move). With the probability `exchange` a step adds to each walker the
    difference of two walkers of the other half instead, times 2.38/√(2d), or once in ten times 1 (ter Braak 2006,
    doi:10.1007/s11222-006-8769-1), which goes further where there are many dimensions.

    Args:
        log_density: From points, shape (walkers / 2, dimensions), to logarithms, shape (walkers / 2,); up to a
            constant, `-inf` where the density is 0.
        start: Shape (walkers, dimensions): an even number, at least 2 · (dimensions + 1), that spans all directions.
        steps: How often every walker may move.
        random: Draws all random numbers.
        stretch: a, the largest stretch; more than 1.
        exchange: Share of the steps that are differences.

    Returns:
        The positions after each step, shape (steps, walkers, dimensions); and the share of moves that were accepted.

    Raises:
        UsageError: When there are too few walkers, or the density is 0 at a start.
    """
    walkers, dimensions = start.shape
    half = walkers // 2
    if walkers % 2 or walkers < 2 * (dimensions + 1):
        raise UsageError(
            f"expected an even number of at least {2 * (dimensions + 1)} walkers in {dimensions} dimensions, got "
            f"{walkers}"
        )
    groups = [start[:half].copy(), start[half:].copy()]
    heights = [log_density(group) for group in groups]
    if not np.isfinite(np.concatenate(heights)).all():
        raise UsageError("the density is 0 at the start of a walker; begin where it is not")
    chain = np.empty((steps, walkers, dimensions))
    accepted = 0
    for step in range(steps):
        differs = random.random() < exchange
        for mine, other in ((0, 1), (1, 0)):
            current, partners = groups[mine], groups[other]
            if differs:
                proposed, volume = _exchanged(current, partners, random)
            else:
                proposed, volume = _stretched(current, partners, stretch, random)
            height = log_density(proposed)
            moves = np.log(random.random(half)) < volume + height - heights[mine]
            current[moves], heights[mine][moves] = proposed[moves], height[moves]
            accepted += int(moves.sum())
        chain[step, :half], chain[step, half:] = groups
    return chain, accepted / max(steps * walkers, 1)


def _exchanged(current: Array, partners: Array, random: np.random.Generator) -> tuple[Array, Array]:
    """Walkers with the difference of two of the others added; the logarithm of the change of volume, 0."""
    half, dimensions = current.shape
    first = random.integers(half, size=half)
    second = (first + random.integers(1, half, size=half)) % half
    factor = 1.0 if random.random() < 0.1 else 2.38 / np.sqrt(2 * dimensions)
    return current + factor * (partners[first] - partners[second]), np.zeros(half)


def _stretched(
    current: Array, partners: Array, stretch: float, random: np.random.Generator
) -> tuple[Array, Array]:
    """Walkers moved along the lines to others; (d - 1) log z of each."""
    half, dimensions = current.shape
    z = ((stretch - 1.0) * random.random((half,)) + 1.0) ** 2 / stretch
    centres = partners[random.integers(half, size=half)]
    return centres + z[:, None] * (current - centres), (dimensions - 1) * np.log(z)
