"""The stage that judges: cheap estimators and surrogates score again what the search has trained."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archwright.durations import count_of
from archwright.errors import SearchError
from archwright.estimators import ESTIMATORS
from archwright.estimators.estimator import Estimator, PopulationEstimator
from archwright.experiments import (
    Experiment,
    Interrupts,
    JudgeConfig,
    Judged,
    Judgement,
    Judging,
    Listener,
    RunConfig,
    ScorerConfig,
    Stage,
    Store,
    SupernetTraining,
)
from archwright.experiments.one_shot import SUPERNET, read_epochs
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.supernets import make_method
from archwright.surrogates import SURROGATES, kendall, kendall_interval, ndcg, spearman, spearman_interval
from archwright.tasks import Task
from archwright.trials import Candidate, Trial, TrialState

__all__ = ["SHARED", "Judges"]

SHARED = "weight_sharing"
"""The estimator that needs a supernet."""
_LEAST = 5
"""Networks that must have been trained before anything can be said."""
_FOLDS = 5


class Judges:
    """What scores again the networks that a run has trained.

    Args:
        config: The run's record.
        judge: The part of it on what is judged.
        space: The space.
        task: The task.
        folder: The run's folder.

    Raises:
        UsageError: When an estimator or a surrogate is unknown or cannot be made, or weights cannot be shared.
    """

    def __init__(self, config: RunConfig, judge: JudgeConfig, space: Space, task: Task, folder: Path) -> None:
        self.config, self.judge, self.space, self.task, self.folder = config, judge, space, task, folder
        self.supernet: SupernetTraining | None = None
        self.scorers = [scorer for scorer in judge.scorers if scorer.estimator is not None]
        self.estimators = [self._estimator(scorer) for scorer in self.scorers]
        for scorer in judge.scorers:
            if scorer.surrogate is not None:
                SURROGATES.check(scorer.surrogate.name, scorer.surrogate.options)

    def _estimator(self, scorer: ScorerConfig) -> Estimator:
        assert scorer.estimator is not None
        name, options = scorer.estimator.name, scorer.estimator.options
        device, seed = self.config.device, self.config.seed
        how = {
            "recipe": self.config.recipe,
            "accelerator": device.accelerator,
            "devices": device.devices,
            "precision": device.precision,
        }
        if name != SHARED:
            made = ESTIMATORS.make(name, self.space, self.task, options=options, **how)
            return made.for_population() or made  # the sample is one, so no other has to be measured
        from archwright.estimators.weight_sharing import WeightSharing

        method = make_method("spos", seed=seed, **options)
        learned = (self.space, self.task)
        self.supernet = SupernetTraining(
            method,
            *learned,
            self.folder,
            seed=seed,
            accelerator=device.accelerator,
            devices=device.devices,
        )
        self.supernet.check()
        return WeightSharing(*learned, self.folder.absolute() / SUPERNET, accelerator=device.accelerator)

    @property
    def step(self) -> Judging:
        """What its jobs run."""
        return Judging(self.estimators)

    def run(self, experiment: Experiment, store: Store, listener: Listener, interrupts: Interrupts) -> bool:
        """Score, or go on with it, and keep what was found as the store's fact "judgement".

        Returns:
            Whether all is done; else the user asked to stop.

        Raises:
            SearchError: When too few networks were trained.
        """
        if store.get("judgement") is not None:
            return True
        first = self.config.objectives[0]
        trained = [t for t in store.trials() if t.state is TrialState.COMPLETED and first.name in t.metrics]
        if len(trained) < _LEAST:
            raise SearchError(
                f"only {count_of(len(trained), 'network')} could be trained, and with fewer than {_LEAST} nothing can "
                "be said of an order; take a larger --sample, or a space with more networks"
            )
        if self.supernet is not None and self.supernet.run(store, listener, interrupts, None) is None:
            return False
        for place, scorer in enumerate(self.scorers):
            wanted = {
                place * Judging.STRIDE + trial.number: Candidate(
                    trial.architecture, scorer.fidelity, trial.number
                )
                for trial in trained
            }
            listener.log(f"judging {scorer.name}")
            experiment.run_all(Stage.JUDGE, wanted)
            if interrupts.asked:
                return False
        store.set_fact("judgement", self._judgement(store, trained, first).to_json())
        return True

    def _judgement(self, store: Store, trained: Sequence[Trial], first: Objective) -> Judgement:
        truth = {trial.number: -first.loss(trial.metrics[first.name]) for trial in trained}
        seconds = fmean(_seconds(trial) for trial in trained)
        looked = store.trials(Stage.JUDGE)
        spent = sum(entry["seconds"] for entry in read_epochs(store))
        found = []
        for place, (scorer, estimator) in enumerate(zip(self.scorers, self.estimators, strict=True)):
            own = [trial for trial in looked if trial.number // Judging.STRIDE == place]
            shared = scorer.estimator is not None and scorer.estimator.name == SHARED
            found.append(self._judged(scorer.name, own, truth, estimator, spent if shared else 0.0))
        true = np.array(list(truth.values()))
        found += [self._predicted(one, trained, true, seconds) for one in self.judge.scorers if one.surrogate]
        found.sort(key=lambda one: one.cost)
        judge = self.judge
        told = (first.name, len(trained), judge.top, judge.threshold, seconds, tuple(found))
        return Judgement(*told, fidelity=self.config.fidelity.high)

    def _judged(
        self, name: str, own: Sequence[Trial], truth: dict[int, float], estimator: Estimator, setup: float
    ) -> Judged:
        """How well an estimator's scores rank the networks."""
        ranks = estimator.ranks_by or self.config.objectives[0]
        scores = _scores(own, estimator, ranks)
        errors = [trial.error or f"it gave no {ranks.name}" for trial in own if trial.number not in scores]
        seconds = fmean(_seconds(trial) for trial in own) if own else 0.0
        if isinstance(estimator, PopulationEstimator):  # in a search it needs others to rank among
            setup += estimator.sample * seconds
        true = [truth[number % Judging.STRIDE] for number in scores]
        more = {"failed": len(errors), "setup": setup, "reason": errors[-1] if errors else None}
        return _compared(name, list(scores.values()), true, self.judge.top, seconds, **more)

    def _predicted(
        self, scorer: ScorerConfig, trained: Sequence[Trial], truth: NDArray[np.float64], seconds: float
    ) -> Judged:
        """How well a surrogate ranks networks that it has not seen, by cross-validation.

        A prediction counts by how far it is above the mean of what was learned from: the mean of four fifths is the
        lower, the better the fifth that is left out, which would turn the order of the fifths around.
        """
        assert scorer.surrogate is not None
        begin, n = time.perf_counter(), len(trained)
        order = np.random.default_rng(self.config.seed).permutation(n)
        scores = np.empty(n)
        for left_out in np.array_split(order, min(_FOLDS, n)):
            learned = np.setdiff1d(order, left_out)
            surrogate = SURROGATES.make(
                scorer.surrogate.name, self.space, options=scorer.surrogate.options, seed=self.config.seed
            )
            surrogate.fit([trained[i].architecture for i in learned], truth[learned])
            mean, _ = surrogate.predict([trained[i].architecture for i in left_out])
            scores[left_out] = mean - truth[learned].mean()
        spent = (time.perf_counter() - begin) / n
        setup = seconds * (n - math.ceil(n / min(_FOLDS, n)))
        return _compared(scorer.name, scores, truth, self.judge.top, spent, setup=setup)


def _scores(own: Sequence[Trial], estimator: Estimator, ranks: Objective) -> dict[int, float]:
    """Number of each trial that has a score to that, the larger the better."""
    done = [trial for trial in own if trial.state is TrialState.COMPLETED]
    if isinstance(estimator, PopulationEstimator):
        scores = estimator.population_scores([trial.metrics for trial in done]) if done else []
        pairs = list(zip(done, scores, strict=True))
    else:
        pairs = [(t, -ranks.loss(t.metrics[ranks.name])) for t in done if ranks.name in t.metrics]
    return {trial.number: score for trial, score in pairs if not math.isnan(score)}


def _seconds(trial: Trial) -> float:
    """What the estimate took by its own account, or else by the clock."""
    measured = trial.measurement.seconds if trial.measurement else 0.0
    return measured or trial.seconds or 0.0


def _compared(
    name: str, scores: ArrayLike, truth: ArrayLike, top: int, seconds: float, **more: Any
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
    return Judged(
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
