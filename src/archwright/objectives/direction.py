"""Which way a metric is better."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["DIRECTIONS", "NEEDS_ERROR", "OF_AMOUNTS", "STANDARD_ERROR", "Direction"]

STANDARD_ERROR = "_standard_error"
"""Ends the name of the standard error of a metric, which stands beside it: had other examples been drawn."""
OF_AMOUNTS = ("r2", "rmse", "mae", "mse")
"""Metrics of predicted amounts."""
NEEDS_ERROR = ("balanced_accuracy", "f1", "micro_f1", "macro_f1", *OF_AMOUNTS)
"""Metrics whose standard error stands beside them, since it depends on the examples and not on the value alone."""


class Direction(StrEnum):
    """Which way is better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


DIRECTIONS: dict[str, Direction] = {
    "accuracy": Direction.MAXIMIZE,
    "balanced_accuracy": Direction.MAXIMIZE,
    "f1": Direction.MAXIMIZE,
    "micro_f1": Direction.MAXIMIZE,
    "macro_f1": Direction.MAXIMIZE,
    "exact_match": Direction.MAXIMIZE,
    "fitness": Direction.MAXIMIZE,
    "unseen_fitness": Direction.MAXIMIZE,
    "r2": Direction.MAXIMIZE,
    "loss": Direction.MINIMIZE,
    "perplexity": Direction.MINIMIZE,
    "bits_per_character": Direction.MINIMIZE,
    "mae": Direction.MINIMIZE,
    "mse": Direction.MINIMIZE,
    "rmse": Direction.MINIMIZE,
    "seconds": Direction.MINIMIZE,
}
"""Metrics of estimates that are known by name, with their direction. Those that a meter measures are in `METERS`."""
