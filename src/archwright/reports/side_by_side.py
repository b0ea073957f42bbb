"""Several runs side by side: how each came to its best score, what it found, what it cost, how they were made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import plotly.graph_objects as go

from archwright.durations import count_of, duration
from archwright.errors import UsageError
from archwright.objectives import METERS
from archwright.objectives.objective import Objective
from archwright.reports.page import render_page, write_page
from archwright.reports.palette import LIGHT
from archwright.reports.plots import add_mark, focused_range, outside, plot, score_axis, stairs
from archwright.reports.provenance import cost_lines, settings_groups, time_text
from archwright.reports.ranking import first_objective, is_cost, value_of
from archwright.reports.summary import headline, shown_trial, trial_counts
from archwright.reports.supernet import is_by_shared_weights
from archwright.reports.table import Row, Table
from archwright.reports.trajectory import Point, best_so_far, time_unit, whole_range
from archwright.reports.wording import MISSING, metric_name, metric_text

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = [
    "costs_table",
    "differing_settings",
    "render_side_by_side",
    "run_labels",
    "side_by_side_figure",
    "winners_table",
    "write_side_by_side",
]

_COLOURS = ("accent", "warm", "good", "violet", "teal", "rose", "ochre", "slate", "bad", "muted")
_DASHES = ("solid", "dash", "dot", "dashdot")
_OF_ITS_OWN = {"began", "name"}
"""Settings that differ between any two runs."""


def write_side_by_side(runs: Sequence[Run], path: Path | str) -> Path:
    """Write one HTML page on several runs, which needs no network.

    Args:
        runs: Two or more, in any state, whose first objective is the same.
        path: The file to write; folders above it are made.

    Returns:
        The path.

    Raises:
        UsageError: When the runs cannot be compared, or the path is a folder or a file of a run.
    """
    check_comparable(runs)
    return write_page(path, runs, lambda: render_side_by_side(runs))


def render_side_by_side(runs: Sequence[Run]) -> str:
    """The page as text. See `write_side_by_side`."""
    objective = check_comparable(runs)
    plots = {
        f"trajectory{'' if over == 'trials' else '_seconds'}": figure
        for over in ("trials", "seconds")
        if (figure := side_by_side_figure(runs, over)) is not None
    }
    labels = run_labels(runs)
    return render_page(
        "side_by_side.html.jinja",
        plots,
        runs=[(label, run, headline(run)) for label, run in zip(labels, runs, strict=True)],
        headline=_headline(runs, labels, objective),
        objective=metric_name(objective.name),
        winners=winners_table(runs),
        costs=costs_table(runs),
        settings=differing_settings(runs),
        written=time_text(time.time()),
    )


def check_comparable(runs: Sequence[Run]) -> Objective:
    """The first objective, which must be one for all runs.

    Raises:
        UsageError: When it is not, or one run is given twice or judges cheap estimates.
    """
    first = first_objective(runs[0])
    seen: set[Path] = set()
    for run in runs:
        if run.config.judge is not None:
            raise UsageError(
                f"{run.folder} judges cheap estimates and has no search to compare; leave it out"
            )
        other = first_objective(run)
        if (other.name, other.direction) != (first.name, first.direction):
            raise UsageError(
                f"expected runs with one first objective, got '{first}' of {runs[0].folder} and '{other}' of "
                f"{run.folder}; compare those that optimise the same"
            )
        if run.folder.resolve() in seen:
            raise UsageError(f"{run.folder} is given twice; give each run once")
        seen.add(run.folder.resolve())
    return first


def run_labels(runs: Sequence[Run]) -> list[str]:
    """What the runs are called: their names, with as many folders before them as tell them apart."""
    parts = [run.folder.resolve().parts for run in runs]
    for depth in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(part[-depth:]) for part in parts]
        if len(set(labels)) == len(labels):
            break
    return labels


def side_by_side_figure(
    runs: Sequence[Run], over: Literal["trials", "seconds"] = "trials"
) -> go.Figure | None:
    """The best score so far of each run, one line a run; None where no run has measured anything.

    Only trials that compete in their run count, and only scores that mean the same: where some runs score by shared
    weights and others do not, the plot says so.

    Args:
        runs: The runs.
        over: What the horizontal axis counts.
    """
    trajectories = [best_so_far(run, over) for run in runs]
    objective = trajectories[0].objective
    longest = max((t.points[-1].at for t in trajectories if t.points), default=0.0)
    unit, unit_name = time_unit(longest) if over == "seconds" else (1.0, "")
    lines: list[go.Scatter] = []
    shown: list[float] = []
    for place, (label, trajectory) in enumerate(zip(run_labels(runs), trajectories, strict=True)):
        improving = [point for point in trajectory.points if point.improves]
        if not improving:
            continue
        end = trajectory.points[-1].at
        steps = [*((point.at / unit, point.value) for point in improving), (end / unit, improving[-1].value)]
        line = stairs([at for at, _ in steps], [best for _, best in steps], escape(label), 2.5)
        line.line.update(color=_colour(place), dash=_DASHES[place // len(_COLOURS) % len(_DASHES)])
        line.update(text=_told(improving, label, objective), hoverinfo="text", mode="lines+markers")
        lines.append(line)
        shown += [point.value for point in improving]
    if not lines:
        return None
    focus = focused_range(shown, objective)
    notes = (
        [f"{count_of(hidden, 'score')} outside the axis: double-click to see all"]
        if (hidden := outside(shown, focus))
        else []
    )
    if len({is_by_shared_weights(run) for run in runs}) > 1:
        notes.append(
            "some runs score by shared weights, which is another score than that of networks trained alone"
        )
    title = "trial" if over == "trials" else f"searching time, {unit_name}"
    figure = plot(
        lines,
        meta={"note": ". ".join(notes)},
        xaxis={"title": title, "showgrid": False, "range": whole_range(longest / unit)},
        yaxis=score_axis(
            objective.name, f"validation {metric_name(objective.name)}, best so far", range=focus
        ),
        showlegend=True,
    )
    known = {t.baseline for t in trajectories if t.baseline is not None}
    if len(known) == 1:
        dashed = {"color": LIGHT["faint"], "dash": "dash"}
        add_mark(
            figure, "y", known.pop(), "hand-made network", dashed, x=1, xanchor="right", yanchor="middle"
        )
    return figure


def winners_table(runs: Sequence[Run]) -> Table:
    """What each run found: validation and test scores, what the network costs; the best by validation is marked.

    Where no winner was chosen yet, it is the best of the search.
    """
    objective = check_comparable(runs)
    best = [shown_trial(run) for run in runs]
    scores = dict.fromkeys(o.name for run in runs for o in run.objectives if not is_cost(run, o.name))
    costs = dict.fromkeys(
        [*METERS, *(o.name for run in runs for o in run.objectives if is_cost(run, o.name))]
    )
    known = [name for name in costs if any(trial and value_of(trial, name) is not None for trial in best)]
    tested = dict.fromkeys(
        name for run in runs for name in (run.test or {}) if name in scores or name == run.config.task.metric
    )
    columns = ["run", "strategy", "network"]
    columns += [f"validation {metric_name(name)}" for name in scores] + [
        f"test {metric_name(name)}" for name in tested
    ]
    columns += [
        f"hand-made, test {metric_name(name)}" for name in tested if any(run.baseline_test for run in runs)
    ]
    columns += [metric_name(name) for name in known]
    values = [value_of(trial, objective.name) if trial else None for trial in best]
    losses = [objective.loss(value) for run, value in zip(runs, values, strict=True) if value is not None]
    rows = []
    for label, run, trial, value in zip(run_labels(runs), runs, best, values, strict=True):
        cells = [
            label,
            run.config.strategy.name,
            run.won_by or (f"trial {trial.number}" if trial else MISSING),
        ]
        cells += [metric_text(name, value_of(trial, name) if trial else None) for name in scores]
        cells += [metric_text(name, (run.test or {}).get(name)) for name in tested]
        if any(run.baseline_test for run in runs):
            cells += [metric_text(name, (run.baseline_test or {}).get(name)) for name in tested]
        cells += [metric_text(name, value_of(trial, name) if trial else None) for name in known]
        is_best = value is not None and objective.loss(value) == min(losses) and _same_split(runs)
        marks = (("best by validation",) if is_best else ()) + (() if run.winner else ("not retrained",))
        rows.append(Row(tuple(cells), marks=marks))
    return Table(tuple(columns), tuple(rows))


def costs_table(runs: Sequence[Run]) -> Table:
    """What each run cost: trials by state, wall time and work."""
    lines = [dict(cost_lines(run)) for run in runs]
    names = list(dict.fromkeys(name for one in lines for name in one))
    states = list(dict.fromkeys(state for run in runs for state, count in trial_counts(run).items() if count))
    told = {"infeasible": "over a limit"}
    rows = []
    for label, run, one in zip(run_labels(runs), runs, lines, strict=True):
        counts = [f"{trial_counts(run)[state]:,}" for state in states]
        rows.append(Row((label, *counts, *(one.get(name, MISSING) for name in names))))
    return Table(("run", *(f"trials {told.get(state, state)}" for state in states), *names), tuple(rows))


def differing_settings(runs: Sequence[Run]) -> list[tuple[str, tuple[str, ...]]]:
    """Settings that are not the same in all runs: name, and the value in each."""
    flat: list[dict[str, str]] = []
    for run in runs:
        groups = settings_groups(run)
        flat.append(
            {
                f"{title}: {name}": value
                for title, lines in groups
                for name, value in lines
                if name not in _OF_ITS_OWN
            }
        )
    names = dict.fromkeys(name for one in flat for name in one)
    rows = [(name, tuple(one.get(name, MISSING) for one in flat)) for name in names]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _colour(place: int) -> str:
    return LIGHT[_COLOURS[place % len(_COLOURS)]]


def _told(points: Sequence[Point], label: str, objective: Objective) -> list[str]:
    """What shows when the pointer is over a step; the last one once more at the line's end."""
    told = [
        f"<b>{escape(label)}</b>: trial {point.trial.number}, {metric_text(objective.name, point.value)}, "
        f"{duration(point.trial.seconds)}"
        for point in points
    ]
    return [*told, told[-1]]


def _same_split(runs: Sequence[Run]) -> bool:
    """Whether scores are of the same examples, as far as the records say."""
    tasks: list[Any] = [run.config.task for run in runs]
    return len({(task.name, task.split, task.input_shape) for task in tasks}) == 1


def _headline(runs: Sequence[Run], labels: Sequence[str], objective: Objective) -> str:
    found = [
        (label, trial)
        for label, run in zip(labels, runs, strict=True)
        if (trial := shown_trial(run)) is not None
    ]
    scored = [
        (label, value) for label, trial in found if (value := value_of(trial, objective.name)) is not None
    ]
    name = metric_name(objective.name)
    if not scored:
        return f"None of the {len(runs)} runs has measured {name} yet."
    if not _same_split(runs):
        return f"{len(runs)} runs that optimise {name} on different data, so their scores cannot be ranked."
    ranked = sorted(scored, key=lambda pair: objective.loss(pair[1]))
    best = [label for label, value in ranked if value == ranked[0][1]]
    reached = metric_text(objective.name, ranked[0][1])
    if len(best) > 1:
        return f"{' and '.join(best)} are level at validation {name} {reached}."
    second = (
        f", before {ranked[1][0]} with {metric_text(objective.name, ranked[1][1])}" if len(ranked) > 1 else ""
    )
    return f"{best[0]} found the best network by validation: {name} {reached}{second}."
