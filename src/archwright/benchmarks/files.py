"""The files that every comparison leaves: tidy rows, tables in Markdown, curves with bands."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archwright.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "cell",
    "check_extra",
    "draw_curves",
    "finish_figure",
    "markdown_table",
    "mean_and_error",
    "write",
]

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
"""Of curves that the colour-blind tell apart (Okabe & Ito 2008)."""


def check_extra(name: str = "regret") -> None:
    """Raise now, not after hours, where the packages that write the results are missing.

    Args:
        name: Of the tidy file and of the plot.

    Raises:
        MissingExtraError: Names the install line.
    """
    for package, purpose in (("pyarrow", f"{name}.parquet"), ("matplotlib", f"{name}.png")):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "bench", f"writing {purpose}")


def mean_and_error(values: NDArray[np.float64]) -> dict[str, float | None]:
    """The mean over the seeds and its standard error; None where one is missing or there is only one seed."""
    if not np.isfinite(values).all():
        return {"mean": None, "standard_error": None}
    error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
    return {"mean": float(values.mean()), "standard_error": error}


def cell(value: dict[str, float | None], digits: int) -> str:
    """What `mean_and_error` gave, in a table of the summary."""
    mean, error = value["mean"], value["standard_error"]
    if mean is None:
        return "–"
    return f"{mean:.{digits}f}" if error is None else f"{mean:.{digits}f} ± {error:.{digits}f}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table whose first column is text and whose others are numbers; an empty line before it."""
    lines = ["", f"| {' | '.join(header)} |", f"|---|{'---:|' * (len(header) - 1)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def draw_curves(
    axes: Axes, steps: ArrayLike, values: NDArray[np.float64], names: Sequence[str], marker: str = ""
) -> None:
    """Draw the mean over the seeds of each curve, with a band of two standard errors each way.

    Args:
        axes: Where to.
        steps: Shape (points,).
        values: Shape (curves, seeds, points).
        names: Of the curves.
        marker: Of the points.
    """
    for i, (name, of_seeds) in enumerate(zip(names, values, strict=True)):
        mean, color = of_seeds.mean(axis=0), _COLORS[i % len(_COLORS)]
        style = "-" if i < len(_COLORS) else "--"
        axes.plot(steps, mean, style, marker=marker, color=color, label=name, linewidth=1.6, markersize=4)
        if len(of_seeds) > 1:
            error = of_seeds.std(axis=0, ddof=1) / math.sqrt(len(of_seeds))
            axes.fill_between(steps, mean - 2 * error, mean + 2 * error, color=color, alpha=0.2, lw=0)
    axes.grid(alpha=0.3)


def finish_figure(figure: Figure, title: str, seeds: int) -> Figure:
    """A figure with its legend, and a title that says what the bands are."""
    figure.axes[0].legend(frameon=False)
    figure.suptitle(f"{title}, {seeds} seeds; bands: ± 2 standard errors")
    return figure


def write(
    folder: str | Path, name: str, tidy: pd.DataFrame, summary: tuple[str, str], figure: Figure
) -> dict[str, Path]:
    """Write `NAME.parquet`, the summary and `NAME.png`; files of these names are replaced.

    Args:
        folder: Where to; is made.
        name: Of the tidy file and of the plot.
        tidy: The rows.
        summary: Name and content of the Markdown file.
        figure: The plot.

    Returns:
        File name to path.
    """
    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    paths = {file: where / file for file in (f"{name}.parquet", summary[0], f"{name}.png")}
    tidy.to_parquet(paths[f"{name}.parquet"], index=False)
    paths[summary[0]].write_text(summary[1], encoding="utf-8")
    figure.savefig(paths[f"{name}.png"], dpi=150)
    return paths
