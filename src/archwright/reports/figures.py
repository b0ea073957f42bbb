"""All figures of a report, for the page and for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from archwright.reports.agreement import agreement_figure
from archwright.reports.curves import curve_figures
from archwright.reports.judged import judgement_figure
from archwright.reports.monitors import monitor_figures
from archwright.reports.pareto import pareto_figure
from archwright.reports.preferences import preference_figures
from archwright.reports.ranking import completed, first_objective, measured
from archwright.reports.trajectory import trajectory_figure

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["figures"]


def figures(run: Run) -> dict[str, go.Figure]:
    """The figures of a run that there is data for.

    Args:
        run: The run.

    Returns:
        Some of `supernet_losses`, `supernet_score`, `supernet_entropy`, `supernet_skips`, `supernet_eigenvalue` (what
        was watched while a supernet was trained), `preferences`, `preferences_2`, ... (alpha over time), `agreement`
        (scores by shared weights against those trained alone), `trajectory` (best score over trials),
        `trajectory_seconds` (over time), `pareto` (score against cost), `curves_score` and `curves_loss` (learning
        curves of the top networks). Of a run that judges cheap estimates only `estimates` (their
        correlations) and the learning curves.
    """
    if run.config.judge is not None:
        intervals = judgement_figure(run)
        return ({} if intervals is None else {"estimates": intervals}) | curve_figures(run)
    found = monitor_figures(run) | preference_figures(run)
    if (scatter := agreement_figure(run)) is not None:
        found["agreement"] = scatter
    if measured(completed(run), first_objective(run).name):
        found["trajectory"] = trajectory_figure(run, "trials")
        found["trajectory_seconds"] = trajectory_figure(run, "seconds")
    if (pareto := pareto_figure(run)) is not None:
        found["pareto"] = pareto
    return found | curve_figures(run)
