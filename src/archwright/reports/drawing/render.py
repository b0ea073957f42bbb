"""Boxes as SVG. Sizes are pixels; text is set in a monospaced face, so that its width is known without a browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from archwright.reports.drawing.boxes import Arc, Box
from archwright.reports.drawing.shortening import common_prefix, decision_texts
from archwright.reports.wording import clipped

__all__ = ["CHARACTER", "ROW", "Placed", "arrow", "pill", "place"]

CHARACTER = 7.3
"""Width of one character at the drawing's font size of 12 pixels; generous, since faces differ."""
ROW = 30.0
"""Height of a box with nothing inside."""

_PAD = 12.0
_FLOW_GAP = 18.0
_STACK_GAP = 6.0
_LANE = 20.0
_ARC_MARGIN = 14.0
_WIDEST = 620.0
_CHIP = 20.0
_LONGEST_DETAIL = 64
_LONGEST_CHIP = 46


@dataclass(frozen=True, slots=True)
class Placed:
    """A drawn part: its size and its SVG at the origin.

    Args:
        width: In pixels.
        height: In pixels.
        svg: Elements, with the upper left corner at (0, 0).
    """

    width: float
    height: float
    svg: str

    def at(self, x: float, y: float) -> str:
        """The elements moved."""
        return f'<g transform="translate({x:.1f} {y:.1f})">{self.svg}</g>'


def pill(text: str, kind: str, most: int = _LONGEST_CHIP) -> Placed:
    """A short text in a rounded box. `kind` is its CSS class."""
    shown = clipped(text, most)
    width = CHARACTER * len(shown) * 0.94 + 14
    title = f"<title>{escape(text)}</title>" if shown != text else ""
    svg = (
        f'<g class="{kind}">{title}<rect width="{width:.1f}" height="{_CHIP}" rx="{_CHIP / 2}"/>'
        f'<text x="{width / 2:.1f}" y="14" text-anchor="middle">{escape(shown)}</text></g>'
    )
    return Placed(width, _CHIP, svg)


def _plain(text: str) -> Placed:
    """A text as high as a pill, without a box."""
    svg = f'<text class="detail" x="0" y="14">{escape(text)}</text>'
    return Placed(CHARACTER * len(text), _CHIP, svg)


def place(box: Box, names: Mapping[int, str]) -> Placed:
    """Draw a box and all inside it.

    Args:
        box: What to draw.
        names: What to call the cells that are drawn elsewhere, by `id` of the cell.
    """
    return _Drawer(names).place(box, 0.0)


class _Drawer:
    def __init__(self, names: Mapping[int, str]) -> None:
        self.names = names
        self.widths: dict[int, float] = {}

    def width(self, box: Box) -> float:
        """How wide a box must be for all inside it."""
        if id(box) not in self.widths:
            inner = max((self.width(child) for child in box.children), default=-2 * _PAD)
            header = _Header(box, self.names)
            self.widths[id(box)] = max(header.width, inner + 2 * _PAD + _beside(box.arcs))
        return self.widths[id(box)]

    def place(self, box: Box, width: float) -> Placed:
        """Draw a box at least this wide."""
        width = max(width, self.width(box))
        inner = width - 2 * _PAD - _beside(box.arcs)
        header = _Header(box, self.names)
        gap = _FLOW_GAP if box.flows else _STACK_GAP
        y = header.height + (gap if box.arcs else 2)
        parts, tops, bottoms = [header.drawn(width)], [], []
        for i, child in enumerate(box.children):
            drawn = self.place(child, inner)
            if i and box.flows:
                parts.append(arrow(_PAD + inner / 2, y - gap, y))
            parts.append(drawn.at(_PAD, y))
            tops.append(y)
            bottoms.append(y + drawn.height)
            y += drawn.height + gap
        height = y - gap + _PAD if box.children else header.height
        if box.arcs:
            height += 14
            parts += _arcs(box.arcs, tops, bottoms, _PAD + inner, header.height, height)
        title = f"<title>{escape(clipped(box.tooltip, 600))}</title>" if box.tooltip else ""
        return Placed(width, height, f"<g>{title}{_frame(box, width, height)}{''.join(parts)}</g>")


class _Header:
    """Title, arguments, number and decisions of a box, in one row where they fit."""

    def __init__(self, box: Box, names: Mapping[int, str]) -> None:
        chips = [] if box.cell is not None else decision_texts(box.decided)
        prefix = common_prefix(chips)
        short = [text.removeprefix(f"{prefix}.") for text in chips]
        self.chips = [_plain(f"{prefix}:")] if prefix else []
        self.chips += [pill(text, "decision") for text in short[:6]]
        if len(chips) > 6:
            self.chips.append(pill(f"{len(chips) - 6} more", "decision"))
        detail = clipped(box.detail, _LONGEST_DETAIL)
        title = box.title
        if box.cell is not None:
            title, detail = names.get(id(box.cell), title), ""
        if box.tied:
            detail = f"{detail}  the same weights as above".strip()
        if box.hidden:
            detail = f"{detail}  {box.hidden:,} calls inside".strip() if box.title != "…" else detail
        spans = [
            ("label", f"{box.label}:" if box.label else ""),
            ("name", title),
            ("detail", detail),
            ("count", f"×{box.count}" if box.count > 1 else ""),
        ]
        self.spans = [(kind, text) for kind, text in spans if text]
        self.text_width = CHARACTER * sum(len(text) + 1 for _, text in self.spans)
        row = sum(chip.width + 6 for chip in self.chips)
        self.one_row = self.text_width + row + 2 * _PAD + 12 <= _WIDEST
        if self.one_row:
            self.width = self.text_width + row + 2 * _PAD + (12 if self.chips else 0)
            self.rows: list[list[Placed]] = [self.chips] if self.chips else []
        else:
            self.rows = _wrapped(self.chips, _WIDEST - 2 * _PAD)
            widest = max((sum(chip.width + 6 for chip in row) for row in self.rows), default=0.0)
            self.width = max(self.text_width, widest) + 2 * _PAD
        self.height = ROW if self.one_row else ROW + (_CHIP + 4) * len(self.rows)
        if not self.spans and not self.chips:
            self.height = 8.0

    def drawn(self, width: float) -> str:
        x, parts = _PAD, []
        for kind, text in self.spans:
            parts.append(f'<text class="{kind}" x="{x:.1f}" y="19">{escape(text)}</text>')
            x += CHARACTER * (len(text) + 1)
        for i, row in enumerate(self.rows):
            x = width - _PAD - sum(chip.width + 6 for chip in row) + 6 if self.one_row else _PAD
            y = 5 if self.one_row else ROW - 2 + i * (_CHIP + 4)
            for chip in row:
                parts.append(chip.at(x, y))
                x += chip.width + 6
        return "".join(parts)


def _wrapped(chips: list[Placed], width: float) -> list[list[Placed]]:
    rows: list[list[Placed]] = []
    used = 0.0
    for chip in chips:
        if not rows or used + chip.width > width:
            rows.append([])
            used = 0.0
        rows[-1].append(chip)
        used += chip.width + 6
    return rows


def _frame(box: Box, width: float, height: float) -> str:
    kind = "box" if not box.children else "holder"
    kind += " decided" if box.touched and not box.children else ""
    kind += " group" if not box.title else ""
    behind = ""
    if box.count > 1 and box.title:
        behind = f'<rect class="{kind}" x="4" y="4" width="{width:.1f}" height="{height:.1f}" rx="6"/>'
    return f'{behind}<rect class="{kind}" width="{width:.1f}" height="{height:.1f}" rx="6"/>'


def arrow(x: float, top: float, bottom: float) -> str:
    """An arrow straight down."""
    return (
        f'<path class="flow" d="M{x:.1f} {top + 1:.1f}V{bottom - 5:.1f}"/>'
        f'<path class="tip" d="M{x - 4:.1f} {bottom - 7:.1f}h8l-4 6z"/>'
    )


# What passes by


def _beside(arcs: tuple[Arc, ...]) -> float:
    """How much room the arcs take at the right of the boxes, with the texts beside them."""
    if not arcs:
        return 0.0
    texts = [CHARACTER * len(clipped(arc.text, 26)) + 8 for arc in arcs if arc.text]
    return _ARC_MARGIN + _LANE * (1 + max(_lane_of(arcs).values())) + max(texts, default=0.0)


def _lane_of(arcs: tuple[Arc, ...]) -> dict[Arc, int]:
    """A lane for each arc, so that no two overlap: short ones first, next to the boxes."""
    lanes: dict[Arc, int] = {}
    for arc in sorted(arcs, key=lambda arc: (arc.end - arc.start, arc.start)):
        taken = {lane for other, lane in lanes.items() if other.start < arc.end and arc.start < other.end}
        lanes[arc] = next(lane for lane in range(len(arcs) + 1) if lane not in taken)
    return lanes


def _arcs(
    arcs: tuple[Arc, ...], tops: list[float], bottoms: list[float], edge: float, start: float, end: float
) -> list[str]:
    """Lines at the right of the children, from below one to above another."""
    parts = []
    middle = edge / 2 + _PAD / 2
    for arc, lane in _lane_of(arcs).items():
        x = edge + _ARC_MARGIN + _LANE * lane
        inside = arc.start >= 0
        top = (bottoms[arc.start] - 9) if inside else start + 3
        to_child = arc.end < len(tops)
        bottom = tops[arc.end] + 9 if to_child else end - 12
        begin = edge if inside else middle
        finish = edge + 1 if to_child else middle + 8
        parts.append(
            f'<path class="skip" d="M{begin:.1f} {top:.1f}H{x - 6:.1f}q6 0 6 6V{bottom - 6:.1f}q0 6 -6 6'
            f'H{finish + 5:.1f}"/>'
            f'<path class="skip-tip" d="M{finish + 6:.1f} {bottom - 4:.1f}v8l-6 -4z"/>'
        )
        if arc.text:
            shown = clipped(arc.text, 26)
            parts.append(
                f'<text class="detail" x="{x + 6:.1f}" y="{(top + bottom) / 2 + 4:.1f}">{escape(shown)}</text>'
            )
        if not inside:
            parts.append(f'<path class="flow" d="M{middle:.1f} {start - 4:.1f}V{tops[0]:.1f}"/>')
        if not to_child:
            parts.append(
                f'<path class="flow" d="M{middle:.1f} {bottoms[-1]:.1f}V{end:.1f}"/>'
                f'<circle class="sum" cx="{middle:.1f}" cy="{bottom:.1f}" r="7"/>'
                f'<path class="flow" d="M{middle - 4:.1f} {bottom:.1f}h8m-4 -4v8"/>'
            )
    return parts
