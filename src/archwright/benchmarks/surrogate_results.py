"""What a comparison of surrogates leaves: the tidy file, the summary, the plot."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archwright.benchmarks import files
from archwright.benchmarks.surrogate_ranking import SurrogateComparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["summarize_surrogates", "write_surrogates"]

_TITLES = {"kendall": "Kendall's τ", "spearman": "Spearman's ρ", "regret": "Top-{k} regret, {unit}"}
_DIGITS = 3


def summarize_surrogates(comparison: SurrogateComparison) -> dict[str, Any]:
    """The numbers of the summary, in JSON's own types.

    Returns:
        "table", "objective", "unit" of the regret, "seeds", "tested", "k"; "results": surrogate, by Kendall's τ at the
        largest size and best first, to size to "kendall", "spearman" and "regret", each with "mean" and
        "standard_error" (null where a surrogate predicted the same for all), and the median of the "seconds".
    """
    table = comparison.table
    results: dict[str, dict[str, Any]] = {
        name: {
            str(size): {
                **{
                    metric: files.mean_and_error(_values(comparison, metric, name, size))
                    for metric in _TITLES
                },
                # The first one pays for imports.
                "seconds": float(np.median(_values(comparison, "seconds", name, size))),
            }
            for size in comparison.sizes
        }
        for name in comparison.surrogates
    }
    last = str(comparison.sizes[-1])

    def merit(name: str) -> float:
        mean = results[name][last]["kendall"]["mean"]
        return -math.inf if mean is None else float(mean)

    return {
        "table": table.name,
        "objective": comparison.objective.name,
        "unit": table.unit(comparison.objective)[1],
        "seeds": comparison.seeds,
        "tested": comparison.tested,
        "k": comparison.k,
        "results": {name: results[name] for name in sorted(results, key=merit, reverse=True)},
    }


def write_surrogates(comparison: SurrogateComparison, folder: str | Path) -> dict[str, Path]:
    """Write `surrogates.parquet`, `surrogates.md` and `surrogates.png`.

    The tidy file has a row for each ranking: `surrogate`, `trained`, `seed`, `kendall`, `spearman`, `regret` and
    `seconds`.

    Args:
        comparison: What was compared.
        folder: Where to; is made. Files of these names in it are replaced.

    Returns:
        File name to path.

    Raises:
        MissingExtraError: When pyarrow or matplotlib is not installed.
    """
    files.check_extra("surrogates")
    import pandas as pd

    tidy = pd.DataFrame([asdict(ranking) for ranking in comparison.rankings])
    text = _markdown(summarize_surrogates(comparison))
    return files.write(folder, "surrogates", tidy, ("surrogates.md", text), _draw(comparison))


def _values(comparison: SurrogateComparison, metric: str, name: str, size: int) -> NDArray[np.float64]:
    return np.array([getattr(ranking, metric) for ranking in comparison.of(name, size)], dtype=np.float64)


def _titles(k: int, unit: str) -> dict[str, str]:
    return {metric: title.format(k=k, unit=unit) for metric, title in _TITLES.items()}


def _markdown(summary: dict[str, Any]) -> str:
    results = summary["results"]
    sizes = list(next(iter(results.values())))
    lines = [
        f"# {summary['table']}",
        "",
        f"The `{summary['objective']}` of {summary['tested']} networks, predicted from others, by how many "
        f"these are; {summary['seeds']} seeds. Mean ± standard error over the seeds.",
    ]
    for metric, title in _titles(summary["k"], summary["unit"]).items():
        rows = [
            [name, *(files.cell(found[size][metric], _DIGITS) for size in sizes)]
            for name, found in results.items()
        ]
        lines += ["", f"## {title}", *files.markdown_table(["surrogate", *sizes], rows)]
    rows = [[name, *(f"{found[size]['seconds']:.2f}" for size in sizes)] for name, found in results.items()]
    lines += [
        "",
        "## Seconds to learn and to predict, median",
        *files.markdown_table(["surrogate", *sizes], rows),
    ]
    return "\n".join(lines) + "\n"


def _draw(comparison: SurrogateComparison) -> Figure:
    """Each metric by the number of networks that were learned from."""
    from matplotlib.figure import Figure

    sizes = np.array(comparison.sizes)
    figure = Figure(figsize=(15.0, 4.2), layout="constrained")
    titles = _titles(comparison.k, comparison.table.unit(comparison.objective)[1])
    for axes, (metric, title) in zip(figure.subplots(1, len(titles)), titles.items(), strict=True):
        values = [
            [_values(comparison, metric, name, size) for size in comparison.sizes]
            for name in comparison.surrogates
        ]
        files.draw_curves(axes, sizes, np.array(values).swapaxes(1, 2), comparison.surrogates, marker="o")
        axes.set_xscale("log")
        axes.set_xticks(sizes, [str(size) for size in comparison.sizes])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("networks to learn from")
        axes.set_title(title)
        if metric == "regret":
            axes.set_ylim(bottom=0.0)
    title = f"{comparison.table.name}, {comparison.objective.name}"
    return files.finish_figure(figure, title, comparison.seeds)
