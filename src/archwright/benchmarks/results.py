"""What a comparison leaves: the tidy file, the summary, the plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archwright.benchmarks import files
from archwright.benchmarks.comparison import Comparison
from archwright.benchmarks.regret import random_search_regret
from archwright.benchmarks.significance import Ranking, rank_strategies

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["measure", "summarize", "write_results"]

_SIGNIFICANT = 0.05

MEASURES = {
    "validation_regret": "validation regret",
    "test_regret": "test regret of the validation incumbent",
    "hypervolume": "hypervolume, share of the true front's",
}
"""What is told of a search, fields of `Standing`, with a title."""


def _spelled(budget: float) -> str:
    return f"{budget:.6g}"


def measures_of(comparison: Comparison) -> list[str]:
    """The names of what there is to tell."""
    truth = comparison.truth
    missing = {"test_regret": truth.test_regrets is None, "hypervolume": truth.front is None}
    return [name for name in MEASURES if not missing.get(name)]


def measure(comparison: Comparison, name: str, points: Sequence[float]) -> NDArray[np.float64]:
    """One measure of every search.

    Args:
        comparison: What was compared.
        name: "validation_regret", "test_regret" or "hypervolume".
        points: After how many evaluations or seconds, in ascending order.

    Returns:
        Shape (strategies, seeds, points); NaN where a search had no network yet that counts.
    """
    found = np.full((len(comparison.strategies), comparison.seeds, len(points)), math.nan)
    for i, strategy in enumerate(comparison.strategies):
        for j, run in enumerate(comparison.of(strategy)):
            for k, standing in enumerate(run.standings(points)):
                if (value := getattr(standing, name, None)) is not None:
                    found[i, j, k] = value
    return found


def summarize(comparison: Comparison) -> dict[str, Any]:
    """The numbers of the summary, in JSON's own types.

    Returns:
        "table", "objectives", "unit", "evaluations" (in simulated time "simulated_seconds" and "workers"), "seeds";
        "results": strategy to budget to measure to "mean" and "standard_error" (null where a search had no network yet
        that counts); "random_search": budget to the closed-form regrets, without limits (empty in simulated time);
        "ranks": strategy to mean rank at the full budget, best first, and "pairs" with Holm's p; "seconds": strategy to
        the mean real time of a search.
    """
    truth, budgets = comparison.truth, list(comparison.budgets)
    results: dict[str, dict[str, dict[str, Any]]] = {
        name: {_spelled(budget): {} for budget in budgets} for name in comparison.strategies
    }
    for told in measures_of(comparison):
        values = measure(comparison, told, budgets)
        for i, name in enumerate(comparison.strategies):
            for k, budget in enumerate(budgets):
                results[name][_spelled(budget)][told] = files.mean_and_error(values[i, :, k])
    ranking = rank(comparison)
    expected = {
        _spelled(budget): dict(
            zip(("validation_regret", "test_regret"), random_search_regret(truth, int(budget)), strict=True)
        )
        for budget in (budgets if comparison.seconds is None else [])
    }
    simulated = {"simulated_seconds": comparison.seconds, "workers": comparison.workers}
    return {
        "table": truth.table.name,
        "objectives": [str(objective) for objective in truth.objectives],
        "unit": truth.unit,
        **({"evaluations": comparison.evaluations} if comparison.seconds is None else simulated),
        "seeds": comparison.seeds,
        "results": results,
        "random_search": expected,
        "ranked_by": ranked_by(comparison),
        "ranks": ranking.ranks,
        "pairs": [
            {"better": p.better, "worse": p.worse, "wins": p.wins, "ties": p.ties, "p": p.p}
            for p in ranking.pairs
        ],
        "seconds": {
            name: float(np.mean([run.seconds for run in comparison.of(name)]))
            for name in comparison.strategies
        },
    }


def ranked_by(comparison: Comparison) -> str:
    """The measure that strategies are ranked by: the hypervolume with several objectives, else validation regret."""
    return "validation_regret" if comparison.truth.front is None else "hypervolume"


def rank(comparison: Comparison) -> Ranking:
    """The ranking at the full budget."""
    by = ranked_by(comparison)
    values = measure(comparison, by, comparison.budgets[-1:])[:, :, 0]
    losses = -values if by == "hypervolume" else values
    known = losses[np.isfinite(losses)]
    worst = 1.0 + (known.max() if known.size else 0.0)  # for a search that has found nothing that counts
    return rank_strategies(comparison.strategies, np.where(np.isfinite(losses), losses, worst))


def write_results(comparison: Comparison, folder: str | Path) -> dict[str, Path]:
    """Write `regret.parquet`, `summary.md` and `regret.png`.

    The tidy file has a row for each evaluation of each search: `strategy`, `seed`, `evaluations` (in simulated
    time for each of 200 `seconds`), `validation_regret`, `test_regret` and, with several objectives, `hypervolume`.

    Args:
        comparison: What was compared.
        folder: Where to; is made.

    Returns:
        File name to path.

    Raises:
        MissingExtraError: When pyarrow or matplotlib is not installed.
    """
    files.check_extra()
    text = _markdown(comparison, summarize(comparison))
    return files.write(folder, "regret", _tidy(comparison), ("summary.md", text), _draw(comparison))


def _tidy(comparison: Comparison) -> pd.DataFrame:
    import pandas as pd

    steps = comparison.grid
    rows = comparison.seeds * len(steps)
    columns: dict[str, Any] = {
        "strategy": np.repeat(np.array(comparison.strategies, dtype=object), rows),
        "seed": np.tile(np.repeat(np.arange(comparison.seeds), len(steps)), len(comparison.strategies)),
        "evaluations" if comparison.seconds is None else "seconds": np.tile(
            np.array(steps), comparison.seeds * len(comparison.strategies)
        ),
    }
    there = measures_of(comparison)
    for name in MEASURES:  # measures give NaN where the table has no test values
        if name != "hypervolume" or name in there:
            columns[name] = measure(comparison, name, steps).reshape(-1)
    return pd.DataFrame(columns)


def _markdown(comparison: Comparison, summary: dict[str, Any]) -> str:
    budgets = [_spelled(budget) for budget in comparison.budgets]
    lines = [
        f"# {summary['table']}",
        "",
        f"{budgets[-1]} {comparison.axis}, {comparison.seeds} seeds; "
        f"{', '.join(summary['objectives'])}. Mean ± standard error over the seeds; regrets in {summary['unit']}.",
    ]
    for told in measures_of(comparison):
        digits = 4 if told == "hypervolume" else 3
        rows = [
            [name, *(files.cell(summary["results"][name][budget][told], digits) for budget in budgets)]
            for name in summary["ranks"]
        ]
        closed = summary["random_search"]
        if closed and told != "hypervolume" and closed[budgets[0]][told] is not None:
            expected = [f"{closed[budget][told]:.3f}" for budget in budgets]
            rows.append(["*random, in closed form*", *expected])
        lines += [
            "",
            f"## {MEASURES[told].capitalize()}",
            *files.markdown_table(["strategy", *budgets], rows),
        ]
    lines += ["", f"## Ranks by {MEASURES[summary['ranked_by']]} at {budgets[-1]}"]
    ranks = [[n, f"{r:.2f}", f"{summary['seconds'][n]:.2f}"] for n, r in summary["ranks"].items()]
    lines += files.markdown_table(["strategy", "mean rank", "seconds a search"], ranks)
    if summary["pairs"]:
        lines += ["", "Wilcoxon signed-rank test over the seeds, two-sided, p after Holm's correction:", ""]
        lines += ["| better | worse | wins, ties, losses | p | |", "|---|---|---:|---:|---|"]
        for pair in summary["pairs"]:
            losses = comparison.seeds - pair["wins"] - pair["ties"]
            told = "significant" if pair["p"] < _SIGNIFICANT else "could be chance"
            lines.append(
                f"| {pair['better']} | {pair['worse']} | {pair['wins']}, {pair['ties']}, {losses} | "
                f"{pair['p']:.2g} | {told} |"
            )
    return "\n".join(lines) + "\n"


def _draw(comparison: Comparison) -> Figure:
    from matplotlib.figure import Figure

    there = measures_of(comparison)
    steps = comparison.grid
    figure = Figure(figsize=(6.0 * len(there), 4.2), layout="constrained")
    for axes, told in zip(np.atleast_1d(figure.subplots(1, len(there))), there, strict=True):
        values = measure(comparison, told, steps)
        # Only from where every search has a network that counts.
        begin = int(np.argmax(np.isfinite(values).all(axis=(0, 1))))
        files.draw_curves(axes, steps[begin:], values[:, :, begin:], comparison.strategies)
        axes.set_xlabel(comparison.axis)
        axes.set_ylabel("share" if told == "hypervolume" else comparison.truth.unit)
        axes.set_title(MEASURES[told])
        if told != "hypervolume":
            # The first evaluations are far above the rest.
            late = values[:, :, min(len(steps) - 1, max(begin, len(steps) // 30)) :].mean(axis=1)
            top = late.max() if np.isfinite(late).all() else 0.0
            if top > 0.0:
                axes.set_ylim(0.0, 1.15 * top)
    return files.finish_figure(figure, comparison.truth.table.name, comparison.seeds)
