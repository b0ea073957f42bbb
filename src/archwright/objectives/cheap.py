"""The built-in meters that need no training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from archwright.objectives.meter import METERS, measure_by

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CHEAP", "measure_cheap"]

CHEAP = tuple(METERS.entries)


def measure_cheap(names: Iterable[str], network: nn.Module, example: Any) -> dict[str, float]:
    """What is read off a built network, for those names.

    Args:
        names: Keys of `METERS`.
        network: A network whose lazy modules, if any, already have their size.
        example: A batch of inputs, shape (N, ...) with N >= 1, or a pair (args, kwargs) of what it is called with.

    Returns:
        Name to count, in the order of the names. "flops" is for one example.

    Raises:
        UsageError: When a name is no meter's.
    """
    return measure_by({name: METERS.make(name) for name in names}, network, example)
