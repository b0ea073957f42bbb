"""Reports: what a search found, in figures, drawings and one HTML page.

- The page: `write_report`, `render_report`; of several runs side by side: `write_side_by_side`, `render_side_by_side`.
- Its figures, for notebooks: `figures`, `trajectory_figure`, `pareto_figure`, `curve_figures`, `draw_architecture`;
  of a supernet: `monitor_figures`, `preference_figures`, `agreement_figure`.
- What they show, as data: `best_so_far`, `trade_off`, `top_curves`, `top_table`, `retrained_table`,
  `failure_groups`, `headline`, `key_numbers`; of a supernet: `monitors`, `collapse`, `preference_families`,
  `agreement`, `supernet_progress`.
"""

from archwright.reports.agreement import Agreement, agreement, agreement_figure
from archwright.reports.curves import Curve, curve_figures, top_curves
from archwright.reports.drawing import draw_architecture
from archwright.reports.failures import FailureGroup, failure_groups
from archwright.reports.figures import figures
from archwright.reports.html import render_report, write_report
from archwright.reports.monitors import Monitor, collapse, monitor_figures, monitors
from archwright.reports.pareto import Position, TradeOff, pareto_figure, trade_off
from archwright.reports.preferences import Family, Preference, preference_families, preference_figures
from archwright.reports.side_by_side import (
    costs_table,
    differing_settings,
    render_side_by_side,
    side_by_side_figure,
    winners_table,
    write_side_by_side,
)
from archwright.reports.summary import KeyNumber, headline, key_numbers
from archwright.reports.supernet import SupernetProgress, is_one_shot, supernet_progress
from archwright.reports.table import Row, Table, retrained_table, top_table
from archwright.reports.trajectory import Point, Trajectory, best_so_far, trajectory_figure

# fmt: off
__all__ = [
    "Agreement", "Curve", "FailureGroup", "Family", "KeyNumber", "Monitor", "Point", "Position",
    "Preference", "Row", "SupernetProgress", "Table", "TradeOff", "Trajectory", "agreement",
    "agreement_figure", "best_so_far", "collapse", "costs_table", "curve_figures", "differing_settings",
    "draw_architecture", "failure_groups", "figures", "headline", "is_one_shot", "key_numbers", "monitor_figures",
    "monitors", "pareto_figure", "preference_families", "preference_figures", "render_report", "render_side_by_side",
    "retrained_table", "side_by_side_figure", "supernet_progress", "top_curves", "top_table", "trade_off",
    "trajectory_figure", "winners_table", "write_report", "write_side_by_side",
]
# fmt: on
