"""The whole drawing: the network from top to bottom, then each kind of cell as a graph."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from archwright.reports.drawing.boxes import Box, box_of
from archwright.reports.drawing.cells import Cell
from archwright.reports.drawing.graph import place_cell
from archwright.reports.drawing.render import Placed, arrow, pill, place
from archwright.reports.drawing.shortening import folded, labelled_once, pruned
from archwright.reports.palette import LIGHT
from archwright.reports.wording import value_text
from archwright.spaces import Architecture, ResolvedCall, Space, resolve

__all__ = ["draw_architecture"]

_MOST_BOXES = 120
_MARGIN = 8.0
_SECTION_GAP = 30.0

_CSS = Path(__file__).parents[1] / "templates" / "architecture.css"
_STYLE = "\n" + re.sub(
    r"var\(--([\w-]+)\)",
    lambda found: f"var(--{found[1]}, {LIGHT[found[1]]})",
    _CSS.read_text(encoding="utf-8"),
)
"""The style, with the colours of a light page for where the drawing stands elsewhere."""


def draw_architecture(
    space: Space,
    architecture: Architecture,
    *,
    example: Any = None,
    input_text: str = "input",
    output_text: str = "output",
    most: int = _MOST_BOXES,
) -> str:
    """Draw the network of an architecture.

    Calls are boxes, nested as they stand in each other's arguments; arrows show what flows where, as seen by running
    the network once. What decisions selected is marked, with each decision told where it first enters. Runs of like
    parts are drawn once, with their number; cells (`archwright.reports.drawing.cells`) are drawn once a kind, as
    graphs, below the network.

    Args:
        space: The space of the architecture.
        architecture: What to draw.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs) of what the network is called with. Without
            it the network is not run, and only what a Sequential holds is known to be in order.
        input_text: What goes in, such as "1 × 8 × 8".
        output_text: What comes out, such as "10 classes".
        most: How many boxes to draw at most, about; what is left out is counted in the drawing.

    Returns:
        An `<svg>` element for a page of HTML. Its colours are CSS variables (`--ink`, `--accent`, ...) where the page
        has them, and those of a light page otherwise.
    """
    root = resolve(space, architecture)
    if not isinstance(root, ResolvedCall):
        root = ResolvedCall(type(root), [root], {}, "the root")
    flows = {}
    if example is not None:
        from archwright.reports.drawing.flow import trace  # loads torch

        flows = trace(root, example)
    box = labelled_once(pruned(folded(box_of(root, flows)), most))
    cells = _cells(box)
    kinds = _kinds(cells)
    names = {id(cell): kinds[cell.likeness][0] for cell in cells}
    network = _with_ends(place(box, names), input_text, output_text)
    sections = [("", network)] + [(name, place_cell(cell)) for name, cell in kinds.values()]
    decided = ", ".join(f"{address} = {value_text(value)}" for address, value in architecture.items())
    return _svg(sections, escape(f"{root.name} with {box.calls:,} calls. {decided}"))


def _svg(sections: Sequence[tuple[str, Placed]], description: str) -> str:
    """The sections below one another, each under its title."""
    parts, y, width = [], _MARGIN, 0.0
    for title, drawn in sections:
        if title:
            parts.append(f'<text class="heading" x="{_MARGIN}" y="{y + 14:.1f}">{escape(title)}</text>')
            y += 30
        parts.append(drawn.at(_MARGIN, y))
        y += drawn.height + _SECTION_GAP
        width = max(width, drawn.width)
    width, height = width + 2 * _MARGIN + 4, y - _SECTION_GAP + _MARGIN + 4
    return (
        f'<svg class="architecture" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">'
        f"<title>Drawing of the architecture</title><desc>{description}</desc>"
        f"<style>{_STYLE}</style>{''.join(parts)}</svg>"
    )


def _kinds(cells: list[Cell]) -> dict[object, tuple[str, Cell]]:
    """Each kind of cell once, by its likeness, with its name."""
    kinds: dict[object, tuple[str, Cell]] = {}
    for cell in cells:
        if cell.likeness not in kinds:
            name = (
                f"{cell.name} cell" if cell.name else f"cell {'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[len(kinds) % 26]}"
            )
            kinds[cell.likeness] = (name, cell)
    return kinds


def _cells(box: Box) -> list[Cell]:
    own = [box.cell] if box.cell is not None else []
    return own + [cell for child in box.children for cell in _cells(child)]


def _with_ends(network: Placed, input_text: str, output_text: str) -> Placed:
    """The network between what goes in and what comes out."""
    first, last = pill(input_text, "end"), pill(output_text, "end")
    middle = network.width / 2
    y = first.height + 18
    bottom = y + network.height + 18
    parts = [
        first.at(middle - first.width / 2, 0),
        arrow(middle, first.height, y),
        network.at(0, y),
        arrow(middle, y + network.height, bottom),
        last.at(middle - last.width / 2, bottom),
    ]
    return Placed(network.width, bottom + last.height, "".join(parts))
