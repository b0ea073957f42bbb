"""The best score so far, over trials and over time."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import plotly.graph_objects as go

from archwright.durations import duration
from archwright.objectives.objective import Objective
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
from archwright.reports.ranking import comparable, completed, first_objective, measured, value_of
from archwright.reports.supernet import is_by_shared_weights, searched_metric
from archwright.reports.wording import metric_text
from archwright.trials import Trial

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["Point", "Trajectory", "best_so_far", "search_clock", "trajectory_figure"]


@dataclass(frozen=True, slots=True)
class Point:
    """One completed trial in a trajectory.

    Args:
        at: Trial number, or seconds of searching at which it finished.
        trial: The trial.
        value: Its own score, in the metric's unit.
        competes: Whether it counts for the best: within the limits, at the fidelity of the run's best trial.
        best: The best score of all that compete up to here; None before the first.
        improves: Whether it is the best when it comes.
    """

    at: float
    trial: Trial
    value: float
    competes: bool
    best: float | None
    improves: bool


@dataclass(frozen=True, slots=True)
class Trajectory:
    """How a search came to its best score.

    Args:
        objective: What is scored.
        over: What `at` counts.
        points: The completed trials with a finite score, by `at`.
        name: What is scored, in words.
        baseline: The hand-made network's score, where one was trained; None where the search's scores are by shared
            weights, which cannot be compared with it.
    """

    objective: Objective
    over: Literal["trials", "seconds"]
    points: tuple[Point, ...]
    name: str
    baseline: float | None


def best_so_far(run: Run, over: Literal["trials", "seconds"] = "trials") -> Trajectory:
    """The search's scores with the best so far, as data.

    Args:
        run: The run.
        over: Count by trial number, or by seconds of searching (see `search_clock`).
    """
    objective = first_objective(run)
    competing = {trial.number for trial in comparable(run)}
    clock = search_clock(run.trials)
    found = []
    for trial, value in measured(completed(run), objective.name):
        at = float(trial.number) if over == "trials" else clock(trial.finished or trial.started)
        found.append((at, trial.number, trial, value))
    points: list[Point] = []
    best: float | None = None
    for at, number, trial, value in sorted(found, key=lambda row: row[:2]):
        competes = number in competing
        improves = competes and (best is None or objective.loss(value) < objective.loss(best))
        best = value if improves else best
        points.append(Point(at, trial, value, competes, best, improves))
    baseline = (
        value_of(run.baseline, objective.name) if run.baseline and not is_by_shared_weights(run) else None
    )
    return Trajectory(objective, over, tuple(points), searched_metric(run, objective.name), baseline)


def search_clock(trials: Sequence[Trial]) -> Callable[[float], float]:
    """A clock that runs while at least one trial runs.

    So the hours between a stop and its resumption do not count.

    Returns:
        From Unix time to seconds of searching before it.
    """
    spans = sorted(
        (t.started, t.finished) for t in trials if t.finished is not None and t.finished >= t.started
    )
    starts: list[float] = []
    ends: list[float] = []
    before: list[float] = []
    for start, end in spans:
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            before.append(before[-1] + ends[-1] - starts[-1] if ends else 0.0)
            starts.append(start)
            ends.append(end)

    def clock(time: float) -> float:
        i = bisect.bisect_right(starts, time) - 1
        return before[i] + min(time, ends[i]) - starts[i] if i >= 0 else 0.0

    return clock


def trajectory_figure(run: Run, over: Literal["trials", "seconds"] = "trials") -> go.Figure:
    """The best score so far as a line, each trial's score as a dot.

    Args:
        run: The run.
        over: What the horizontal axis counts.
    """
    trajectory = best_so_far(run, over)
    points, objective = trajectory.points, trajectory.objective
    drawn = thinned(points, lambda point: point.improves)
    unit, unit_name = time_unit(points[-1].at if points else 0.0) if over == "seconds" else (1.0, "")
    end = points[-1].at / unit if points else 0.0
    improving = [point for point in points if point.improves]
    many, bright = dot_look(len(drawn)), {"color": LIGHT["accent"], "size": 8}
    traces = [
        dots(
            [point.at / unit for point in chosen],
            [point.value for point in chosen],
            [_told(point, trajectory) for point in chosen],
            name,
            look,
        )
        for name, chosen, look in (
            ("one trial", [p for p in drawn if p.competes and not p.improves], many),
            ("over a limit or at lower fidelity", [p for p in drawn if not p.competes], many | CROSS),
            ("an improvement", improving, bright),
        )
        if chosen
    ]
    if improving:
        steps = [(point.at / unit, point.value) for point in improving] + [(end, improving[-1].value)]
        traces.insert(-1, stairs([at for at, _ in steps], [best for _, best in steps], "best so far", 2.5))
    shown = [p.value for p in points] + ([trajectory.baseline] if trajectory.baseline is not None else [])
    focus = focused_range(shown, objective)
    figure = plot(
        traces,
        meta={"note": drawing_notes(len(drawn), len(points), outside(shown, focus))},
        xaxis={
            "title": "trial" if over == "trials" else f"searching time, {unit_name}",
            "showgrid": False,
            "dtick": 1 if over == "trials" and points and points[-1].at <= 10 else None,
            "range": whole_range(end),
        },
        yaxis=score_axis(objective.name, f"validation {trajectory.name}", range=focus),
    )
    if trajectory.baseline is not None:
        line = {"color": LIGHT["warm"], "dash": "dash"}
        place = {"x": 1, "xanchor": "right", "yanchor": "middle"}
        add_mark(figure, "y", trajectory.baseline, "hand-made network", line, **place)
    return figure


def whole_range(end: float) -> tuple[float, float]:
    """From zero to the end, with room for the dots at both."""
    end = end or 1.0
    return -0.03 * end, 1.03 * end


def time_unit(longest: float) -> tuple[float, str]:
    for size, name in ((3600.0, "hours"), (60.0, "minutes")):
        if longest >= 2 * size:
            return size, name
    return 1.0, "seconds"


def _told(point: Point, trajectory: Trajectory) -> str:
    trial, score = point.trial, metric_text(trajectory.objective.name, point.value)
    told = f"<b>trial {trial.number}</b>: {trajectory.name} {score}, {duration(trial.seconds)}"
    return hover_text(trial, told)
