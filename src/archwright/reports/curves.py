"""Learning curves of the top networks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from archwright.objectives import METERS
from archwright.reports.palette import LIGHT
from archwright.reports.plots import epoch_axis, epoch_line, plot, score_axis
from archwright.reports.ranking import in_order, score_names
from archwright.reports.wording import metric_name
from archwright.trials import Trial

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["Curve", "curve_figures", "top_curves"]

_ROLES = ("accent", "good", "violet", "teal")


@dataclass(frozen=True, slots=True)
class Curve:
    """One network's training, epoch by epoch.

    Args:
        name: What to call it in a legend.
        trial: The trial it belongs to.
        role: Its colour's role in the palette.
    """

    name: str
    trial: Trial
    role: str

    @property
    def metrics(self) -> list[str]:
        """The metrics that some epoch has, in the order of their first appearance."""
        return list(dict.fromkeys(key for row in self._rows for key in row if key != "epoch"))

    def values(self, metric: str) -> tuple[list[float], list[float | None]]:
        """Epochs, and the metric in each; None where it is missing or not finite."""
        epochs = [float(row.get("epoch", i + 1)) for i, row in enumerate(self._rows)]
        found = [row.get(metric, math.nan) for row in self._rows]
        return epochs, [value if math.isfinite(value) else None for value in found]

    @property
    def _rows(self) -> tuple[dict[str, float], ...]:
        return tuple(map(dict, self.trial.measurement.curve)) if self.trial.measurement else ()


def top_curves(run: Run, most: int = 5) -> list[Curve]:
    """The learning curves to show: of the retrained networks where there are any, else of the search's top.

    The hand-made network's stands beside those of retrained ones.

    Args:
        run: The run.
        most: How many curves of searched networks at most.
    """
    retrained = [trial for trial in run.retrained if trial.measurement and trial.measurement.curve]
    winner = run.winning_number
    retrained.sort(key=lambda trial: trial.number != winner)
    trials = retrained or [t for t in in_order(run, most) if t.measurement and t.measurement.curve]
    curves = [Curve(f"trial {t.number}", t, _ROLES[i % len(_ROLES)]) for i, t in enumerate(trials[:most])]
    if retrained and run.baseline and run.baseline.measurement and run.baseline.measurement.curve:
        curves.append(Curve("hand-made", run.baseline, "warm"))
    return curves


def curve_figures(run: Run, most: int = 5) -> dict[str, go.Figure]:
    """Score and loss over epochs.

    Args:
        run: The run.
        most: How many curves of searched networks at most.

    Returns:
        `curves_score` and `curves_loss`, each only where some estimate left such a curve.
    """
    curves = top_curves(run, most)
    found = {}
    score = _score_name(run, curves)
    if score is not None:
        found["curves_score"] = _figure(
            curves, score, f"validation {metric_name(score)}", {score: "validation"}
        )
    parts = {"loss": "validation", "train_loss": "training"}
    held = {name: part for name, part in parts.items() if any(name in curve.metrics for curve in curves)}
    if held:
        title = "loss (dotted: training)" if len(held) == 2 else f"{next(iter(held.values()))} loss"
        found["curves_loss"] = _figure(curves, "loss", title, held)
    return found


def _figure(curves: list[Curve], name: str, title: str, parts: dict[str, str]) -> go.Figure:
    """One metric over epochs; `parts` maps the keys of the curves to the split they were measured on."""
    traces = []
    longest = 0.0
    for curve in curves:
        shown = False
        for metric, part in parts.items():
            epochs, values = curve.values(metric)
            if all(value is None for value in values):
                continue
            line = {"color": LIGHT[curve.role], "width": 2}
            if part == "training" and len(parts) > 1:
                line |= {"width": 1.5, "dash": "dot"}
            hover = f"<b>{escape(curve.name)}</b>, epoch %{{x}}<br>{part} {escape(metric_name(name))}"
            traces.append(
                epoch_line(
                    epochs,
                    values,
                    name,
                    name=curve.name,
                    hover=hover,
                    line=line,
                    legendgroup=curve.name,
                    showlegend=not shown,
                )
            )
            longest, shown = max(longest, *epochs), True
    return plot(traces, showlegend=True, xaxis=epoch_axis(longest), yaxis=score_axis(name, title))


def _score_name(run: Run, curves: list[Curve]) -> str | None:
    """The first objective that the curves hold, else another metric of theirs that is no loss; or None."""
    held = dict.fromkeys(name for curve in curves for name in curve.metrics)
    known = [name for name in held if name not in ("loss", "train_loss", "seconds", *METERS)]
    return next((name for name in [*score_names(run), *known] if name in known), None)
