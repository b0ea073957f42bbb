"""How well surrogates rank the networks of a table."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

import numpy as np
from numpy.typing import NDArray

from archwright.benchmarks.jobs import at_once, run_jobs
from archwright.benchmarks.table import Table
from archwright.errors import UsageError
from archwright.experiments.executors import ExecutorConfig
from archwright.objectives import Objective
from archwright.spaces import Architecture
from archwright.surrogates import SURROGATES, Ranking, compare_surrogates
from archwright.surrogates.registry import RankingJob

__all__ = ["SurrogateComparison", "networks_of", "rank_surrogates"]

_LISTED = 1_000_000
_DRAWN = 20_000


@dataclass(frozen=True, slots=True)
class SurrogateComparison:
    """What was compared, and every ranking of the seeds that were finished.

    Args:
        table: The table.
        objective: What was predicted.
        surrogates: Their names, in the order asked for.
        sizes: Numbers of networks that they learned from, ascending.
        seeds: How many seeds were finished.
        tested: How many other networks were ranked.
        k: Of the top-k regret.
        rankings: One for each surrogate, size and seed; regrets are in the table's unit.
        stopped: Whether Ctrl-C ended it before all seeds were finished.
    """

    table: Table
    objective: Objective
    surrogates: tuple[str, ...]
    sizes: tuple[int, ...]
    seeds: int
    tested: int
    k: int
    rankings: tuple[Ranking, ...]
    stopped: bool = False

    def of(self, surrogate: str, size: int) -> list[Ranking]:
        """The rankings of one surrogate that learned from so many networks, by seed."""
        return [r for r in self.rankings if r.surrogate == surrogate and r.trained == size]


def rank_surrogates(
    table: Table,
    surrogates: Sequence[str] = tuple(SURROGATES.entries),
    *,
    sizes: Sequence[int] = (25, 50, 100, 200),
    seeds: int = 5,
    objective: Objective | None = None,
    tested: int = 1000,
    k: int = 10,
    jobs: int | ExecutorConfig = 1,
    told: Callable[[int, int, Ranking | None], None] = lambda *_: None,
) -> SurrogateComparison:
    """Let surrogates learn from a few networks of a table and rank others. See `compare_surrogates`.

    Ctrl-C ends it early with the seeds that are finished.

    Args:
        table: The table; of repeated runs the mean counts.
        surrogates: Names, see `SURROGATES`.
        sizes: Numbers of networks to learn from, at least 2 each.
        seeds: How often networks are drawn, at least 1.
        objective: What is predicted; None means the table's first.
        tested: How many other networks are ranked; fewer where the table has fewer.
        k: Of the top-k regret, from 1 to `tested`.
        jobs: Processes at once, each of one thread; 1 stays in this process. Or where they run, and how many at once.
        told: Called with how many rankings are done, how many there will be, and the last; first with None.

    Raises:
        UsageError: When a name is unknown, a number is out of range, or the table has too few networks.
        KeyboardInterrupt: By Ctrl-C before the first seed was finished.
    """
    names, ascending = tuple(dict.fromkeys(surrogates)), tuple(sorted(set(sizes)))
    _check(names, seeds, tested, k, at_once(jobs))
    wanted = table.objectives[0] if objective is None else objective
    networks, positions = networks_of(table)
    each = len(names) * len(ascending)
    found: list[Ranking] = []

    def run(rank: Callable[[RankingJob], Ranking], ranked: Sequence[RankingJob]) -> Iterator[Ranking]:
        for ranking in run_jobs(rank, ranked, jobs, _title):
            found.append(ranking)
            told(len(found), each * seeds, ranking)
            yield ranking

    told(0, each * seeds, None)
    scores = -wanted.loss(table.unit(wanted)[0]) * table.values([wanted.name])[positions, 0]
    rank = partial(compare_surrogates, surrogates=names, sizes=ascending, seeds=seeds, tested=tested, k=k)
    with contextlib.suppress(KeyboardInterrupt):
        rank(table.space, networks, scores, run=run)
    finished = _finished(found, seeds, each)
    if not finished:
        raise KeyboardInterrupt
    left = min(tested, len(networks) - ascending[-1])
    rankings = tuple(sorted((r for r in found if r.seed < finished), key=lambda r: r.seed))
    return SurrogateComparison(
        table, wanted, names, ascending, finished, left, k, rankings, stopped=finished < seeds
    )


def _finished(found: Sequence[Ranking], seeds: int, each: int) -> int:
    """How many seeds, from the first on, have all their rankings."""
    done = Counter(ranking.seed for ranking in found)
    return next((seed for seed in range(seeds) if done[seed] < each), seeds)


def _check(names: Sequence[str], seeds: int, tested: int, k: int, jobs: int) -> None:
    if jobs < 1:
        raise UsageError(f"expected jobs >= 1, got {jobs}")
    if seeds < 1 or tested < 2 or not 1 <= k <= tested:
        raise UsageError(
            f"expected seeds >= 1, tested >= 2 and k from 1 to tested, got {seeds}, {tested} and {k}"
        )
    if not names:
        raise UsageError(f"expected at least one surrogate of {', '.join(SURROGATES)}")


def _title(job: tuple[int, str, int]) -> str:
    seed, name, size = job
    return f"the ranking by {name!r} from {size} networks with seed {seed}"


def networks_of(table: Table) -> tuple[list[Architecture], NDArray[np.intp]]:
    """Architectures of a table's networks, no network twice, and where each is in `Table.values`.

    All of them; of a space of more than 1,000,000 spellings that is no file of columns 20,000, drawn decision by
    decision as the strategy `random` draws them.

    Args:
        table: The table.
    """
    positions = table.positions
    if all(isinstance(key, Architecture) for key in table.rows):
        return [key for key in table.rows if isinstance(key, Architecture)], np.arange(len(table.rows))
    is_listed, random = table.space.size_bound <= _LISTED, Random(0)
    most = len(table.rows) if is_listed else min(_DRAWN, len(table.rows))
    drawn = (table.space.sample(random) for _ in range(10 * _DRAWN))
    found: dict[int, Architecture] = {}
    for architecture in table.space if is_listed else drawn:
        place = positions.get(table.space.canonical(architecture))
        if place is not None:
            found.setdefault(place, architecture)
        if len(found) == most:
            break
    return list(found.values()), np.array(list(found), dtype=np.intp)
