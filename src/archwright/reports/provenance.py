"""Where a result comes from: data, seeds, versions, settings, and the command that makes it again; what it cost."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from archwright.durations import count_of, duration
from archwright.experiments.expense import WATTS, priced
from archwright.experiments.records import encode
from archwright.reports.summary import trial_counts
from archwright.reports.supernet import supernet_progress
from archwright.reports.wording import clipped, value_text
from archwright.trials import TrialState

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["cost_lines", "expense_lines", "settings_groups", "size_text", "state_shares", "time_text"]


def cost_lines(run: Run) -> list[tuple[str, str]]:
    """What the run cost, wall time and work, as (label, amount)."""
    spent = dict.fromkeys(TrialState, 0.0)
    for trial in run.trials:
        spent[trial.state] += trial.seconds or 0.0
    done = sum(trial.state is TrialState.COMPLETED for trial in run.trials)
    after = [*run.retrained, *([run.baseline] if run.baseline else [])]
    lines = [("wall time, all sessions", duration(run.seconds))]
    if (progress := supernet_progress(run)) is not None:
        told = f"training the supernet, {count_of(progress.done, 'epoch')}"
        lines.append((told, duration(progress.seconds)))
    lines.append(("work of completed trials", duration(spent[TrialState.COMPLETED])))
    if done:
        lines.append(("one completed trial, on average", duration(spent[TrialState.COMPLETED] / done)))
    if spent[TrialState.PRUNED]:
        lines.append(("work of pruned trials", duration(spent[TrialState.PRUNED])))
    if spent[TrialState.FAILED]:
        lines.append(("work lost in failed trials", duration(spent[TrialState.FAILED])))
    if after:
        lines.append(("retraining and hand-made network", duration(sum(t.seconds or 0.0 for t in after))))
    if run.refitted:
        spent_again = sum(t.seconds or 0.0 for t in run.refitted)
        lines.append(("training on validation data, too", duration(spent_again)))
    lines.append(("trials at once", str(run.config.executor.workers)))
    return lines + expense_lines(run)


def expense_lines(run: Run) -> list[tuple[str, str]]:
    """What the run took of the machine, as (label, amount): processor time, energy, and money at the given price."""
    lines = []
    if run.expense is not None:
        how = (
            "measured, of the whole machine"
            if run.expense.is_measured
            else f"estimated, {WATTS:g} W a busy core"
        )
        lines += [
            ("processor time", f"{run.expense.cpu_hours:.3g} h"),
            (f"energy ({how}; without a GPU's)", f"{run.expense.kilowatt_hours:.3g} kWh"),
        ]
    if run.config.price is not None:
        lines.append((f"money, at {run.config.price} an hour", priced(run.config.price, run.seconds)))
    return lines


def state_shares(run: Run) -> list[tuple[str, int, float]]:
    """State, number of trials and share in percent, without states that no trial is in."""
    counts = trial_counts(run)
    total = sum(counts.values())
    names = {"infeasible": "over a limit"}
    return [(names.get(state, state), n, 100 * n / total) for state, n in counts.items() if n]


def settings_groups(run: Run) -> list[tuple[str, list[tuple[str, str]]]]:
    """Title and (name, value) lines of each group of settings; empty groups are left out."""
    config = run.config
    task, space, strategy = config.task, config.space, config.strategy
    data = {
        "task": task.name or task.reference,
        "kind": task.kind,
        "split": task.split,
        "input shape": " × ".join(map(str, task.input_shape or ())),
        "classes": _classes(task.classes),
        "preprocessing": clipped(" ".join(task.steps), 500),
        **task.options,
    }
    searched = {
        "space": space.name or space.reference,
        "architectures": size_text(space.size_bound),
        "decisions": len(space.decisions),
        "strategy": strategy.name,
        "epochs of the supernet": config.supernet and config.supernet.epochs,
        **{f"strategy: {name}": value for name, value in strategy.options.items()},
        "objectives": "; ".join(map(str, run.objectives)),
        "seed": config.seed,
        "began": time_text(config.created),
    }
    effort = encode(config.fidelity) if config.fidelity.is_point else {"fidelity": str(config.fidelity)}
    fidelity = {f"in the search: {name}": value for name, value in effort.items()}
    is_of_programs = config.estimator.name == "programs"  # which learn by their own Learn
    groups: list[tuple[str, Mapping[str, Any]]] = [
        ("Data", data),
        ("Search", searched),
        ("Budget", encode(config.budget)),
        (
            "Training recipe",
            {} if is_of_programs else {**encode(config.recipe), **fidelity, **encode(config.device)},
        ),
        ("Workers", encode(config.executor)),
        ("Versions", config.versions),
    ]
    shown = [
        (title, [(name.replace("_", " "), _value(v)) for name, v in group.items() if v not in (None, "")])
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


def time_text(seconds: float) -> str:
    """A Unix time as date and time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _classes(classes: Sequence[str]) -> str:
    shown = ", ".join(map(str, classes[:12]))
    if len(classes) <= 12:
        return shown
    return f"{shown} and {len(classes) - 12:,} more ({count_of(len(classes), 'class', 'classes')})"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if value else "none"
    return value_text(value)
