"""What was watched while a supernet was trained, epoch by epoch, and what each number warns of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from archwright.reports.palette import LIGHT
from archwright.reports.plots import epoch_axis, epoch_line, plot, score_axis
from archwright.reports.ranking import score_names
from archwright.reports.supernet import BY_SHARED_WEIGHTS
from archwright.reports.wording import capital, metric_name, metric_text
from archwright.supernets.methods.derivation import SKIP_OPERATIONS

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["Monitor", "collapse", "monitor_figures", "monitors"]

_DERIVED = "derived_"
_HEIGHT = 280

_KNOWN = {
    "train_loss": ("training loss", "Of the shared weights, on their part of the training data"),
    "architecture_loss": (
        "loss of alpha's data",
        "What alpha is trained on; where it rises while the training loss falls, the weights overfit and alpha follows "
        "them",
    ),
    "entropy": (
        "entropy of the decisions",
        "How undecided the method is, on average over its decisions: 0 is decided. Where it stays high to the end, "
        "deriving one architecture cuts away most of what was trained",
    ),
    "skips": (
        "skip connections derived",
        "Skip connections in the derived architecture. Ever more of them is how DARTS fails (Zela et al. 2020): on "
        "NAS-Bench-201 it ends with nothing else",
    ),
    "eigenvalue": (
        "largest eigenvalue",
        "The largest of the validation Hessian over alpha. Where it grows fast, the derived architecture lies in a "
        "sharp minimum and loses most by being made discrete (Zela et al. 2020)",
    ),
    "learning_rate": ("learning rate", "Of the shared weights"),
}
"""Name of a number to its name in a sentence, and to what it is and warns of."""

_DERIVED_TOLD = (
    "What the architecture that would be derived now reaches on the validation split by shared weights: it ranks, and "
    "says little of what that network reaches when trained alone"
)
_PLOTTED = ("entropy", "skips", "eigenvalue")


@dataclass(frozen=True, slots=True)
class Monitor:
    """One number over the epochs of a supernet.

    Args:
        name: The metric's name in `Run.epochs`.
        epochs: The epochs that have it.
        values: Its value in each; not a finite number where it was none.
    """

    name: str
    epochs: tuple[int, ...]
    values: tuple[float, ...]

    @property
    def told(self) -> str:
        """What it is and warns of; empty where nothing is known of it."""
        return _described(self.name)[1]

    @property
    def title(self) -> str:
        """Its name in a sentence."""
        return _described(self.name)[0]

    @property
    def first(self) -> str:
        """The first value as text."""
        return metric_text(self.name, self.values[0])

    @property
    def last(self) -> str:
        """The last value as text."""
        return metric_text(self.name, self.values[-1])


def monitors(run: Run) -> list[Monitor]:
    """What the epochs of a run's supernet left, in the order of first appearance."""
    found: dict[str, list[tuple[int, float]]] = {}
    for entry in run.epochs:
        for name, value in entry["metrics"].items():
            found.setdefault(name, []).append((entry["epoch"], float(value)))
    return [Monitor(name, *zip(*pairs, strict=True)) for name, pairs in found.items()]


def monitor_figures(run: Run) -> dict[str, go.Figure]:
    """The monitors over the epochs.

    Args:
        run: The run.

    Returns:
        Some of `supernet_losses`, `supernet_score` (of the derived network), `supernet_entropy`, `supernet_skips`,
        `supernet_eigenvalue`: those that were measured. The layout's `meta["note"]` says what each warns of.
    """
    known = {monitor.name: monitor for monitor in monitors(run)}
    figures = {}
    losses = [known[name] for name in ("train_loss", "architecture_loss") if name in known]
    if losses:
        figures["supernet_losses"] = _figure(losses, "loss", losses[-1].told)
    if (score := _score(run, known)) is not None:
        figures["supernet_score"] = _figure([score], score.title, score.told)
    for name in _PLOTTED:
        if name in known:
            title = "entropy, nats" if name == "entropy" else known[name].title
            figures[f"supernet_{name}"] = _figure([known[name]], title, known[name].told)
    return figures


def collapse(run: Run) -> str | None:
    """A warning where the last epoch prefers skip connections in most places that offer one; otherwise None."""
    if not run.epochs:
        return None
    offered = chosen = 0
    for labels in run.epochs[-1]["probabilities"].values():
        if len(labels) > 1 and any(label in SKIP_OPERATIONS for label in labels):
            offered += 1
            chosen += max(labels, key=lambda label: labels[label]) in SKIP_OPERATIONS
    if offered < 2 or chosen <= offered / 2:
        return None
    return (
        f"In {chosen} of the {offered} decisions that offer one, the strongest option is a skip connection. This is "
        "the known way in which DARTS fails (Zela et al. 2020, arXiv:1909.09656): networks of skip connections train "
        "fast beside others and score badly alone. What helps: fewer epochs, the options early_stop, skip_limit and "
        "operation_dropout, or a method that draws single paths, such as gdas"
    )


def _score(run: Run, known: dict[str, Monitor]) -> Monitor | None:
    """The derived network's score in the first objective that has one, else in the task's metric."""
    names = [_DERIVED + name for name in score_names(run)]
    names += [name for name in known if name.startswith(_DERIVED)]
    return next((known[name] for name in names if name in known), None)


def _described(name: str) -> tuple[str, str]:
    """A number's name in a sentence, and what it is and warns of; the latter is empty where nothing is known of it."""
    if name.startswith(_DERIVED):
        title = f"{metric_name(name.removeprefix(_DERIVED))} of the derived network {BY_SHARED_WEIGHTS}"
        return title, _DERIVED_TOLD
    return _KNOWN.get(name, (metric_name(name), ""))


def _figure(shown: Sequence[Monitor], title: str, note: str) -> go.Figure:
    traces = []
    for monitor, role in zip(shown, ("accent", "warm"), strict=False):
        line = {"color": LIGHT[role], "width": 2, "shape": "hv" if monitor.name == "skips" else "linear"}
        hover = f"epoch %{{x}}<br>{escape(capital(monitor.title))}"
        traces.append(
            epoch_line(
                monitor.epochs, monitor.values, monitor.name, name=monitor.title, hover=hover, line=line
            )
        )
    from_zero = {"rangemode": "tozero"} if shown[0].name in ("skips", "entropy") else {}
    return plot(
        traces,
        height=_HEIGHT,
        meta={"note": note},
        showlegend=len(shown) > 1,
        xaxis=epoch_axis(max(monitor.epochs[-1] for monitor in shown)),
        yaxis=score_axis(shown[0].name, escape(title) if len(title) < 34 else "", **from_zero),
    )
