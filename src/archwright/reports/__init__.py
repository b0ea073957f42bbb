"""Reports: what a search found, in figures, drawings and one HTML page.

- The page: `write_report`, `render_report`.
- Its figures, for notebooks: `figures`, `trajectory_figure`, `pareto_figure`, `curve_figures`, `draw_architecture`.
- What they show, as data: `best_so_far`, `trade_off`, `top_curves`, `top_table`, `retrained_table`,
  `failure_groups`, `headline`, `key_numbers`.
"""

from archwright.reports.curves import Curve, curve_figures, top_curves
from archwright.reports.drawing import draw_architecture
from archwright.reports.failures import FailureGroup, failure_groups
from archwright.reports.figures import figures
from archwright.reports.html import render_report, write_report
from archwright.reports.pareto import Position, TradeOff, pareto_figure, trade_off
from archwright.reports.summary import KeyNumber, headline, key_numbers
from archwright.reports.table import Row, Table, retrained_table, top_table
from archwright.reports.trajectory import Point, Trajectory, best_so_far, trajectory_figure

__all__ = [
    "Curve",
    "FailureGroup",
    "KeyNumber",
    "Point",
    "Position",
    "Row",
    "Table",
    "TradeOff",
    "Trajectory",
    "best_so_far",
    "curve_figures",
    "draw_architecture",
    "failure_groups",
    "figures",
    "headline",
    "key_numbers",
    "pareto_figure",
    "render_report",
    "retrained_table",
    "top_curves",
    "top_table",
    "trade_off",
    "trajectory_figure",
    "write_report",
]
