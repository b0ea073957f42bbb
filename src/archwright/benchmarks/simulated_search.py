"""Whole searches of a table in simulated time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from archwright.benchmarks.cluster import Cluster, WorkerTime
from archwright.benchmarks.durations import DurationLaw, timed_estimator
from archwright.benchmarks.regret import Standing, Tracker, Truth
from archwright.benchmarks.runs import SearchRun
from archwright.benchmarks.simulation import AskTime, SimulatedClock
from archwright.estimators.estimator import Estimator
from archwright.strategies import STRATEGIES, make_strategy
from archwright.strategies.pruners import PRUNERS
from archwright.trials import Trial

__all__ = ["ClusterRun", "simulate_cluster", "simulate_search", "split_name", "split_options"]


@dataclass(frozen=True, slots=True)
class ClusterRun:
    """One search on a simulated cluster.

    Args:
        strategy: Its name, with a pruner's behind it where there is one.
        workers: How many.
        synchronous: Whether trials began in batches.
        seed: Its seed.
        seconds: Simulated seconds from the beginning to the end.
        steps: Simulated second, and the true value of the first objective of what the search held for best from then
            on, where that changed.
        time: What the workers' time was spent on.
        asked: What the strategy took.
        states: How many trials ended completed, pruned and failed, by name.
        preempted: How many workers were lost.
    """

    strategy: str
    workers: int
    synchronous: bool
    seed: int
    seconds: float
    steps: tuple[tuple[float, float], ...]
    time: WorkerTime
    asked: AskTime
    states: Mapping[str, int]
    preempted: int = 0

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ClusterRun:
        """The inverse of `to_json`."""
        steps = tuple((second, score) for second, score in data["steps"])
        made = {"steps": steps, "time": WorkerTime(**data["time"]), "asked": AskTime(**data["asked"])}
        return cls(**{**data, **made})


def _clock(
    truth: Truth,
    strategy: str,
    options: Mapping[str, Any],
    seed: int,
    estimator: Estimator,
    cluster: Cluster,
    ended: Callable[[float, Trial], None],
    trials: int | None = None,
) -> SimulatedClock:
    """A search of a table that has not begun."""
    table = truth.table
    name, pruner = split_name(strategy)
    own, pruning = split_options(options)
    if trials is not None and "trials" in STRATEGIES.options(name):  # it picks by the budget
        own = {"trials": trials, **own}
    made = make_strategy(name, table.space, truth.objectives, seed, fidelity=table.fidelity, **own)
    judge = None if pruner is None else PRUNERS.make(pruner, truth.objectives, options=pruning)
    return SimulatedClock(made, estimator, pruner=judge, ended=ended, cluster=cluster)


def simulate_cluster(
    truth: Truth,
    strategy: str,
    seed: int,
    cluster: Cluster,
    *,
    seconds: float | None = None,
    trials: int | None = None,
    durations: DurationLaw | None = None,
    options: Mapping[str, Any] | None = None,
) -> ClusterRun:
    """Search a table once on a simulated cluster.

    Args:
        truth: The table and its objectives.
        strategy: A strategy's name, or with a pruner's behind it: `random+median`.
        seed: Of the strategy, and of the draws of table and durations; those of the cluster have its own.
        cluster: The workers, and what happens to them.
        seconds: Simulated seconds until the end; None until the trials have ended.
        trials: How many candidates may be asked for, rungs counted each; None sets no limit.
        durations: How long trainings take; None takes the table's durations.
        options: Of the strategy; those of the pruner as `pruner.NAME`.

    Raises:
        SearchError: When the strategy asks for nothing while nothing runs.
        UsageError: When a name or an option is unknown, or the table has no durations and there is no law.
    """
    steps: list[tuple[float, float]] = []
    tracker, first = Tracker(truth), truth.optimized[0]
    signs = first.loss(1.0)
    best = min(
        signs * value
        for value, is_allowed in zip(truth.values[:, 0], truth.allowed, strict=True)
        if is_allowed
    )
    states: dict[str, int] = {}

    def note(now: float, trial: Trial) -> None:
        states[str(trial.state)] = states.get(str(trial.state), 0) + 1
        if (standing := tracker.add(trial)) is not None:
            steps.append((now, float(signs * (best + standing.validation_regret / truth.scale))))

    estimator = timed_estimator(truth.table, durations, seed)
    clock = _clock(truth, strategy, options or {}, seed, estimator, cluster, note, trials)
    clock.run(math.inf if seconds is None else seconds, trials)
    return ClusterRun(
        strategy,
        cluster.workers,
        cluster.synchronous,
        seed,
        clock.now,
        tuple(steps),
        clock.time,
        clock.asked,
        states,
        clock.preempted,
    )


def simulate_search(
    truth: Truth,
    strategy: str,
    seed: int,
    seconds: float,
    workers: int = 1,
    options: Mapping[str, Any] | None = None,
) -> SearchRun:
    """Search a table once in simulated time. How it stands is told by the trials that have ended, see `Tracker`.

    Args:
        truth: The table and its objectives.
        strategy: A strategy's name, or with a pruner's behind it: `random+median`.
        seed: Of the strategy, and of the draws where the table draws one of several runs.
        seconds: Simulated seconds until the end.
        workers: How many trials run at once.
        options: Of the strategy; those of the pruner as `pruner.NAME`.

    Returns:
        The search; its steps are simulated seconds and how it stood from then on, its evaluations those that ended.

    Raises:
        SearchError: When the strategy asks for nothing while nothing runs.
        UsageError: When a name or an option is unknown, workers < 1, or the table has no durations.
    """
    begin = time.perf_counter()
    estimator = timed_estimator(truth.table, None, seed)
    steps: list[tuple[float, Standing]] = []
    tracker = Tracker(truth)

    def note(now: float, trial: Trial) -> None:
        if (standing := tracker.add(trial)) is not None:
            steps.append((now, standing))

    clock = _clock(truth, strategy, options or {}, seed, estimator, Cluster(workers=workers), note)
    clock.run(seconds)
    return SearchRun(strategy, seed, len(clock.trials), tuple(steps), time.perf_counter() - begin)


def split_name(strategy: str) -> tuple[str, str | None]:
    """A strategy's name, and the pruner's behind a plus sign.

    Raises:
        UsageError: When one of them is unknown.
    """
    name, plus, pruner = strategy.partition("+")
    STRATEGIES.known(name)
    if plus:
        PRUNERS.known(pruner)
    return name, pruner if plus else None


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of a strategy, and those of a pruner, which begin with `pruner.`."""
    own = {name: value for name, value in options.items() if not name.startswith("pruner.")}
    return own, {name.removeprefix("pruner."): options[name] for name in options.keys() - own.keys()}
