"""What a one-shot method prefers, over the epochs: alpha as probabilities, a small panel for each decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from archwright.durations import count_of
from archwright.reports.palette import LIGHT
from archwright.reports.plots import plot
from archwright.supernets.methods.derivation import SKIP_OPERATIONS, ZERO_OPERATIONS

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["Family", "Preference", "preference_families", "preference_figures"]

_COLUMNS = 4
_MOST = 60
_ROW = 130
"""Height of a panel with its title and the gap below, in pixels."""
_GAP = 42
"""Height of the gap and the next row's title."""
_TITLE = 26
_BOTTOM = 40
_ROLES = ("accent", "warm", "good", "violet", "teal", "ochre", "rose", "slate")
_DASHES = ("solid", "dash", "dot")


@dataclass(frozen=True, slots=True)
class Preference:
    """One decision's preferences.

    Args:
        address: Of the decision.
        epochs: Numbers of the epochs, from 1.
        values: Label to its probability in each of these epochs, None where the method no longer had it. Of a subset
            the items to their strengths, which need not add up to 1.
    """

    address: str
    epochs: tuple[int, ...]
    values: Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True, slots=True)
class Family:
    """Decisions between the same options, drawn together.

    Args:
        labels: The options of all of them, in order.
        members: The decisions, in the space's order.
        are_items: Whether the labels are items of subsets, of which several can be chosen.
    """

    labels: tuple[str, ...]
    members: tuple[Preference, ...]
    are_items: bool

    @property
    def title(self) -> str:
        """What is drawn, in words."""
        number = len(self.members)
        if self.are_items:
            return f"{count_of(number, 'choice')} of inputs or parts: the strength of each item"
        return f"{count_of(number, 'decision')}: the probability of each option"

    @property
    def left_out(self) -> int:
        """How many decisions have no panel, since there are too many."""
        return max(0, len(self.members) - _MOST)


def preference_families(run: Run) -> list[Family]:
    """What the method preferred in each epoch, decisions of the same options together.

    Decisions whose options are among another's join it: the reduced block of a stage its other blocks, say.

    Args:
        run: The run.

    Returns:
        The families, the one with the most decisions first; empty where the method learns no preferences.
    """
    addresses = dict.fromkeys(address for entry in run.epochs for address in entry["probabilities"])
    described = run.config.space.decisions
    kinds: list[tuple[list[str], list[Preference], bool]] = []
    for preference in sorted(
        (_preference(run, address) for address in addresses), key=lambda one: -len(one.values)
    ):
        labels, are_items = list(preference.values), _is_subset(described.get(preference.address))
        home = next((k for k in kinds if k[2] == are_items and set(labels) <= set(k[0])), None)
        if home is None:
            kinds.append((labels, [preference], are_items))
        else:
            home[1].append(preference)
    order = {address: i for i, address in enumerate(described or addresses)}
    families = [
        Family(tuple(labels), tuple(sorted(members, key=lambda one: order.get(one.address, 0))), are_items)
        for labels, members, are_items in kinds
    ]
    return sorted(families, key=lambda family: (family.are_items, -len(family.members)))


def preference_figures(run: Run) -> dict[str, go.Figure]:
    """Alpha over time, a figure for each family of decisions and in it a panel for each decision.

    Args:
        run: The run.

    Returns:
        `preferences`, `preferences_2` and so on, in the order of `preference_families`. At most 60 decisions of a
        family have a panel; the layout's `meta["note"]` says how many have none.
    """
    return {
        "preferences" if i == 0 else f"preferences_{i + 1}": _figure(family)
        for i, family in enumerate(preference_families(run))
    }


def _preference(run: Run, address: str) -> Preference:
    entries = [entry for entry in run.epochs if address in entry["probabilities"]]
    labels = dict.fromkeys(label for entry in entries for label in entry["probabilities"][address])
    values = {
        label: tuple(entry["probabilities"][address].get(label) for entry in entries) for label in labels
    }
    return Preference(address, tuple(entry["epoch"] for entry in entries), values)


def _is_subset(described: Any) -> bool:
    return isinstance(described, Mapping) and described.get("kind") == "subset"


def _looks(labels: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """A line's look for each label: skip connections red, zero operations grey, the others as they come."""
    looks: dict[str, dict[str, Any]] = {}
    taken = 0
    for label in labels:
        if label in SKIP_OPERATIONS:
            looks[label] = {"color": LIGHT["bad"], "width": 2.5}
        elif label in ZERO_OPERATIONS:
            looks[label] = {"color": LIGHT["faint"], "width": 2}
        else:
            dash = _DASHES[taken // len(_ROLES) % len(_DASHES)]
            looks[label] = {"color": LIGHT[_ROLES[taken % len(_ROLES)]], "width": 1.5, "dash": dash}
            taken += 1
    return looks


def _figure(family: Family) -> go.Figure:
    members, looks = family.members[:_MOST], _looks(family.labels)
    columns = min(_COLUMNS, len(members))
    rows = -(-len(members) // columns)
    inner = rows * _ROW - _GAP
    top_margin = 10 + _TITLE + 24 * (1 + sum(len(label) + 8 for label in family.labels) // 130)
    shown = _shown(members)
    last = max(one.epochs[-1] for one in members)
    x_axis = {
        "range": (1 - 0.04 * (last - 1), last) if last > 1 else (0.5, 1.5),
        "showgrid": False,
        "dtick": 1 if last <= 4 else None,
        "nticks": 5,
    }
    y_axis = {"range": shown, "tickformat": _tick_format(shown, family.are_items), "nticks": 4}
    traces: list[go.Scatter] = []
    axes: dict[str, Any] = {}
    titles = []
    named: set[str] = set()
    for i, one in enumerate(members):
        suffix = "" if i == 0 else str(i + 1)
        # Numbers stand below and at the left of all panels alone.
        axes[f"xaxis{suffix}"] = {**x_axis, "showticklabels": i + columns >= len(members)}
        axes[f"yaxis{suffix}"] = {**y_axis, "showticklabels": i % columns == 0}
        titles.append(_title(one, suffix))
        for label in family.labels:
            if label in one.values:
                traces.append(_line(one, label, looks[label], suffix, label not in named))
                named.add(label)
    return plot(
        traces,
        height=top_margin + _BOTTOM + inner,
        margin={"l": 48, "r": 12, "t": top_margin, "b": _BOTTOM},
        grid={
            "rows": rows,
            "columns": columns,
            "pattern": "independent",
            "xgap": 0.12,
            "ygap": _GAP / _ROW,
        },
        # By these the script of the page fits the panels to a narrow window.
        meta={
            "note": _note(family, shown[0]),
            "panels": len(members),
            "row": _ROW,
            "gap": _GAP,
            "title": _TITLE,
        },
        annotations=titles,
        showlegend=True,
        legend={"y": 1 + _TITLE / inner},
        **axes,
    )


def _title(one: Preference, suffix: str) -> dict[str, Any]:
    """The annotation over a panel."""
    return {
        "text": escape(_ending(one.address)),
        "hovertext": escape(one.address),
        "x": 0,
        "y": 1,
        "xref": f"x{suffix} domain",
        "yref": f"y{suffix} domain",
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": LIGHT["muted"], "size": 12},
    }


def _line(one: Preference, label: str, look: dict[str, Any], suffix: str, in_legend: bool) -> go.Scatter:
    return go.Scatter(
        x=list(one.epochs),
        y=list(one.values[label]),
        mode="lines" if len(one.epochs) > 1 else "markers",
        name=escape(label),
        legendgroup=label,
        showlegend=in_legend,
        line=look,
        marker={"color": look["color"], "size": 7},
        xaxis=f"x{suffix}",
        yaxis=f"y{suffix}",
        hovertemplate=f"{escape(one.address)}<br><b>{escape(label)}</b> %{{y:.3f}}, epoch %{{x}}<extra></extra>",
    )


def _ending(address: str, limit: int = 30) -> str:
    return address if len(address) <= limit else f"…{address[1 - limit :]}"


def _shown(members: Sequence[Preference]) -> tuple[float, float]:
    """The range of all panels: from zero, where the values are not all close together far from it."""
    found = [v for one in members for values in one.values.values() for v in values if v is not None]
    low, high = min(found), max(found)
    if low < 0.6 * high:
        return 0.0, 1.06 * high
    margin = 0.08 * (high - low) or 0.01
    return low - margin, high + margin


def _tick_format(shown: tuple[float, float], are_items: bool) -> str:
    """So many decimals that ticks differ: percentages for probabilities."""
    finer = sum(shown[1] - shown[0] < span for span in (0.05, 0.004))
    return f".{2 + finer}f" if are_items else f".{finer}%"


def _note(family: Family, lowest: float) -> str:
    notes = ["All panels have the same axes; a click on a name hides its lines"]
    if lowest > 0:
        notes.append("The axis does not begin at zero: the method prefers next to nothing yet")
    if family.left_out:
        notes.append(f"{count_of(family.left_out, 'more decision')} left out")
    return ". ".join(notes)
