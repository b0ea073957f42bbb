"""What a run that judges cheap estimates shows: its verdict, a row for each estimate, and Spearman's intervals."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from archwright.durations import duration
from archwright.experiments.judgement import Judgement, judgement_of
from archwright.reports.palette import LIGHT
from archwright.reports.plots import add_mark, plot
from archwright.reports.table import Row, Table
from archwright.reports.wording import metric_name

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = [
    "CHEAPEST",
    "judged_table",
    "judgement_figure",
    "judgement_to_show",
    "search_taking",
]


CHEAPEST = "cheapest that suffices"
"""The mark of the estimate that a verdict names."""


def judgement_to_show(run: Run) -> Judgement | None:
    """What a run has found of cheap estimates; None where it judges none, or has not judged to its end."""
    return None if run.config.judge is None or run.judgement is None else judgement_of(run)


def search_taking(run: Run) -> str:
    """How a search takes the verdict: a command, or a call where a task or a space has no name."""
    task, space = run.config.task, run.config.space
    if task.reference is None or space.reference is None:
        return f'aw.search(space, task, estimator="auto", estimator_options={{"judge": "{run.folder}"}})'
    words = ["archwright", "search", task.reference, *_options(task.options), "--space", space.reference]
    return shlex.join([*words, "--estimator", "auto", "--estimator-option", f"judge={run.folder}"])


def _options(given: Mapping[str, Any]) -> list[str]:
    """A task's options as those of a command: `target` and so on, some of which stand several times."""
    words = []
    for name, value in given.items():
        option = {"test": "test-file", "columns": "column"}.get(name, name)
        if isinstance(value, bool):
            words.append(f"--{'' if value else 'no-'}{option}")
            continue
        several = [f"{key}={kind}" for key, kind in value.items()] if isinstance(value, Mapping) else value
        for one in several if isinstance(several, list | tuple) else [several]:
            words += [f"--{option}", str(one)]
    return words


def judged_table(found: Judgement) -> Table:
    """A row for each estimate, the cheapest first, as `archwright judge` prints it."""
    best, good = found.cheapest, found.sufficient
    rows = [
        Row(one.cells, marks=(CHEAPEST,) if one is best else ("suffices",) * (one in good))
        for one in found.scores
    ]
    return Table(("estimate", *found.columns[1:]), tuple(rows))


def judgement_figure(run: Run) -> go.Figure | None:
    """Spearman's correlation of each estimate with its interval, the cheapest on top, and the threshold."""
    found = judgement_to_show(run)
    scores = [one for one in found.scores if one.spearman is not None] if found else []
    if found is None or not scores:
        return None
    texts = [
        f"<b>{escape(one.name)}</b><br>Spearman {one.cells[1]}<br>{duration(one.cost)} a network"
        for one in scores
    ]
    values = [one.spearman or 0.0 for one in scores]
    above = [one.spearman_interval[1] - value for one, value in zip(scores, values, strict=True)]
    below = [value - one.spearman_interval[0] for one, value in zip(scores, values, strict=True)]
    colours = [LIGHT["good" if one in found.sufficient else "accent"] for one in scores]
    dots = go.Scatter(
        x=values,
        y=[escape(one.name) for one in scores],
        error_x={
            "type": "data",
            "array": above,
            "arrayminus": below,
            "color": LIGHT["faint"],
            "thickness": 1.5,
        },
        marker={"color": colours, "size": 9},
        mode="markers",
        text=texts,
        hovertemplate="%{text}<extra></extra>",
    )
    figure = plot(
        [dots],
        height=110 + 26 * len(scores),
        xaxis={
            "title": f"Spearman's ρ with {metric_name(found.metric)} after full training",
            "range": [-1.02, 1.02],
        },
        yaxis={"autorange": "reversed", "automargin": True, "type": "category"},
    )
    line = {"color": LIGHT["muted"], "dash": "dash"}
    add_mark(figure, "x", found.threshold, "threshold", line, yanchor="bottom", xanchor="left")
    return figure
