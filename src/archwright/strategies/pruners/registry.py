"""Pruners by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archwright.objectives import Objective
from archwright.registry import Entry, Registry
from archwright.strategies.pruners.pruner import Pruner

__all__ = ["PRUNERS", "make_pruner"]

_HERE = "archwright.strategies.pruners"

PRUNERS = Registry[Pruner, Entry](
    "pruner",
    "archwright.pruners",
    {
        "never": Entry(f"{_HERE}.never:NeverPruner", "every trial runs to its end"),
        "median": Entry(
            f"{_HERE}.median:MedianPruner", "stops what is worse than the median of the completed trials"
        ),
        "threshold": Entry(
            f"{_HERE}.threshold:ThresholdPruner", "stops what leaves given bounds, or is not finite"
        ),
    },
    positional=1,
)
"""A mapping: name to `Entry`."""


def make_pruner(
    name: str, objectives: Sequence[Objective], options: Mapping[str, Any] | None = None
) -> Pruner:
    """Make a pruner by its name.

    Args:
        name: A name in `PRUNERS`.
        objectives: What the search looks at.
        options: Options by name.

    Raises:
        UsageError: When the name or an option is unknown, or a value does not fit.
    """
    return PRUNERS.make(name, objectives, options=options)
