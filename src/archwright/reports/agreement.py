"""Whether the scores by shared weights order networks as training them alone does."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from archwright.reports.palette import LIGHT
from archwright.reports.plots import dots, hover_text, plot, score_axis
from archwright.reports.ranking import score_names, value_of
from archwright.reports.supernet import BY_SHARED_WEIGHTS, is_by_shared_weights
from archwright.reports.wording import metric_name, metric_text
from archwright.trials import Trial

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["Agreement", "agreement", "agreement_figure"]

_ENUMERATED = 7
_CLEAR = 0.05


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two scores of the same networks, and how far they give the same order.

    Args:
        metric: What both are.
        trials: The networks, trained from scratch.
        shared: Their scores by shared weights, on the validation split.
        standalone: Their scores trained alone, on the same split.
        tau: Kendall's tau-b; None where it is not defined, since all scores of one kind are equal.
        rho: Spearman's rho; None as tau.
        chance: The probability of a tau at least as large when all orders are equally likely; None as tau.
    """

    metric: str
    trials: tuple[Trial, ...]
    shared: tuple[float, ...]
    standalone: tuple[float, ...]
    tau: float | None
    rho: float | None
    chance: float | None

    @property
    def told(self) -> str:
        """What the numbers allow to conclude, in sentences."""
        n = len(self.trials)
        name = metric_name(self.metric)
        if n < 2:
            return f"One network has both scores, so nothing can be said of their order (n = {n})."
        if self.tau is None or self.rho is None or self.chance is None:
            flat = "trained alone" if len(set(self.standalone)) == 1 else BY_SHARED_WEIGHTS
            return f"All {n} networks have the same {name} {flat}, so there is no order to compare (n = {n})."
        numbers = f"Kendall's τ = {_signed(self.tau)}, Spearman's ρ = {_signed(self.rho)}, n = {n}."
        odds = (
            "Were the order by shared weights drawn at random, τ would be at least as high in "
            f"{_percent(self.chance)} of cases"
        )
        best = 1 / math.factorial(n)
        if best > _CLEAR:
            meaning = (
                f"{odds}; even perfect agreement would be, in {_percent(best)}. So many networks say nearly "
                "nothing of how well the supernet ranks: retrain more of them to know (--retrain)."
            )
        elif self.chance > _CLEAR:
            meaning = f"{odds}: this does not show that the supernet ranks better than chance."
        else:
            meaning = f"{odds}: the supernet ranks these networks better than chance."
        return f"{numbers} {meaning}"


def agreement(run: Run) -> Agreement | None:
    """The scores of the retrained networks by shared weights and trained alone.

    Args:
        run: The run.

    Returns:
        None where the search's scores are not by shared weights, or no network has both.
    """
    if not is_by_shared_weights(run):
        return None
    searched = {trial.number: trial for trial in run.trials}
    for name in score_names(run):
        pairs = [
            (trial, before, after)
            for trial in run.retrained
            if (after := value_of(trial, name)) is not None
            and trial.number in searched
            and (before := value_of(searched[trial.number], name)) is not None
        ]
        if pairs:
            trials, shared, standalone = zip(*pairs, strict=True)
            return Agreement(name, trials, shared, standalone, *_correlation(shared, standalone))
    return None


def agreement_figure(run: Run) -> go.Figure | None:
    """The two scores against each other; None where there is no network with both."""
    found = agreement(run)
    if found is None:
        return None
    name = metric_name(found.metric)
    winner = run.winning_number
    traces = []
    for title, role, symbol, chosen in (
        ("retrained", "accent", "circle", False),
        ("chosen", "good", "diamond", True),
    ):
        places = [i for i, trial in enumerate(found.trials) if (trial.number == winner) is chosen]
        if places:
            x, y = [found.shared[i] for i in places], [found.standalone[i] for i in places]
            look = {"color": LIGHT[role], "size": 11, "symbol": symbol}
            traces.append(dots(x, y, [_told(found, i) for i in places], title, look))
    shared, alone = f"validation {name} {BY_SHARED_WEIGHTS}", f"validation {name}, trained alone"
    return plot(
        traces,
        showlegend=winner is not None,
        xaxis=score_axis(found.metric, escape(shared), range=_range(found.shared)),
        yaxis=score_axis(found.metric, escape(alone), range=_range(found.standalone)),
    )


def _correlation(
    first: Sequence[float], second: Sequence[float]
) -> tuple[float | None, float | None, float | None]:
    """Kendall's tau-b, Spearman's rho, and the chance of such a tau; None where a score is the same for all."""
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None, None, None
    from scipy.stats import kendalltau, spearmanr

    tau = float(kendalltau(first, second).statistic)
    rho = float(spearmanr(first, second).statistic)
    if len(first) <= _ENUMERATED:  # with equal scores in it, only counting is exact
        taus = [kendalltau(order, second).statistic for order in itertools.permutations(first)]
        chance = sum(other >= tau - 1e-9 for other in taus) / len(taus)
    else:
        chance = float(kendalltau(first, second, alternative="greater").pvalue)
    return tau, rho, chance


def _told(found: Agreement, i: int) -> str:
    trial, metric = found.trials[i], found.metric
    return hover_text(
        trial,
        f"<b>trial {trial.number}</b>",
        f"{BY_SHARED_WEIGHTS}: {metric_text(metric, found.shared[i])}",
        f"trained alone: {metric_text(metric, found.standalone[i])}",
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    """All values with room at both ends, also where they are equal."""
    low, high = min(values), max(values)
    margin = 0.12 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\u00a0%" if share >= 0.01 else f"{100 * share:.1g}\u00a0%"
