"""Random numbers of which no state has to be kept."""

from __future__ import annotations

from random import Random

__all__ = ["random_for"]


def random_for(seed: int, ask: int) -> Random:
    """The generator of one ask: its numbers depend on the strategy's seed and the ask's position alone.

    So a strategy's state holds a counter instead of a generator, and a resumed search draws what the
    uninterrupted one would have drawn.

    Args:
        seed: The strategy's seed, any whole number.
        ask: How many candidates were asked before.
    """
    return Random(f"{seed}:{ask}")
