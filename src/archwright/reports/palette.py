"""The report's colours, in light and dark, and what all its figures share."""

from __future__ import annotations

from typing import Any

__all__ = ["DARK", "LIGHT", "TEMPLATE", "dark_of", "variables"]

_COLOURS = {
    "paper": ("#faf9f5", "#11141a"),
    "surface": ("#fffefb", "#181c23"),
    "raised": ("#f2f0e9", "#222732"),
    "ink": ("#1b2028", "#e9e7e1"),
    "muted": ("#5d6572", "#a2a9b6"),
    "faint": ("#98a0ac", "#6b7482"),
    "line": ("#e0ddd3", "#2e3440"),
    "accent": ("#1c5bab", "#82b4f7"),
    "accent-soft": ("#e6eef9", "#1b2a40"),
    "warm": ("#ad4f18", "#eba673"),
    "warm-soft": ("#fbede2", "#36261b"),
    "good": ("#1b7549", "#62c796"),
    "bad": ("#b0281f", "#f48b83"),
    "violet": ("#74479f", "#c3a0ea"),
    "teal": ("#0b7480", "#62c3ce"),
    "ochre": ("#8a6d00", "#d9bc4f"),
    "rose": ("#b03a78", "#f09ac6"),
    "slate": ("#3f4a8a", "#a9b2ff"),
}
"""Role to colour on a light and on a dark page. No two roles share a colour, so that a figure's can be exchanged."""

LIGHT = {role: light for role, (light, _) in _COLOURS.items()}
DARK = {role: dark for role, (_, dark) in _COLOURS.items()}

_FONT = {
    "family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
    "size": 13,
    "color": LIGHT["ink"],
}
_AXIS = {
    "gridcolor": LIGHT["line"],
    "linecolor": LIGHT["faint"],
    "tickcolor": LIGHT["faint"],
    "zeroline": False,
    "showline": False,
    "ticks": "",
    "automargin": True,
    "tickfont": {"color": LIGHT["muted"], "size": 12},
    "title": {"font": {"color": LIGHT["muted"], "size": 13}, "standoff": 12},
}

TEMPLATE: dict[str, Any] = {
    "layout": {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": _FONT,
        "margin": {"l": 56, "r": 16, "t": 40, "b": 48},
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": LIGHT["surface"],
            "bordercolor": LIGHT["faint"],
            "font": _FONT,
            "align": "left",
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "xanchor": "left",
            "yanchor": "bottom",
            "font": {"color": LIGHT["muted"], "size": 12},
        },
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
}
"""The layout that all figures share: transparent, light grid, no frame, the legend above."""


def dark_of() -> dict[str, str]:
    """Light colour to dark colour, by which a figure drawn for a light page becomes one for a dark page."""
    return dict(_COLOURS.values())


def variables(palette: dict[str, str]) -> str:
    """A palette as declarations of CSS variables."""
    return " ".join(f"--{role}: {colour};" for role, colour in palette.items())
