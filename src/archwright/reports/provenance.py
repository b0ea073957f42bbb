"""Where a result comes from: data, seeds, versions, settings, and the command that makes it again; what it cost."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from archwright.reports.summary import trial_counts
from archwright.reports.supernet import supernet_progress
from archwright.reports.wording import count_of, duration, value_text
from archwright.trials import TrialState

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["CostLine", "cost_lines", "settings_groups", "size_text", "state_shares", "time_text"]


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of what a run cost.

    Args:
        label: What it is.
        value: The amount.
    """

    label: str
    value: str


def cost_lines(run: Run) -> list[CostLine]:
    """What the run cost, in seconds of wall time and of work."""
    spent = dict.fromkeys(TrialState, 0.0)
    for trial in run.trials:
        spent[trial.state] += trial.seconds or 0.0
    done = sum(trial.state is TrialState.COMPLETED for trial in run.trials)
    after = [*run.retrained, *([run.baseline] if run.baseline else [])]
    lines = [CostLine("wall time, all sessions", duration(run.seconds))]
    if (progress := supernet_progress(run)) is not None:
        told = f"training the supernet, {count_of(progress.done, 'epoch')}"
        lines.append(CostLine(told, duration(progress.seconds)))
    lines.append(CostLine("work of completed trials", duration(spent[TrialState.COMPLETED])))
    if done:
        lines.append(
            CostLine("one completed trial, on average", duration(spent[TrialState.COMPLETED] / done))
        )
    if spent[TrialState.FAILED]:
        lines.append(CostLine("work lost in failed trials", duration(spent[TrialState.FAILED])))
    if after:
        lines.append(
            CostLine("retraining and hand-made network", duration(sum(t.seconds or 0.0 for t in after)))
        )
    workers = run.settings.get("executor", {}).get("workers")
    if workers is not None:
        lines.append(CostLine("trials at once", str(workers)))
    return lines


def state_shares(run: Run) -> list[tuple[str, int, float]]:
    """State, number of trials and share in percent, without states that no trial is in."""
    counts = trial_counts(run)
    total = sum(counts.values())
    names = {"infeasible": "over a limit"}
    return [(names.get(state, state), n, 100 * n / total) for state, n in counts.items() if n]


def settings_groups(run: Run) -> list[tuple[str, list[tuple[str, str]]]]:
    """Title and (name, value) lines of each group of settings; empty groups are left out."""
    settings = run.settings
    task = settings.get("task", {})
    described = task.get("describe", {})
    space, strategy = settings.get("space", {}), settings.get("strategy", {})
    data = {
        "task": described.get("name") or task.get("reference"),
        "kind": described.get("kind"),
        "split": described.get("split"),
        "input shape": _shape(described.get("input_shape")),
        "classes": _classes(described.get("classes")),
        "preprocessing": _steps((described.get("preprocessing") or {}).get("steps")),
        **{name.replace("_", " "): value for name, value in (task.get("options") or {}).items()},
    }
    bound = (space.get("describe") or {}).get("size_bound")
    searched = {
        "space": space.get("name") or space.get("reference"),
        "architectures": size_text(bound) if "describe" in space else None,
        "decisions": len(space["describe"].get("decisions", {})) if "describe" in space else None,
        "strategy": strategy.get("name"),
        "epochs of the supernet": strategy.get("epochs"),
        **{f"strategy: {k.replace('_', ' ')}": v for k, v in (strategy.get("options") or {}).items()},
        "objectives": "; ".join(map(str, run.objectives)),
        "seed": settings.get("seed"),
        "began": time_text(settings.get("created")),
    }
    fidelity = {f"in the search: {k}": v for k, v in (settings.get("fidelity") or {}).items()}
    groups: list[tuple[str, Mapping[str, Any]]] = [
        ("Data", data),
        ("Search", searched),
        ("Budget", settings.get("budget") or {}),
        (
            "Training recipe",
            {**(settings.get("recipe") or {}), **fidelity, **(settings.get("training") or {})},
        ),
        ("Workers", settings.get("executor") or {}),
        ("Versions", settings.get("versions") or {}),
    ]
    shown = [
        (title, [(_words(k), _value(v)) for k, v in group.items() if v is not None])
        for title, group in groups
    ]
    return [(title, lines) for title, lines in shown if lines]


def size_text(bound: float | None) -> str:
    """How many architectures a space has; None means infinitely many.

    >>> size_text(5**20)
    'about 9.5 × 10¹³'
    """
    if bound is None or (isinstance(bound, float) and math.isinf(bound)):
        return "infinitely many"
    if bound < 1e9:
        return f"{bound:,.0f}"
    exponent = len(str(int(bound))) - 1
    digits = str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"about {int(bound) / 10**exponent:.1f} × 10{digits}"


def time_text(seconds: float | None) -> str | None:
    """A Unix time as date and time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _shape(shape: list[int] | None) -> str | None:
    return None if not shape else " × ".join(map(str, shape))


def _classes(classes: list[str] | None) -> str | None:
    if not classes:
        return None
    shown = ", ".join(map(str, classes[:12]))
    return (
        shown
        if len(classes) <= 12
        else f"{shown} and {len(classes) - 12:,} more ({count_of(len(classes), 'class', 'classes')})"
    )


def _steps(steps: list[str] | None) -> str | None:
    if not steps:
        return None
    text = " ".join(steps)
    return text if len(text) <= 500 else f"{text[:499]}…"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if value else "none"
    return value_text(value)
