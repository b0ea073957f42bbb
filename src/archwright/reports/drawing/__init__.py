"""The drawing of one architecture, as SVG without any tool but Python."""

from archwright.reports.drawing.drawing import draw_architecture

__all__ = ["draw_architecture"]
