"""What scatter plots share: how many dots to draw, how they look, and which part of an axis to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from archwright.objectives.objective import Objective
from archwright.reports.palette import LIGHT
from archwright.reports.wording import count_of

__all__ = ["dot_look", "drawing_notes", "focused_range", "outside", "thinned"]

_DRAWN = 1500


def thinned(points: Sequence[Any], keep: Callable[[Any], bool], most: int = _DRAWN) -> list[Any]:
    """At most about `most` points, evenly over the order, and all that must be kept."""
    if len(points) <= most:
        return list(points)
    step = -(-len(points) // most)
    return [point for i, point in enumerate(points) if i % step == 0 or keep(point)]


def drawing_notes(drawn: int, total: int, hidden: int) -> str:
    """What a figure leaves out, in words; empty where it shows everything.

    Args:
        drawn: How many trials are drawn.
        total: How many there are.
        hidden: How many scores are outside the axis as it first shows.
    """
    notes = [f"{drawn:,} of {total:,} trials are drawn, all that matter among them"] if drawn < total else []
    if hidden:
        notes.append(f"{count_of(hidden, 'score')} outside the axis: double-click to see all")
    return ". ".join(notes)


def outside(values: Sequence[float], shown: tuple[float, float] | None) -> int:
    """How many values are outside a range."""
    return 0 if shown is None else sum(not shown[0] <= value <= shown[1] for value in values)


def dot_look(count: int, **look: Any) -> dict[str, Any]:
    """How the many dots look: small and translucent where there are hundreds."""
    return {
        "color": LIGHT["faint"],
        "size": 4 if count > 300 else 6,
        "opacity": 0.55 if count > 300 else 1,
    } | look


def focused_range(values: Sequence[float], objective: Objective) -> tuple[float, float] | None:
    """An axis range without the few worst scores, where these would squeeze all others into a line.

    Returns:
        The lower and upper end; None where all scores can be shown.
    """
    if len(values) < 8:
        return None
    ordered = sorted(values, key=objective.loss)
    best, worst, nearly_worst = ordered[0], ordered[-1], ordered[int(0.9 * (len(ordered) - 1))]
    if abs(worst - best) <= 3 * abs(nearly_worst - best) or nearly_worst == best:
        return None
    margin = 0.08 * abs(nearly_worst - best)
    low, high = min(best, nearly_worst), max(best, nearly_worst)
    return low - margin, high + margin
