"""How far cheap estimates can be trusted: what a run that judges them has found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from numpy.typing import ArrayLike

from archwright.errors import RunError, UsageError
from archwright.experiments import Run, open_run
from archwright.experiments.records import decode
from archwright.spaces import Space
from archwright.surrogates import kendall, kendall_interval, ndcg, spearman, spearman_interval
from archwright.tasks import Task
from archwright.trials import Fidelity, FidelityRange

__all__ = ["Judged", "Judgement", "judged_estimator", "judgement_of"]

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


def judged_estimator(
    options: Mapping[str, Any] | None, space: Space, task: Task, fidelity: FidelityRange | Fidelity | str
) -> tuple[str, dict[str, Any], FidelityRange | Fidelity | str, str]:
    """What `--estimator auto` stands for: the cheapest estimate that suffices, by the verdict of a run that judged.

    Args:
        options: "judge": the folder of that run.
        space: What is to be searched.
        task: What is to be learned.
        fidelity: What was asked for.

    Returns:
        The estimator's name and options, the fidelity, and why, in words: full training where no estimate suffices.
        What a search cannot measure by, surrogates and shared weights, is passed over.

    Raises:
        UsageError: When no folder is given, or its run is of another space or task, or not finished.
    """
    given = dict(options or {})
    folder = given.pop("judge", None)
    if folder is None or given:
        raise UsageError(
            "the estimator 'auto' takes the verdict of `archwright judge`: give the folder of its run as its one "
            "option, judge=runs/NAME"
        )
    run = open_run(folder)
    found = judgement_of(run)
    if run.judgement is None or run.config.judge is None:
        raise UsageError(f"{folder} has not judged to its end; go on with: archwright resume {folder}")
    known = run.config
    if known.space.digest != space.digest or (known.task.name, known.task.kind) != (task.name, task.kind):
        raise UsageError(
            f"{folder} judged the space {known.space.name!r} for the task {known.task.name!r}, not what is searched; "
            "judge that"
        )
    scorers = {scorer.name: scorer for scorer in known.judge.scorers} if known.judge else {}
    for one in sorted(found.sufficient, key=lambda one: one.cost):
        scorer = scorers[one.name]
        if scorer.estimator is not None and scorer.estimator.name != "weight_sharing":
            effort = replace(scorer.fidelity, replicate=known.fidelity.high.replicate)
            told = f"estimator: {one.name}, the cheapest that suffices by {folder}"
            return scorer.estimator.name, dict(scorer.estimator.options), effort, told
    return "training", {}, fidelity, f"estimator: training, since no cheap estimate suffices by {folder}"
