"""Configuration, resource and parent of every job, as other programs and plain computations have them."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archwright.strategies.multi_fidelity import ASHA, BOHB, PASHA, Hyperband, SuccessiveHalving
from archwright.strategies.strategy import Strategy

from .replaying import LOSS, SPACE, Asked, epochs, numbered, replayed

TRACES = Path(__file__).parent / "traces"


def read(name: str, workers: int) -> tuple[dict[str, Any], Callable[[int, int], float]]:
    data = json.loads((TRACES / f"{name}_{workers}.json").read_text())
    assert len(data["trace"]) >= 27
    return data, lambda configuration, epoch: data["losses"][configuration][epoch - 1]


def rows(trace: list[Asked]) -> list[list[int]]:
    """As the files have them, and the parents checked: a continuation's is the same configuration's last job."""
    last: dict[int, int] = {}
    for job in trace:
        assert job.parent == last.get(job.configuration)
        last[job.configuration] = job.trial
    return [[job.configuration, job.epochs, int(job.parent is not None)] for job in trace]


def asha(**options: Any) -> Strategy:
    return ASHA(SPACE, LOSS, fidelity=epochs(27), sampler=numbered(), **options)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("asha_promotion", lambda: asha(rule="quantile")),
        ("asha_stopping", lambda: asha(form="stopping")),
        ("pasha", lambda: PASHA(SPACE, LOSS, fidelity=epochs(27), sampler=numbered(), rule="quantile")),
    ],
)
def test_asynchronous_traces_are_those_of_syne_tune(
    name: str, make: Callable[[], Strategy], workers: int
) -> None:
    data, loss = read(name, workers)
    assert rows(replayed(make(), loss, workers=workers, jobs=90)) == data["trace"]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_trace_through_saved_states_is_the_same(workers: int) -> None:
    data, loss = read("pasha", workers)

    def made() -> Strategy:
        return PASHA(SPACE, LOSS, fidelity=epochs(27), sampler=numbered(), rule="quantile")

    def resumed(strategy: Strategy) -> Strategy:
        fresh = made()
        fresh.load_state_dict(json.loads(json.dumps(strategy.state_dict())))
        return fresh

    assert rows(replayed(made(), loss, workers=workers, jobs=90, resumed=resumed)) == data["trace"]


def blocks(trace: list[list[int]]) -> list[list[list[int]]]:
    """Runs of one resource, each in the order of the configurations: HpBandSter asks for a rung in that order."""
    return [sorted(run) for _, run in itertools.groupby(trace, key=lambda row: row[1:])]


@pytest.mark.parametrize("kind", [Hyperband, BOHB])
def test_brackets_of_hyperband_are_those_of_hpbandster(kind: type[Hyperband]) -> None:
    data, loss = read("hyperband", 1)
    strategy = kind(SPACE, LOSS, fidelity=epochs(27), sizes="floor")
    strategy.sampler = numbered()  # type: ignore[assignment]  # BOHB's proposals are compared elsewhere
    found = blocks(rows(replayed(strategy, loss, jobs=90)))
    expected = blocks(data["trace"])
    assert found[:-1] == expected[:-1]
    assert len(found[-1]) == len(expected[-1])


def test_with_several_workers_the_next_bracket_of_hyperband_begins_as_hpbandsters_does() -> None:
    data, loss = read("hyperband", 4)
    strategy = Hyperband(SPACE, LOSS, fidelity=epochs(27), sizes="floor", sampler=numbered())
    found = rows(replayed(strategy, loss, workers=4, jobs=90))
    assert [row for row in found if not row[2]] == [row for row in data["trace"] if not row[2]]
    for resource in (3, 9, 27):
        kinds = [sorted(row for row in trace if row[1] == resource) for trace in (found, data["trace"])]
        assert kinds[0] == kinds[1]


@pytest.mark.parametrize("seed", range(3))
def test_promotion_by_the_paper_is_that_of_a_plain_scan(seed: int) -> None:
    """The paper's rule, spelled out: from the top rung down, the top ⌊n / eta⌋ that have not been promoted."""
    drawn = random.Random(seed)
    losses = [[drawn.random() for _ in range(27)] for _ in range(90)]
    ended: dict[int, dict[int, float]] = {level: {} for level in (1, 3, 9, 27)}
    promoted: dict[int, set[int]] = {level: set() for level in ended}
    expected, began = [], 0
    for _ in range(90):
        for level in (9, 3, 1):
            best = sorted(ended[level], key=ended[level].__getitem__)[: len(ended[level]) // 3]
            ready = [one for one in best if one not in promoted[level]]
            if ready:
                promoted[level].add(ready[0])
                job = [ready[0], 3 * level, 1]
                break
        else:
            job, began = [began, 1, 0], began + 1
        expected.append(job)
        ended[job[1]][job[0]] = losses[job[0]][job[1] - 1]
    assert rows(replayed(asha(), lambda one, epoch: losses[one][epoch - 1], jobs=90)) == expected


@pytest.mark.parametrize("seed", range(3))
def test_hyperband_by_the_papers_algorithm(seed: int) -> None:
    """Algorithm 1 with its sizes, spelled out: 34 configurations at 3 in the second bracket of R = 81."""
    drawn = random.Random(seed)
    losses = [[drawn.random() for _ in range(81)] for _ in range(143)]
    expected, began = [], 0
    for s, size in ((4, 81), (3, 34), (2, 15), (1, 8), (0, 5)):
        rung = list(range(began, began + size))
        began += size
        for i in range(s + 1):
            resource = 3 ** (4 - s + i)
            expected.append(sorted([one, resource, int(i > 0)] for one in rung))
            rung = sorted(rung, key=lambda one: losses[one][resource - 1])[: size // 3 ** (i + 1)]
    jobs = sum(map(len, expected))
    strategy = Hyperband(SPACE, LOSS, fidelity=epochs(81), sampler=numbered())
    assert blocks(rows(replayed(strategy, lambda one, epoch: losses[one][epoch - 1], jobs=jobs))) == expected


@pytest.mark.parametrize(("eta", "halvings"), [(2, 4), (3, 3), (4, 2)])
def test_successive_halving_of_eta_to_the_k_finds_the_best_of_all(eta: int, halvings: int) -> None:
    """Without noise: exchangeable configurations, whose rank is the same at every resource."""
    n = eta**halvings
    drawn = random.Random(n)
    final = [drawn.random() for _ in range(n)]
    strategy = SuccessiveHalving(SPACE, LOSS, fidelity=epochs(n), sampler=numbered(), eta=eta)
    trace = replayed(
        strategy, lambda one, epoch: final[one] + 1 / epoch, jobs=sum(eta**k for k in range(halvings + 1))
    )
    assert [job.epochs for job in trace] == [
        eta**k for k in range(halvings + 1) for _ in range(eta ** (halvings - k))
    ]
    assert [job.configuration for job in trace if job.epochs == n] == [final.index(min(final))]
