"""The report's colours, in light and dark, and what all its figures share."""

from __future__ import annotations

from typing import Any

__all__ = ["DARK", "LIGHT", "base_layout", "dark_of", "variables"]

LIGHT = {
    "paper": "#faf9f5",
    "surface": "#fffefb",
    "raised": "#f2f0e9",
    "ink": "#1b2028",
    "muted": "#5d6572",
    "faint": "#98a0ac",
    "line": "#e0ddd3",
    "accent": "#1c5bab",
    "accent-soft": "#e6eef9",
    "warm": "#ad4f18",
    "warm-soft": "#fbede2",
    "good": "#1b7549",
    "bad": "#b0281f",
    "violet": "#74479f",
    "teal": "#0b7480",
    "ochre": "#8a6d00",
    "rose": "#b03a78",
    "slate": "#3f4a8a",
}
"""Role to colour on a light page. No two roles share a colour, so that a figure's colours can be exchanged."""

DARK = {
    "paper": "#11141a",
    "surface": "#181c23",
    "raised": "#222732",
    "ink": "#e9e7e1",
    "muted": "#a2a9b6",
    "faint": "#6b7482",
    "line": "#2e3440",
    "accent": "#82b4f7",
    "accent-soft": "#1b2a40",
    "warm": "#eba673",
    "warm-soft": "#36261b",
    "good": "#62c796",
    "bad": "#f48b83",
    "violet": "#c3a0ea",
    "teal": "#62c3ce",
    "ochre": "#d9bc4f",
    "rose": "#f09ac6",
    "slate": "#a9b2ff",
}
"""The same roles on a dark page."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def dark_of() -> dict[str, str]:
    """Light colour to dark colour, by which a figure drawn for a light page becomes one for a dark page."""
    return {LIGHT[role]: DARK[role] for role in LIGHT}


def variables(palette: dict[str, str]) -> str:
    """A palette as declarations of CSS variables."""
    return " ".join(f"--{role}: {colour};" for role, colour in palette.items())


def base_layout(**changes: Any) -> dict[str, Any]:
    """The layout that all figures share: transparent, light grid, no frame, the legend above.

    Args:
        changes: Top-level layout keys to add; axes (`xaxis`, `yaxis2`, ...) are merged with the shared one.
    """
    axis = {
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
    layout: dict[str, Any] = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13, "color": LIGHT["ink"]},
        "margin": {"l": 56, "r": 16, "t": 40, "b": 48},
        "height": 380,
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": LIGHT["surface"],
            "bordercolor": LIGHT["faint"],
            "font": {"family": FONT, "size": 13, "color": LIGHT["ink"]},
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
    }
    for name, value in changes.items():
        layout[name] = _merged(axis, value) if name[1:].startswith("axis") else value
    return layout


def _merged(axis: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    title = {**axis["title"], "text": changes.get("title", "")}
    return {**axis, **changes, "title": title}
