"""The trade-off between the score and what a network costs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import plotly.graph_objects as go

from archwright.objectives import METERS, Direction, Objective
from archwright.objectives.pareto import pareto_front
from archwright.reports.palette import LIGHT
from archwright.reports.plots import (
    CROSS,
    add_mark,
    dot_look,
    dots,
    drawing_notes,
    focused_range,
    hover_text,
    outside,
    plot,
    score_axis,
    stairs,
    thinned,
)
from archwright.reports.ranking import comparable, completed, first_objective, keeps_limits, value_of
from archwright.reports.supernet import BY_SHARED_WEIGHTS, is_by_shared_weights, searched_metric
from archwright.reports.wording import metric_name, metric_text
from archwright.trials import Trial

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["Position", "TradeOff", "pareto_figure", "trade_off"]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a trial stands in a trade-off.

    Args:
        trial: The trial.
        x: Its value of the trade-off's x, in that metric's unit.
        y: Its value of the trade-off's y, in that metric's unit.
        on_front: Whether no other trial beats it in every objective.
        keeps_limits: Whether it is within every limit.
    """

    trial: Trial
    x: float
    y: float
    on_front: bool
    keeps_limits: bool


@dataclass(frozen=True, slots=True)
class TradeOff:
    """Two metrics of the completed trials against each other.

    Args:
        x: The cost, or the second objective.
        y: The first objective.
        positions: The completed trials that have both, in the order of asking.
        joined: Whether the front is one of just these two metrics, so that it can be drawn as a line.
    """

    x: Objective
    y: Objective
    positions: tuple[Position, ...]
    joined: bool


def trade_off(run: Run) -> TradeOff | None:
    """The first objective against the second, or against the parameters where there is no second.

    With one objective the front is that of the score and the parameters; with more, it is the run's.

    Returns:
        None where no completed trial has a second metric to compare.
    """
    y = first_objective(run)
    optimized = [objective for objective in run.objectives if objective.optimize]
    x = optimized[1] if len(optimized) > 1 else _cost(run, y)
    if x is None:
        return None
    pairs = list(_placed(completed(run), x, y))
    if not pairs:
        return None
    if len(optimized) > 1:
        front = set(run.pareto)
    else:
        able = {trial.number for trial in comparable(run)}
        rivals = [trial for trial, _, _ in pairs if trial.number in able]
        front = set(pareto_front(rivals, (Objective(y.name, y.direction), Objective(x.name, x.direction))))
    positions = tuple(
        Position(trial, at_x, at_y, trial.number in front, keeps_limits(trial, run.objectives))
        for trial, at_x, at_y in pairs
    )
    return TradeOff(x, y, positions, joined=len(optimized) <= 2)


def _placed(trials: Iterable[Trial], x: Objective, y: Objective) -> Iterable[tuple[Trial, float, float]]:
    for trial in trials:
        at_x, at_y = value_of(trial, x.name), value_of(trial, y.name)
        if at_x is not None and at_y is not None:
            yield trial, at_x, at_y


def _cost(run: Run, y: Objective) -> Objective | None:
    for name in METERS:
        if name != y.name and any(value_of(trial, name) is not None for trial in completed(run)):
            return Objective(name)
    return None


def pareto_figure(run: Run) -> go.Figure | None:
    """The trade-off as a scatter with the front joined; None where there is no second metric to compare."""
    found = trade_off(run)
    if found is None:
        return None
    x, y = found.x, found.y
    drawn: list[Position] = thinned(found.positions, lambda position: position.on_front)
    # Beside scores by shared weights the score of a trained network says nothing.
    later = [] if is_by_shared_weights(run) else _retrained(run, x, y)
    shown = [*found.positions, *(place for _, place, _ in later)]
    low, high = min(p.x for p in shown), max(p.x for p in shown)
    spread = low > 0 and high > 20 * low
    heights = [p.y for p in shown]
    focus = focused_range(heights, y)
    scale = {"type": "log" if spread else "linear", "dtick": "D2" if spread and high < 2000 * low else None}
    told = f", {BY_SHARED_WEIGHTS}" if is_by_shared_weights(run) else ""
    figure = plot(
        _trials(found, drawn, told)
        + [_dots([place], name, look | {"size": 11}, name) for name, place, look in later],
        height=440,
        meta={"note": drawing_notes(len(drawn), len(found.positions), outside(heights, focus))},
        xaxis=_axis(x, _axis_title(run, x) + (", log scale" if spread else "")) | scale,
        yaxis=_axis(y, f"validation {_axis_title(run, y)}") | {"range": focus},
    )
    for objective in run.objectives:
        if objective.name == x.name and (not spread or (objective.limit or 0) > 0):
            _add_limit(figure, objective, "x", log=spread)
        elif objective.name == y.name:
            _add_limit(figure, objective, "y", log=False)
    return figure


def _trials(found: TradeOff, drawn: list[Position], told: str) -> list[go.Scatter]:
    """The trials of the search, those over a limit as crosses, and the front."""
    on = sorted((p for p in drawn if p.on_front), key=lambda p: found.x.loss(p.x))
    kept = [p for p in drawn if not p.on_front and p.keeps_limits]
    over = [p for p in drawn if not p.on_front and not p.keeps_limits]
    many = dot_look(len(drawn))
    traces = [
        _dots(places, name, look, told=told)
        for places, name, look in (
            (kept, "one trial", many),
            (over, "over a limit", many | CROSS),
            (on, "Pareto front", {"color": LIGHT["accent"], "size": 9}),
        )
        if places
    ]
    if found.joined and len(on) > 1:
        # The edge of what was reached: from the cheapest on, the best score for at most that cost.
        front = stairs([p.x for p in on], [p.y for p in on], "front", 1.5, showlegend=False)
        traces.insert(-1, front)
    return traces


def _retrained(run: Run, x: Objective, y: Objective) -> list[tuple[str, Position, dict[str, Any]]]:
    """The chosen and the hand-made network: name, place and look."""
    return [
        (name, Position(trial, at_x, at_y, on_front=False, keeps_limits=True), look)
        for trial, name, look in (
            (run.winner, "chosen network, retrained", {"color": LIGHT["good"], "symbol": "diamond"}),
            (run.baseline, "hand-made network", {"color": LIGHT["warm"], "symbol": "square"}),
        )
        if trial is not None
        for _, at_x, at_y in _placed([trial], x, y)
    ]


def _axis_title(run: Run, objective: Objective) -> str:
    better = "smaller" if objective.direction is Direction.MINIMIZE else "larger"
    return f"{searched_metric(run, objective.name)} ({better} is better)"


def _axis(objective: Objective, title: str) -> dict[str, Any]:
    return score_axis(objective.name, title, **({"tickformat": "~s"} if objective.has_meter else {}))


def _dots(
    places: list[Position], name: str, look: dict[str, Any], title: str | None = None, told: str = ""
) -> go.Scatter:
    texts = [_told(place.trial, title or f"trial {place.trial.number}{told}") for place in places]
    return dots([place.x for place in places], [place.y for place in places], texts, name, look)


def _told(trial: Trial, title: str) -> str:
    metrics = [f"{metric_name(k)} {metric_text(k, value)}" for k, value in list(trial.metrics.items())[:8]]
    return hover_text(trial, f"<b>{title}</b>", *map(escape, metrics), most=110)


def _add_limit(figure: go.Figure, objective: Objective, axis: Literal["x", "y"], log: bool) -> None:
    """A dotted line across the plot; where the axis is logarithmic, texts take the logarithm but lines do not."""
    if objective.limit is None:
        return
    sign = "≤" if objective.direction is Direction.MINIMIZE else "≥"
    place: dict[str, Any] = (
        {"xanchor": "right", "yanchor": "bottom"} if axis == "x" else {"xanchor": "left", "yanchor": "middle"}
    )
    if log:
        place["x"] = math.log10(objective.limit)
    text = f"{sign} {metric_text(objective.name, objective.limit)}"
    add_mark(figure, axis, objective.limit, text, {"color": LIGHT["bad"], "dash": "dot"}, **place)
