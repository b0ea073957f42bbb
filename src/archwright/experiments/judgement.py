"""What a run that judges cheap estimates has found: how far each can be trusted, and which suffices."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from archwright.durations import count_of
from archwright.errors import RunError
from archwright.experiments.opening import open_run
from archwright.experiments.records import decode
from archwright.experiments.run import Run
from archwright.trials import FULL, Fidelity, TrialState

__all__ = ["Judged", "Judgement", "judgement_of", "judgement_sentence"]

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
        setup: Seconds before the first network: the supernet's training, the networks that a surrogate learns from, or
            those that a search would rank others among.
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

    @property
    def cells(self) -> tuple[str, ...]:
        """A row of a table, under `Judgement.columns`."""
        return (
            self.name,
            _interval(self.spearman, self.spearman_interval),
            _interval(self.kendall, self.kendall_interval),
            "-" if self.ndcg is None else f"{self.ndcg:.2f}",
            f"{self.seconds:.3g}",
            f"{self.setup:.3g}" if self.setup else "",
            str(self.networks),
        )


def _interval(value: float | None, interval: tuple[float, float]) -> str:
    return "-" if value is None else f"{value:.2f} [{interval[0]:.2f}, {interval[1]:.2f}]"


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
        fidelity: Of full training.
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
    fidelity: Fidelity = FULL

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

    @property
    def columns(self) -> tuple[str, ...]:
        """Headings above the cells of the scores."""
        return ("", "Spearman", "Kendall", f"nDCG@{self.top}", "s/network", "s before", "networks")

    @property
    def sample(self) -> str:
        """What the scores are compared with, in words."""
        how = "fully" if self.fidelity == FULL else f"at {self.fidelity}"
        networks = f"{self.networks} networks trained {how}, {self.seconds:.3g} s each"
        return f"{self.metric} of {networks}; in brackets 95 % confidence intervals"

    @property
    def verdict(self) -> str:
        """Which score suffices, and by what rule, in words."""
        rule = f"a lower bound of Spearman's correlation above {self.threshold:g}, for less than full training costs"
        if self.cheapest is None:
            return f"none suffices (the rule: {rule}); a larger --sample tells more"
        return f"the cheapest that suffices: {self.cheapest.name} (the rule: {rule})"

    def to_json(self) -> dict[str, Any]:
        """A plain dict, with the cheapest that suffices by name."""
        cheapest = self.cheapest
        name = cheapest.name if cheapest else None
        return {**asdict(self), "fidelity": self.fidelity.to_json(), "cheapest": name}


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
        found = decode(Judgement, data, "judgement")
        return replace(found, folder=str(run.folder), fidelity=config.fidelity.high)
    metric, judge = config.objectives[0].name, config.judge
    told = (metric, 0, judge.top, judge.threshold, 0.0, (), str(run.folder), run.state)
    return Judgement(*told, fidelity=config.fidelity.high)


def judgement_sentence(run: Run) -> str:
    """The verdict of a run that judges; how far it is, where it has none yet.

    Raises:
        RunError: When it judges nothing.
    """
    found, judge = judgement_of(run), run.config.judge
    if run.judgement is not None or judge is None:
        return found.verdict
    done = sum(trial.state is TrialState.COMPLETED for trial in run.trials)
    estimates = count_of(len(judge.scorers), "cheap estimate")
    told = f"{count_of(done, 'network')} of {run.config.budget.trials} trained fully, no verdict on {estimates} yet"
    return f"{'still judging' if run.state == 'running' else 'judging has not ended'}: {told}"
