"""What the figures share: their layout, dots and lines, how many dots to draw, and which part of an axis to show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, Literal

import plotly.graph_objects as go

from archwright.durations import count_of
from archwright.objectives.objective import Objective
from archwright.reports.palette import LIGHT, TEMPLATE
from archwright.reports.wording import architecture_brief, is_share, metric_text
from archwright.trials import Trial

# fmt: off
__all__ = [
    "CROSS", "add_mark", "dot_look", "dots", "drawing_notes", "epoch_axis", "epoch_line", "focused_range",
    "hover_text", "outside", "plot", "score_axis", "stairs", "thinned",
]
# fmt: on

_DRAWN = 1500

CROSS = {"symbol": "x-thin", "line": {"color": LIGHT["faint"], "width": 1}}
"""How a trial looks that does not compete."""


def plot(traces: Iterable[go.Scatter], **layout: Any) -> go.Figure:
    """A figure in the style of the report, with more of plotly's layout."""
    # A height in a template would be given up for that of the element on the page.
    return go.Figure(list(traces), layout={"template": TEMPLATE, "height": 380, **layout})


def add_mark(
    figure: go.Figure, axis: Literal["x", "y"], at: float, text: str, line: dict[str, Any], **place: Any
) -> None:
    """A line across the plot, with a text.

    Args:
        figure: Where to.
        axis: Of the value.
        at: The value.
        text: What stands at the line, in its colour.
        line: How it looks.
        place: Where the text stands, as plotly's annotations have it.
    """
    other = "y" if axis == "x" else "x"
    across = {f"{other}ref": "paper", f"{other}0": 0, f"{other}1": 1}
    figure.add_shape(type="line", line={**line, "width": 1.5}, **{f"{axis}0": at, f"{axis}1": at}, **across)
    figure.add_annotation(
        **{axis: at, other: 0, f"{other}ref": "paper", **place},
        text=text,
        showarrow=False,
        font={"color": line["color"], "size": 12},
        bgcolor=LIGHT["surface"],
    )


def score_axis(metric: str, title: str, **more: Any) -> dict[str, Any]:
    """An axis of a metric; shares are read as percentages."""
    return {"title": title, "tickformat": ".1%" if is_share(metric) else None, **more}


def epoch_axis(longest: float) -> dict[str, Any]:
    """The axis of epochs, up to a number."""
    return {"title": "epoch", "showgrid": False, "dtick": 1 if longest <= 10 else None}


def dots(
    x: Sequence[float], y: Sequence[float], texts: Sequence[str], name: str, look: dict[str, Any]
) -> go.Scatter:
    """Dots with a text for each, which shows when the pointer is over it."""
    return go.Scatter(
        x=x, y=y, text=texts, name=name, marker=look, mode="markers", hovertemplate="%{text}<extra></extra>"
    )


def stairs(x: Sequence[float], y: Sequence[float], name: str, width: float, **more: Any) -> go.Scatter:
    """A line that keeps its height up to the next point."""
    line = {"color": LIGHT["accent"], "width": width, "shape": "hv"}
    return go.Scatter(x=x, y=y, mode="lines", name=name, line=line, hoverinfo="skip", **more)


def epoch_line(
    epochs: Sequence[float],
    values: Sequence[float | None],
    metric: str,
    *,
    name: str,
    hover: str,
    line: dict[str, Any],
    **more: Any,
) -> go.Scatter:
    """A metric over epochs, with gaps where it is missing or not finite.

    Args:
        epochs: The epochs.
        values: The metric in each; None where it is missing.
        metric: Its name.
        name: What the legend calls it.
        hover: What shows when the pointer is over a point, before the value; `%{x}` is the epoch.
        line: How the line looks.
        more: Further settings of `go.Scatter`.
    """
    return go.Scatter(
        x=list(epochs),
        y=[value if value is not None and math.isfinite(value) else None for value in values],
        mode="lines" if len(epochs) > 2 else "lines+markers",
        name=escape(name),
        line=line,
        text=[metric_text(metric, value) for value in values],
        hovertemplate=f"{hover} %{{text}}<extra></extra>",
        **more,
    )


def hover_text(trial: Trial, *lines: str, most: int = 90) -> str:
    """Lines of HTML about a trial, then its architecture in at most so many characters."""
    return "<br>".join([*lines, escape(architecture_brief(trial.candidate.architecture, most))])


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


def dot_look(count: int) -> dict[str, Any]:
    """How the many dots look: small and translucent where there are hundreds."""
    size, opacity = (4, 0.55) if count > 300 else (6, 1)
    return {"color": LIGHT["faint"], "size": size, "opacity": opacity}


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
