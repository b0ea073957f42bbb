"""The comparison of strategies on a table: many seeds, several processes, and what comes out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from archwright.benchmarks.jobs import at_once, run_jobs
from archwright.benchmarks.regret import Reference, Truth
from archwright.benchmarks.runs import FinishedRuns, SearchRun, search_table
from archwright.benchmarks.simulated_search import simulate_search, split_name, split_options
from archwright.benchmarks.table import Table
from archwright.errors import UsageError, did_you_mean
from archwright.experiments.executors import ExecutorConfig
from archwright.objectives import Objective
from archwright.strategies import STRATEGIES
from archwright.strategies.pruners import PRUNERS

__all__ = ["Comparison", "compare"]

_POINTS = 200


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared, and all searches.

    Args:
        truth: The table and its objectives.
        strategies: Their names, in the order asked for.
        seeds: How many searches of each.
        evaluations: How many were charged in each search.
        runs: The searches: strategy and seed to search.
        options: Strategy to its options, where it was given any.
        seconds: Simulated seconds of each search; None where searches are charged by evaluations.
        workers: Of a search in simulated time.
    """

    truth: Truth
    strategies: tuple[str, ...]
    seeds: int
    evaluations: int
    runs: Mapping[tuple[str, int], SearchRun]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seconds: float | None = None
    workers: int = 1

    def of(self, strategy: str) -> list[SearchRun]:
        """The searches of one strategy, by seed."""
        return [self.runs[strategy, seed] for seed in range(self.seeds)]

    @property
    def budgets(self) -> tuple[float, ...]:
        """The evaluations or seconds at which results are told: a sixth, a third, a half and all."""
        if self.seconds is not None:
            return tuple(self.seconds * part for part in (1 / 6, 1 / 3, 1 / 2, 1))
        parts = (self.evaluations / 6, self.evaluations / 3, self.evaluations / 2, self.evaluations)
        return tuple(sorted({max(1, round(part)) for part in parts}))

    @property
    def grid(self) -> list[float]:
        """The evaluations, all of them, or 200 evenly spaced seconds."""
        if self.seconds is not None:
            return [self.seconds * i / _POINTS for i in range(1, _POINTS + 1)]
        return list(range(1, self.evaluations + 1))

    @property
    def axis(self) -> str:
        """What budgets are counted in."""
        if self.seconds is None:
            return "evaluations of unseen networks"
        return f"simulated seconds of {self.workers} worker{'s' if self.workers > 1 else ''}"


def compare(
    table: Table,
    strategies: Sequence[str],
    *,
    evaluations: int = 300,
    seeds: int = 200,
    objectives: Sequence[Objective] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    reference: Reference = "front",
    seconds: float | None = None,
    workers: int = 1,
    jobs: int | ExecutorConfig = 1,
    out: str | Path | None = None,
    told: Callable[[int, int, SearchRun | None], None] = lambda *_: None,
) -> Comparison:
    """Search a table with each strategy from each seed.

    Args:
        table: What to search.
        strategies: Names of strategies; in simulated time a pruner's may stand behind one: `random+median`.
        evaluations: How many unseen networks each search may evaluate; of no meaning in simulated time.
        seeds: How many searches of each strategy, with the seeds 0, 1, ...
        objectives: What is optimised, and the limits; empty takes the table's first.
        options: Strategy to its options; those of its pruner as `pruner.NAME`.
        reference: From where hypervolumes are measured, with several objectives.
        seconds: Simulated seconds of each search, on a clock that waits for nothing; None charges by evaluations.
        workers: How many trials run at once in simulated time.
        jobs: Processes at once, each of one thread; 1 stays in this process. Or where they run, and how many at once.
        out: A folder that keeps each finished search; called again, it goes on with what is missing. None keeps
            nothing.
        told: Called with the number of finished searches, that of all, and the last one (None at first).

    Raises:
        SearchError: When a search fails, or a process dies; what was finished is kept in `out`.
        UsageError: When a strategy or an option is unknown, a number is out of range, or `out` holds another
            comparison.
    """
    chosen = tuple(dict.fromkeys(strategies))
    given = {name: dict(values) for name, values in (options or {}).items() if values}
    _check(chosen, given, seconds, evaluations=evaluations, seeds=seeds, jobs=at_once(jobs), workers=workers)
    for name in chosen if seconds is None else ():
        if "trials" in STRATEGIES.options(name):  # it picks by the budget
            given[name] = {"trials": evaluations, **given.get(name, {})}
    for name in chosen:
        table.check_strategy(split_name(name)[0], split_options(given.get(name, {}))[0])
    truth = Truth(table, objectives or table.objectives[:1], reference=reference)
    used = {name: {**_defaults(name), **given.get(name, {})} for name in chosen}
    budget = evaluations if seconds is None else {"seconds": seconds, "workers": workers}
    kept = FinishedRuns(Path(out), _settings(truth, budget), used) if out is not None else None

    def search(job: tuple[str, int]) -> SearchRun:
        name, seed = job
        if seconds is not None:
            return simulate_search(truth, name, seed, seconds, workers, given.get(name, {}))
        return search_table(truth, name, seed, evaluations, given.get(name, {}))

    runs = _run_missing(search, chosen, seeds, jobs, kept, told)
    return Comparison(truth, chosen, seeds, evaluations, runs, given, seconds, workers)


def _run_missing(
    search: Callable[[tuple[str, int]], SearchRun],
    strategies: Sequence[str],
    seeds: int,
    jobs: int | ExecutorConfig,
    kept: FinishedRuns | None,
    told: Callable[[int, int, SearchRun | None], None],
) -> dict[tuple[str, int], SearchRun]:
    """All searches: those that were kept, and the missing ones, which are kept as they finish."""
    runs: dict[tuple[str, int], SearchRun] = dict(kept.runs) if kept else {}
    # Seed by seed, so that an interrupted comparison has all strategies on the same seeds.
    missing = [(name, seed) for seed in range(seeds) for name in strategies if (name, seed) not in runs]
    total = len(strategies) * seeds
    done = total - len(missing)
    told(done, total, None)
    searches = run_jobs(
        search,
        missing,
        jobs,
        lambda job: f"the search by {job[0]!r} with seed {job[1]}",
        "; the finished searches are kept, so the same command goes on",
    )
    with contextlib.closing(searches):
        for run in searches:
            runs[run.strategy, run.seed] = run
            if kept is not None:
                kept.add(run)
            done += 1
            told(done, total, run)
    return runs


def _settings(truth: Truth, budget: int | dict[str, float]) -> dict[str, Any]:
    """What all searches of a comparison have in common."""
    table = truth.table
    return {
        "archwright": version("archwright"),
        "table": table.name,
        "space": table.space.digest,
        "networks": len(table.rows),
        "runs": table.runs,
        "objectives": [str(objective) for objective in truth.objectives],
        "reference": truth.reference,
        "evaluations": budget,
    }


def _defaults(strategy: str) -> dict[str, Any]:
    """The options of a strategy and its pruner, as they are unless given."""
    name, pruner = split_name(strategy)
    pruning = {} if pruner is None else PRUNERS.defaults(pruner)
    return {**STRATEGIES.defaults(name), **{f"pruner.{option}": value for option, value in pruning.items()}}


def _check(
    strategies: Sequence[str], options: Mapping[str, Any], seconds: float | None, **numbers: int
) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise UsageError(f"bench: expected {name} >= 1, got {number}")
    if seconds is not None and not seconds > 0.0:
        raise UsageError(f"bench: expected seconds > 0, got {seconds:g}")
    if not strategies:
        raise UsageError("bench: expected at least one strategy, got none")
    for name in strategies:
        if split_name(name)[1] is not None and seconds is None:
            raise UsageError(f"bench: the pruner of {name!r} needs simulated time; give it seconds")
    for name, values in options.items():
        if name not in strategies:
            raise UsageError(
                f"an option is given for {name!r}, which is not compared.{did_you_mean(name, strategies)}"
            )
        own, pruning = split_options(values)
        strategy, pruner = split_name(name)
        STRATEGIES.check(strategy, own)
        if pruning and pruner is None:
            raise UsageError(f"{name!r} has no pruner, so it takes no option pruner.{next(iter(pruning))}")
        if pruner is not None:
            PRUNERS.check(pruner, pruning)
