"""A cell as SVG: its states as nodes, its operations on the way between them."""

from __future__ import annotations

from html import escape
from itertools import pairwise

from archwright.reports.drawing.cells import Cell
from archwright.reports.drawing.layered import layered
from archwright.reports.drawing.render import CHARACTER, Placed
from archwright.reports.wording import clipped

__all__ = ["place_cell"]

_HEIGHT = 26.0
_LONGEST = 20


def place_cell(cell: Cell) -> Placed:
    """Draw the graph of a cell, left to right."""
    texts: dict[str, tuple[str, str, str]] = {}
    edges: list[tuple[str, str]] = []
    for i, prepared in enumerate(cell.inputs):
        texts[f"state {i}"] = (
            _input_name(i, len(cell.inputs)),
            "state",
            f"input {i}, prepared by {prepared}",
        )
    for k in range(cell.nodes):
        texts[f"state {len(cell.inputs) + k}"] = (str(k), "state", f"node {k}: the sum of what comes in")
    for i, edge in enumerate(cell.edges):
        texts[f"edge {i}"] = (edge.text, "operation decided" if edge.decided else "operation", edge.tooltip)
        edges += [(f"state {edge.start}", f"edge {i}"), (f"edge {i}", f"state {edge.end}")]
    everything = cell.outputs == tuple(range(len(cell.inputs), len(cell.inputs) + cell.nodes))
    told = (
        "all nodes"
        if everything
        else f"states {', '.join(map(str, cell.outputs))} of 0, the first input, and on"
    )
    texts["output"] = ("output", "state", f"{told}, concatenated")
    edges += [(f"state {state}", "output") for state in cell.outputs]

    sizes = {
        name: (CHARACTER * len(clipped(text, _LONGEST)) + 18, _HEIGHT) for name, (text, _, _) in texts.items()
    }
    layout = layered(sizes, edges, late=[name for name in texts if name.startswith("edge")])
    parts = [_path(points) for points in layout.paths.values()]
    for name, (text, kind, tooltip) in texts.items():
        (x, y), (width, _) = layout.centers[name], sizes[name]
        radius = _HEIGHT / 2 if kind == "state" else 5
        parts.append(
            f'<g class="{kind}"><title>{escape(clipped(tooltip, 600))}</title>'
            f'<rect x="{x - width / 2:.1f}" y="{y - _HEIGHT / 2:.1f}" width="{width:.1f}" height="{_HEIGHT}" '
            f'rx="{radius}"/><text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">'
            f"{escape(clipped(text, _LONGEST))}</text></g>"
        )
    return Placed(layout.width, layout.height, "".join(parts))


def _input_name(i: int, inputs: int) -> str:
    return "input" if inputs == 1 else f"cell k−{inputs - i}"


def _path(points: list[tuple[float, float]]) -> str:
    """A smooth line through the points: level at each of them."""
    text = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (x0 + x1) / 2
        text += f"C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
    return f'<path class="flow" d="{text}"/>'
