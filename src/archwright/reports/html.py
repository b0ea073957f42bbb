"""The report: one HTML page that needs no network, no server and no other file."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from archwright.errors import ArchwrightError
from archwright.experiments.records import encode
from archwright.reports.agreement import agreement
from archwright.reports.classical import classical_sentence, classical_table
from archwright.reports.drawing import draw_architecture
from archwright.reports.failures import failure_groups
from archwright.reports.figures import figures
from archwright.reports.finalists import finalist_notes
from archwright.reports.functions import function_texts
from archwright.reports.judged import CHEAPEST, judged_table, judgement_to_show, search_taking
from archwright.reports.monitors import collapse, monitors
from archwright.reports.page import render_page, write_page
from archwright.reports.pareto import trade_off
from archwright.reports.preferences import preference_families
from archwright.reports.programs import program_texts
from archwright.reports.provenance import cost_lines, settings_groups, state_shares, time_text
from archwright.reports.ranking import completed, first_objective
from archwright.reports.rules import rule_effects
from archwright.reports.summary import headline, key_numbers, shown_trial
from archwright.reports.supernet import (
    BY_SHARED_WEIGHTS,
    is_by_shared_weights,
    searched_metric,
    supernet_progress,
)
from archwright.reports.table import retrained_table, top_table
from archwright.trials import Trial, TrialState

if TYPE_CHECKING:
    from archwright.experiments import Run
    from archwright.spaces import Space

__all__ = ["render_report", "write_report"]

_MOST_MESSAGES = 300
_LONGEST_MESSAGE = 4_000


def write_report(
    run: Run,
    path: Path | str,
    space: Space | None = None,
    example: Any = None,
    *,
    searched: Space | None = None,
) -> Path:
    """Write the report of a run as one HTML page.

    The page opens from disk without network: scripts, styles and drawings are inside. It is written all at once, so
    that a browser never sees half of it.

    Args:
        run: The run, in any state: running, stopped, failed or completed.
        path: The file to write; folders above it are made.
        space: The search space, for the drawing of the best architecture; without it the decisions are listed only.
        example: What the network is called with, a batch of inputs or a pair (args, kwargs), to see what flows where;
            None takes zeros of the recorded shape.
        searched: The space that was searched, where the best architecture is of another, as that of a network to
            compare with.

    Returns:
        The path.

    Raises:
        UsageError: When the path is a folder, or a file of the run itself.
    """
    return write_page(path, [run], lambda: render_report(run, space, example, searched))


def render_report(
    run: Run, space: Space | None = None, example: Any = None, searched: Space | None = None
) -> str:
    """The report as text. See `write_report`."""
    return render_page(
        "report.html.jinja",
        figures(run),
        run=run,
        searched=lambda name: searched_metric(run, name),
        rules=rule_effects(run, searched or space),
        **_contents(run, space, example),
    )


def _contents(run: Run, space: Space | None, example: Any) -> dict[str, Any]:
    """What the template shows besides the figures."""
    judgement = judgement_to_show(run)
    best = None if run.config.judge else shown_trial(run)
    drawing, drawing_note = _drawing(run, best, space, example)
    return {
        "headline": headline(run),
        "numbers": key_numbers(run),
        "judges": run.config.judge is not None,
        "judgement": judgement,
        "judged": judgement and judged_table(judgement),
        "cheapest_mark": CHEAPEST,
        "search_taking": search_taking(run),
        "best": best,
        "drawing": drawing,
        "drawing_note": drawing_note,
        "programs": program_texts(run) + function_texts(best, space),
        "score": searched_metric(run, first_objective(run).name),
        "one_shot": is_by_shared_weights(run),
        "by_shared_weights": f" {BY_SHARED_WEIGHTS}" if is_by_shared_weights(run) else "",
        "supernet": supernet_progress(run),
        "monitors": monitors(run),
        "families": preference_families(run),
        "collapse": collapse(run),
        "agreement": agreement(run),
        "completed": completed(run),
        "trade_off": trade_off(run),
        "top": top_table(run),
        "retrained": retrained_table(run),
        "finalist_notes": finalist_notes(run),
        "classical": classical_table(run),
        "classical_told": classical_sentence(run),
        "failures": failure_groups(run.trials),
        "retraining_failures": failure_groups(run.retrained),
        "infeasible": [trial.number for trial in run.trials if trial.state is TrialState.INFEASIBLE],
        "limits": [objective for objective in run.objectives if objective.limit is not None],
        "states": state_shares(run),
        "costs": cost_lines(run),
        "settings": settings_groups(run),
        "settings_json": json.dumps(encode(run.config), indent=2, ensure_ascii=False),
        "messages": [(time_text(at), text[:_LONGEST_MESSAGE]) for at, text in run.messages[-_MOST_MESSAGES:]],
        "messages_left_out": max(0, len(run.messages) - _MOST_MESSAGES),
        "written": time_text(time.time()),
    }


def _zeros(run: Run) -> Any:
    """Two inputs of the recorded shape, where there is one."""
    import torch

    shape = run.config.task.input_shape
    if not shape:
        return None
    return torch.zeros(2, *shape, dtype=torch.int64 if run.config.task.input_type == "int64" else None)


def _drawing(run: Run, best: Trial | None, space: Space | None, example: Any) -> tuple[Markup | None, str]:
    """The drawing of the best architecture, and what is to be said of it."""
    if best is None or space is None:
        return None, ""
    task = run.config.task
    shape, outputs = task.input_shape, task.outputs
    unit = "classes" if task.kind == "classification" else "output" if outputs == 1 else "outputs"
    try:
        drawn = draw_architecture(
            space,
            best.candidate.architecture,
            example=_zeros(run) if example is None else example,
            input_text=" × ".join(map(str, shape)) if shape else "input",
            output_text=f"{outputs} {unit}" if outputs else "output",
        )
    except ArchwrightError as error:
        return None, f"It cannot be drawn, since the space given is not the one it was found in: {error}"
    is_own = run.winner is None or run.winning_number is not None
    changed = is_own and run.config.space.digest not in (None, space.digest)
    return Markup(
        drawn
    ), "The space was changed since the search; it is drawn as it is now." if changed else ""
