"""Pruners by name."""

from __future__ import annotations

from archwright.registry import Entry, Registry
from archwright.strategies.pruners.pruner import Pruner

__all__ = ["PRUNERS"]

_HERE = "archwright.strategies.pruners"

PRUNERS = Registry[Pruner, Entry](
    "pruner",
    "archwright.pruners",
    {
        "cascade": Entry(
            f"{_HERE}.cascade:CascadePruner",
            "stops what is not among the best share of those that reached the same stage of a cascade",
        ),
        "never": Entry(f"{_HERE}.never:NeverPruner", "every trial runs to its end"),
        "median": Entry(
            f"{_HERE}.median:MedianPruner", "stops what is worse than the median of the completed trials"
        ),
        "learning_curve": Entry(
            f"{_HERE}.learning_curve:LearningCurvePruner",
            "stops what will probably not end better than the best completed trial",
        ),
        "threshold": Entry(
            f"{_HERE}.threshold:ThresholdPruner", "stops what leaves given bounds, or is not finite"
        ),
    },
    positional=1,
)
"""The pruners known by name: called with the objectives."""
