"""How far cheap estimates can be trusted: what a run that judges them has found."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from numpy.typing import ArrayLike

from archwright.errors import RunError
from archwright.experiments import Run, open_run
from archwright.experiments.records import decode
from archwright.surrogates import kendall, kendall_interval, ndcg, spearman, spearman_interval

__all__ = ["Judged", "Judgement", "judgement_of"]

_NETWORKS = 50
"""Among so many networks, the trials of a search by default, what an estimate needs beforehand is shared out."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How well one cheap score ranks the networks of the sample.

    Args:
        name: The estimator, or what else scored.
        networks: How many networks it scored.
        failed: How many it could not score, which the numbers leave out.
        spearman: Spearman's ρ with the score of full training; None where all scores are equal, or too few.
        spearman_interval: Its 95 % confidence interval.
        kendall: Kendall's τ-b, in the same way.
        kendall_interval: Its 95 % confidence interval.
        ndcg: nDCG of the top places; None as for the correlations.
        seconds: For one network.
        setup: Seconds before the first network: the supernet's training, the networks that a surrogate learns from.
        reason: Why it could not score, of the last that failed.
    """

    name: str
    networks: int
    failed: int
    spearman: float | None
    spearman_interval: tuple[float, float]
    kendall: float | None
    kendall_interval: tuple[float, float]
    ndcg: float | None
    seconds: float
    setup: float = 0.0
    reason: str | None = None

    @property
    def cost(self) -> float:
        """Seconds for one of 50 networks, each with its share of what is needed beforehand."""
        return self.seconds + self.setup / _NETWORKS

    @classmethod
    def of(
        cls, name: str, scores: ArrayLike, truth: ArrayLike, top: int, seconds: float, **more: Any
    ) -> Judged:
        """Compare scores with those of full training, each the larger the better.

        Args:
            name: What scored.
            scores: Shape (networks,).
            truth: Shape (networks,).
            top: How many places count in nDCG.
            seconds: For one network.
            more: The other fields.
        """
        n = len(list(truth))  # type: ignore[arg-type]
        found = [math.nan] * 3
        if n > 1:
            found = [spearman(scores, truth), kendall(scores, truth), ndcg(scores, truth, top)]
        rho, tau, gain = found
        if math.isnan(rho):  # one score for all says nothing of their order
            gain = math.nan
        return cls(
            name=name,
            networks=n,
            spearman=_known(rho),
            spearman_interval=spearman_interval(scores, truth),
            kendall=_known(tau),
            kendall_interval=kendall_interval(scores, truth),
            ndcg=_known(gain),
            seconds=seconds,
            **{"failed": 0, **more},
        )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


@dataclass(frozen=True, slots=True)
class Judgement:
    """How far cheap scores can be trusted on a space and a task.

    Args:
        metric: What full training measured.
        networks: How many networks were trained fully.
        top: How many places count in nDCG.
        threshold: What the lower bound of Spearman's interval must exceed for a score to suffice.
        seconds: Of full training, for one network.
        scores: What was judged, the cheapest first.
        folder: The run's folder.
        state: "completed", or "stopped" when it was interrupted and can be resumed; then there are no scores yet.
    """

    metric: str
    networks: int
    top: int
    threshold: float
    seconds: float
    scores: tuple[Judged, ...]
    folder: str = ""
    state: str = "completed"

    @property
    def sufficient(self) -> tuple[Judged, ...]:
        """Those whose lower bound of Spearman's ρ is above the threshold and that cost less than full training."""
        return tuple(
            one
            for one in self.scores
            if one.spearman is not None
            and one.spearman_interval[0] > self.threshold
            and one.cost < self.seconds
        )

    @property
    def cheapest(self) -> Judged | None:
        """The cheapest that suffices; None where none does."""
        return min(self.sufficient, key=lambda one: one.cost, default=None)

    def to_json(self) -> dict[str, Any]:
        """A plain dict, with the cheapest that suffices by name."""
        cheapest = self.cheapest
        return {**asdict(self), "cheapest": cheapest.name if cheapest else None}


def judgement_of(run: Run | str) -> Judgement:
    """What a run that judges cheap estimates has found.

    Args:
        run: The run, or its folder.

    Raises:
        RunError: When it judges nothing.
    """
    run = open_run(run) if isinstance(run, str) else run
    config = run.config
    if config.judge is None:
        raise RunError(f"{run.folder} judges no estimates; begin such a run with `archwright judge`")
    if run.judgement is not None:
        data = {name: value for name, value in run.judgement.items() if name != "cheapest"}
        return replace(decode(Judgement, data, "judgement"), folder=str(run.folder))
    metric, judge = config.objectives[0].name, config.judge
    return Judgement(metric, 0, judge.top, judge.threshold, 0.0, (), str(run.folder), run.state)
