"""How strategies scale: searches on simulated clusters, over strategies, numbers of workers and seeds."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from archwright.benchmarks.cluster import Cluster
from archwright.benchmarks.durations import DurationLaw, timed_estimator
from archwright.benchmarks.jobs import at_once, run_jobs
from archwright.benchmarks.regret import Truth
from archwright.benchmarks.simulated_search import ClusterRun, simulate_cluster, split_name, split_options
from archwright.benchmarks.table import Table
from archwright.errors import UsageError
from archwright.experiments.executors import ExecutorConfig
from archwright.experiments.expense import priced
from archwright.objectives import Objective
from archwright.strategies import STRATEGIES
from archwright.strategies.pruners import PRUNERS

__all__ = ["Scaling", "scale_workers", "summarize_scaling"]

_BEST_SHARES = (0.05, 0.01, 0.001)
"""The scores that are told of by default: those that so small a share of the table's networks reaches."""


@dataclass(frozen=True)
class Scaling:
    """What was simulated.

    Args:
        truth: The table and its objectives.
        cluster: The workers, but for how many there are and whether trials begin in batches.
        runs: Every search, strategies first, then forms, workers and seeds.
        seeds: How many of each.
        scores: Values of the first objective whose time is told, the easiest first.
    """

    truth: Truth
    cluster: Cluster
    runs: Sequence[ClusterRun]
    seeds: int
    scores: Sequence[float] = field(default=())

    def groups(self) -> Iterator[list[ClusterRun]]:
        """The searches that differ in their seed alone."""
        for begin in range(0, len(self.runs), self.seeds):
            yield list(self.runs[begin : begin + self.seeds])


def scale_workers(
    table: Table,
    strategies: Sequence[str],
    workers: Sequence[int],
    *,
    cluster: Cluster | None = None,
    forms: Sequence[bool] = (False,),
    seconds: float | None = None,
    trials: int | None = None,
    durations: DurationLaw | None = None,
    seeds: int = 5,
    objectives: Sequence[Objective] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    scores: Sequence[float] = (),
    jobs: int | ExecutorConfig = 1,
    told: Callable[[int, int, ClusterRun | None], None] = lambda *_: None,
) -> Scaling:
    """Search a table with each strategy on simulated clusters of each size.

    Args:
        table: What to search.
        strategies: Names of strategies; a pruner's may stand behind one: `random+median`.
        workers: How many workers there are.
        cluster: What happens to them; its seed, workers and form are set here.
        forms: Whether trials begin in batches (True), when all have ended, or whenever a worker is free (False).
        seconds: Simulated seconds of each search.
        trials: How many candidates each search may ask for.
        durations: How long trainings take; None takes the table's durations.
        seeds: How many searches of each, with the seeds 0, 1, ...
        objectives: What is optimised, and the limits; empty takes the table's first.
        options: Strategy to its options; those of its pruner as `pruner.NAME`.
        scores: Of the first objective, whose time is to be told; empty takes what the best 5 %, 1 % and .1 % of the
            table's networks reach.
        jobs: Processes at once, each of one thread; 1 stays in this process. Or where they run, and how many at once.
        told: Called with the number of finished searches, that of all, and the last one (None at first).

    Raises:
        SearchError: When a search fails.
        UsageError: When a name, an option or a number does not fit, or nothing ends the searches.
    """
    given = {name: dict(values) for name, values in (options or {}).items() if values}
    chosen, sizes = tuple(dict.fromkeys(strategies)), tuple(dict.fromkeys(workers))
    _check(
        table,
        chosen,
        given,
        durations,
        sizes=sizes,
        seconds=seconds,
        trials=trials,
        seeds=seeds,
        jobs=at_once(jobs),
    )
    truth = Truth(table, objectives or table.objectives[:1])
    base = cluster or Cluster()
    ends: dict[str, Any] = {"seconds": seconds, "trials": trials, "durations": durations}

    def search(job: tuple[str, bool, int, int]) -> ClusterRun:
        name, synchronous, size, seed = job
        here = replace(base, workers=size, synchronous=synchronous, seed=seed)
        return simulate_cluster(truth, name, seed, here, options=given.get(name), **ends)

    wanted = list(itertools.product(chosen, forms, sizes, range(seeds)))
    told(0, len(wanted), None)
    found: dict[tuple[str, bool, int, int], ClusterRun] = {}
    searches = run_jobs(
        search, wanted, jobs, lambda job: f"the search by {job[0]!r} with {job[2]} workers and seed {job[3]}"
    )
    with contextlib.closing(searches):
        for run in searches:
            found[run.strategy, run.synchronous, run.workers, run.seed] = run
            told(len(found), len(wanted), run)
    return Scaling(truth, base, [found[job] for job in wanted], seeds, scores or _best(truth))


def _check(
    table: Table,
    strategies: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    durations: DurationLaw | None,
    *,
    sizes: Sequence[int],
    seconds: float | None,
    trials: int | None,
    **numbers: int,
) -> None:
    if not strategies or not sizes:
        raise UsageError("simulate: expected at least one strategy and one number of workers, got none")
    for name, number in {
        **numbers,
        "workers": min(sizes),
        **({} if trials is None else {"trials": trials}),
    }.items():
        if number < 1:
            raise UsageError(f"simulate: expected {name} >= 1, got {number}")
    if seconds is not None and not 0.0 < seconds < math.inf:
        raise UsageError(f"simulate: expected seconds > 0, got {seconds:g}")
    if seconds is trials is None:
        raise UsageError("simulate: expected an end, seconds or trials, got neither")
    timed_estimator(table, durations, 0)
    for name in strategies:
        own, pruning = split_options(options.get(name, {}))
        strategy, pruner = split_name(name)
        STRATEGIES.check(strategy, own)
        if pruner is not None:
            PRUNERS.check(pruner, pruning)
        elif pruning:
            raise UsageError(f"{name!r} has no pruner, so it takes no option pruner.{next(iter(pruning))}")
        table.check_strategy(strategy, own)
    if unknown := [name for name in options if name not in strategies]:
        raise UsageError(f"an option is given for {unknown[0]!r}, which is not simulated")


def _best(truth: Truth) -> list[float]:
    """What small shares of the networks that keep the limits reach, the easiest first."""
    first = truth.optimized[0]
    losses = np.sort(first.loss(1.0) * truth.values[truth.allowed, 0])
    places = [max(1, math.floor(share * len(losses))) - 1 for share in _BEST_SHARES]
    return [float(first.loss(1.0) * losses[place]) for place in dict.fromkeys(places)]


def summarize_scaling(scaling: Scaling, price: str | None = None) -> dict[str, Any]:
    """The numbers of a simulation, in JSON's own types.

    Args:
        scaling: What was simulated.
        price: Of an hour of one worker, as "0.85 EUR".

    Returns:
        "table", "objective", "seeds", "scores", and "results": for each strategy, form and number of workers
        "strategy", "workers", "form" ("asynchronous" or "synchronous"); means over the seeds with standard errors, as
        "mean" and "standard_error", of "seconds", "score" (at the end), "efficiency", "busy", "idle", "failed", "lost"
        and "starting" (shares of the workers' time), "trials" (ended), "preempted", "worker_hours", "ask_milliseconds"
        (processor time of one ask and tell) and "trials_a_second" (begun, in simulated time); "reached": for each score
        "score", "seeds" (how many reached it) and, of these, "mean" and "standard_error" of the second; with a price
        "cost", of the mean worker hours.
    """
    first = scaling.truth.optimized[0]
    return {
        "table": scaling.truth.table.name,
        "objective": str(first),
        "seeds": scaling.seeds,
        "scores": list(scaling.scores),
        "results": [_summary(scaling, runs, price) for runs in scaling.groups()],
    }


def _summary(scaling: Scaling, runs: Sequence[ClusterRun], price: str | None) -> dict[str, Any]:
    loss = scaling.truth.optimized[0].loss
    shares = {
        name: [getattr(run.time, name) / run.time.total if run.time.total else 0.0 for run in runs]
        for name in ("busy", "idle", "failed", "lost", "starting")
    }
    measures: dict[str, Sequence[float]] = {
        "seconds": [run.seconds for run in runs],
        "score": [run.steps[-1][1] if run.steps else math.nan for run in runs],
        "efficiency": [run.time.efficiency for run in runs],
        **shares,
        "trials": [sum(run.states.values()) for run in runs],
        "preempted": [run.preempted for run in runs],
        "worker_hours": [run.time.total / 3600 for run in runs],
        "ask_milliseconds": [1e3 * run.asked.seconds / max(1, run.asked.asks) for run in runs],
        "trials_a_second": [run.asked.asks / run.seconds if run.seconds else 0.0 for run in runs],
    }
    reached = []
    for score in scaling.scores:
        times = [next((at for at, found in run.steps if loss(found) <= loss(score)), None) for run in runs]
        known = [at for at in times if at is not None]
        reached.append({"score": score, "seeds": len(known), **_mean(known)})
    found = {
        "strategy": runs[0].strategy,
        "workers": runs[0].workers,
        "form": "synchronous" if runs[0].synchronous else "asynchronous",
        **{name: _mean(values) for name, values in measures.items()},
        "reached": reached,
    }
    if price is not None:
        found["cost"] = priced(price, 3600 * float(np.mean(measures["worker_hours"])))
    return found


def _mean(values: Sequence[float]) -> dict[str, float | None]:
    """The mean of what is known and its standard error; None where there is too little."""
    known = [value for value in values if math.isfinite(value)]
    error = float(np.std(known, ddof=1) / math.sqrt(len(known))) if len(known) > 1 else None
    return {"mean": float(np.mean(known)) if known else None, "standard_error": error}
