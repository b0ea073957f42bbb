"""Surrogates on tables: whose networks, in which unit, and what is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from archwright.benchmarks import (
    SurrogateComparison,
    Table,
    nasbench_graph,
    networks_of,
    rank_surrogates,
    summarize_surrogates,
    write_surrogates,
)
from archwright.errors import UsageError
from archwright.estimators import Row
from archwright.objectives import Direction, Objective
from archwright.spaces import Space, categorical, layer
from archwright.surrogates import SURROGATES, Ranking, make_surrogate, top_k_regret

from .conftest import small_table


def compared(table: Table, objective: str | None = None) -> SurrogateComparison:
    wanted = None if objective is None else table.objective(objective)
    return rank_surrogates(table, ["gp", "forest"], sizes=[30, 10], seeds=3, objective=wanted, tested=25, k=2)


def test_the_networks_are_those_of_the_rows() -> None:
    table = nasbench_graph("proteins")
    networks, positions = networks_of(table)
    assert sorted(positions) == list(range(len(table.rows)))
    assert [table.positions[table.space.canonical(a)] for a in networks] == positions.tolist()


def test_a_space_too_large_to_list_is_drawn_from() -> None:
    size = 1500
    space = Space(
        layer(dict, a=categorical(range(size), name="a"), b=categorical(range(size), name="b")),
        canonicalize=lambda architecture: (architecture["a"] + architecture["b"]) % 40,
    )
    rows = {key: Row({"accuracy": (key / 40,)}) for key in range(1, 40)}  # what is 0 is not in the table
    table = Table("large", space, rows, (Objective("accuracy", Direction.MAXIMIZE),))
    networks, positions = networks_of(table)
    assert sorted(positions) == list(range(39))
    assert all(space.canonical(a) == i + 1 for a, i in zip(networks, positions, strict=True))


def test_a_ranking_is_what_it_says() -> None:
    table = small_table(8)
    comparison = compared(table)
    networks, positions = networks_of(table)
    scores = 100 * table.values(["accuracy"])[positions, 0]
    order = np.random.default_rng(1).permutation(len(networks))
    learned, shown = order[:10], order[30:55]
    surrogate = make_surrogate("forest", table.space, 1)
    surrogate.fit([networks[i] for i in learned], scores[learned])
    predicted, _ = surrogate.predict([networks[i] for i in shown])
    [ranking] = [r for r in comparison.of("forest", 10) if r.seed == 1]
    assert ranking.regret == top_k_regret(predicted, scores[shown], 2)
    summary = summarize_surrogates(comparison)
    assert summary["unit"] == "percentage points"
    regrets = [r.regret for r in comparison.of("forest", 10)]
    told = summary["results"]["forest"]["10"]["regret"]
    assert told["mean"] == pytest.approx(np.mean(regrets))
    assert told["standard_error"] == pytest.approx(np.std(regrets, ddof=1) / 3**0.5)
    best = max(("gp", "forest"), key=lambda name: np.mean([r.kendall for r in comparison.of(name, 30)]))
    assert next(iter(summary["results"])) == best


def test_what_is_minimised_is_better_when_smaller() -> None:
    space = Space(layer(dict, {f"d{i}": categorical(range(3), name=f"d{i}") for i in range(4)}))
    rows = {a: Row({"latency": (float(sum(a.values())),)}) for a in space}
    table = Table("sums", space, rows, (Objective("latency", Direction.MINIMIZE),))
    comparison = rank_surrogates(table, ["gp"], sizes=[40], seeds=2, tested=30, k=5)
    assert all(r.kendall > 0.5 and 0.0 <= r.regret <= 1.0 for r in comparison.rankings)
    assert summarize_surrogates(comparison)["unit"] == "latency"


def test_what_is_written(tmp_path: Path) -> None:
    comparison = compared(small_table(8))
    paths = write_surrogates(comparison, tmp_path / "there")
    tidy = pd.read_parquet(paths["surrogates.parquet"])
    assert list(tidy.columns) == [
        "surrogate",
        "trained",
        "seed",
        "kendall",
        "spearman",
        "regret",
        "seconds",
    ]
    assert len(tidy) == 2 * 2 * 3
    text = paths["surrogates.md"].read_text()
    assert "Top-2 regret, percentage points" in text
    mean = tidy[(tidy.surrogate == "gp") & (tidy.trained == 30)].kendall.mean()
    assert f"{mean:.3f} ±" in text
    assert paths["surrogates.png"].read_bytes().startswith(b"\x89PNG")


def test_a_surrogate_that_predicts_the_same_for_all_has_no_rank() -> None:
    space = Space(layer(dict, {f"d{i}": categorical(range(3), name=f"d{i}") for i in range(4)}))
    rows = {a: Row({"accuracy": (0.5,)}) for a in space}
    table = Table("flat", space, rows, (Objective("accuracy", Direction.MAXIMIZE),))
    summary = summarize_surrogates(rank_surrogates(table, ["forest"], sizes=[10], seeds=2, tested=9, k=1))
    assert summary["results"]["forest"]["10"]["kendall"] == {"mean": None, "standard_error": None}
    assert summary["results"]["forest"]["10"]["regret"]["mean"] == 0.0


def test_processes_change_nothing() -> None:
    def ranked(jobs: int) -> list[Ranking]:
        found = rank_surrogates(
            small_table(8), ["gp", "forest"], sizes=[10, 20], seeds=2, tested=25, k=2, jobs=jobs
        )
        assert [ranking.seed for ranking in found.rankings] == [0] * 4 + [1] * 4
        return sorted((replace(r, seconds=0.0) for r in found.rankings), key=str)

    assert ranked(2) == ranked(1)


def test_an_interrupt_keeps_whole_seeds() -> None:
    table = small_table(8)

    def interrupted(after: int) -> SurrogateComparison:
        def told(done: int, total: int, last: Ranking | None) -> None:
            assert total == 6
            assert (last is None) == (done == 0)
            if done == after:
                raise KeyboardInterrupt

        return rank_surrogates(table, ["gp"], sizes=[10, 20], seeds=3, tested=25, k=2, told=told)

    found = interrupted(5)
    assert found.stopped
    assert found.seeds == 2
    assert [(r.trained, r.seed) for r in found.rankings] == [(10, 0), (20, 0), (10, 1), (20, 1)]
    with pytest.raises(KeyboardInterrupt):
        interrupted(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"surrogates": ["forrest"]}, "Did you mean 'forest'"),
        ({"surrogates": []}, "at least one surrogate of"),
        ({"sizes": [60]}, "expected sizes from 2 to 54"),
        ({"seeds": 0}, "seeds >= 1"),
        ({"jobs": 0}, "jobs >= 1"),
        ({"k": 0}, "k from 1 to tested"),
        ({"tested": 5}, "k from 1 to tested"),
    ],
)
def test_wrong_use_is_told(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        rank_surrogates(small_table(8), **{"surrogates": ["gp"], "sizes": [10], **options})  # type: ignore[arg-type]


def test_every_surrogate_ranks_a_real_table() -> None:
    pytest.importorskip("botorch", reason="one of the surrogates is BoTorch's")
    comparison = rank_surrogates(nasbench_graph("proteins"), sizes=[40], seeds=1, tested=200)
    assert comparison.surrogates == tuple(SURROGATES)
    assert all(ranking.kendall > 0.2 for ranking in comparison.rankings)
