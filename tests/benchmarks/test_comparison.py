"""The harness: what is charged, what is kept, what goes on after an interrupt, and what is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from archwright.benchmarks import (
    Comparison,
    Table,
    Truth,
    compare,
    measure,
    search_table,
    summarize,
    write_results,
)
from archwright.benchmarks.runs import SearchRun
from archwright.errors import SearchError, SpaceExhaustedError, UsageError
from archwright.experiments import ExecutorConfig
from archwright.registry import Entry
from archwright.strategies import STRATEGIES, RandomSearch, make_strategy
from archwright.trials import Candidate

from .conftest import small_table

NAMES = ["random", "evolution"]


def timeless(comparison: Comparison) -> dict[Any, Any]:
    return {pair: (run.evaluations, run.steps) for pair, run in comparison.runs.items()}


class Stubborn(RandomSearch):
    """Asks for everything twice, and in the end for the first again and again."""

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        asked = self.__dict__.setdefault("asked", [])
        if len(asked) % 2 == 0:
            try:
                asked.append(super().ask(running))
            except SpaceExhaustedError:
                return asked[0]
        else:
            asked.append(asked[-1])
        return asked[-1]


class Broken(RandomSearch):
    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        raise ZeroDivisionError("a mistake")


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, made in (("stubborn", Stubborn), ("broken", Broken)):
        monkeypatch.setitem(STRATEGIES.entries, name, Entry(f"{__name__}:{made.__name__}", "for tests"))


def test_repeats_are_free(small: Table, odd: None) -> None:
    truth = Truth(small, small.objectives[:1])
    twice, once = search_table(truth, "stubborn", 3, 10), search_table(truth, "random", 3, 10)
    assert twice.evaluations == once.evaluations == 10
    assert twice.steps == once.steps


def test_a_strategy_that_only_repeats_is_stopped(small: Table, odd: None) -> None:
    with pytest.raises(SearchError, match=r"1,000 architectures in a row"):
        search_table(Truth(small, small.objectives[:1]), "stubborn", 0, 17)


def test_a_used_up_space_ends_the_search(small: Table) -> None:
    run = search_table(Truth(small, small.objectives[:1]), "random", 0, 1000)
    assert run.evaluations == 16
    assert run.standings([1000])[0] is not None
    assert run.standings([1000])[0].validation_regret == pytest.approx(0.0)  # type: ignore[union-attr]


def test_a_failing_strategy_is_named(small: Table, odd: None) -> None:
    with pytest.raises(
        SearchError, match=r"'broken' with seed 0 failed: ZeroDivisionError: a mistake; the finished"
    ):
        compare(small, ["broken"], seeds=1, evaluations=3)


def test_processes_change_nothing() -> None:
    table = small_table(labels=8)
    alone = compare(table, NAMES, seeds=3, evaluations=30)
    together = compare(table, NAMES, seeds=3, evaluations=30, jobs=2)
    assert timeless(alone) == timeless(together)


def test_errors_come_home_from_processes() -> None:
    table = small_table(labels=8)
    with pytest.raises(UsageError, match="population_size >= 1, got 0"):
        compare(
            table,
            ["evolution"],
            seeds=2,
            evaluations=5,
            jobs=2,
            options={"evolution": {"population_size": 0}},
        )


def test_an_interrupted_comparison_goes_on(tmp_path: Path) -> None:
    table = small_table(labels=8)
    whole = compare(table, NAMES, seeds=4, evaluations=30, out=tmp_path / "whole")
    told: list[tuple[int, int]] = []

    def stop(done: int, total: int, run: SearchRun | None) -> None:
        told.append((done, total))
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(table, NAMES, seeds=4, evaluations=30, out=tmp_path / "cut", told=stop)
    runs = tmp_path / "cut" / "runs.jsonl"
    before = runs.read_bytes()
    runs.write_bytes(before + b'{"strategy":"random","seed":1,"eval')  # killed while it wrote
    again: list[tuple[int, int]] = []
    gone_on = compare(
        table,
        NAMES,
        seeds=4,
        evaluations=30,
        out=tmp_path / "cut",
        told=lambda done, total, _: again.append((done, total)),
    )
    assert told == [(0, 8), (1, 8), (2, 8), (3, 8)]
    assert again[0] == (3, 8)
    assert again[-1] == (8, 8)
    assert timeless(gone_on) == timeless(whole)
    assert runs.read_bytes().startswith(before)
    assert compare(table, NAMES, seeds=4, evaluations=30, out=tmp_path / "cut").runs == gone_on.runs


def test_more_seeds_and_strategies_may_be_added_and_nothing_else_changed(tmp_path: Path) -> None:
    table = small_table(labels=8)
    compare(table, ["random"], seeds=1, evaluations=10, out=tmp_path)
    more = compare(table, NAMES, seeds=2, evaluations=10, out=tmp_path)
    assert len(more.runs) == 4
    with pytest.raises(UsageError, match="evaluations = 10, now it is 11"):
        compare(table, NAMES, seeds=2, evaluations=11, out=tmp_path)
    with pytest.raises(UsageError, match="options of evolution"):
        compare(
            table, NAMES, seeds=2, evaluations=10, out=tmp_path, options={"evolution": {"crossover": 0.5}}
        )
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        compare(table, NAMES, seeds=2, evaluations=10, out=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategies": ["randon"]}, "Did you mean 'random'"),
        ({"strategies": []}, "at least one strategy"),
        ({"seeds": 0}, "seeds >= 1"),
        ({"evaluations": 0}, "evaluations >= 1"),
        ({"jobs": 0}, "jobs >= 1"),
        ({"options": {"grid": {"resolution": 3}}}, "which is not compared"),
        ({"options": {"random": {"size": 3}}}, "no option 'size'"),
    ],
)
def test_wrong_use_is_told(small: Table, change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"strategies": NAMES, **change}
    with pytest.raises(UsageError, match=message):
        compare(small, **given)


def test_what_is_written(tmp_path: Path) -> None:
    table = small_table(labels=8)
    comparison = compare(table, NAMES, seeds=5, evaluations=24, objectives=table.objectives)
    paths = write_results(comparison, tmp_path)
    tidy = pd.read_parquet(paths["regret.parquet"])
    assert list(tidy.columns) == [
        "strategy", "seed", "evaluations", "validation_regret", "test_regret", "hypervolume",
    ]  # fmt: skip
    assert len(tidy) == 2 * 5 * 24
    one = tidy[(tidy.strategy == "evolution") & (tidy.seed == 3)].set_index("evaluations")
    for evaluation, standing in comparison.runs["evolution", 3].steps:
        assert one.validation_regret[evaluation] == standing.validation_regret
        assert one.hypervolume[evaluation] == standing.hypervolume
    assert (one.hypervolume.diff().dropna() >= 0).all()
    summary = summarize(comparison)
    final = tidy[tidy.evaluations == 24].groupby("strategy").validation_regret
    for name in NAMES:
        told = summary["results"][name]["24"]["validation_regret"]
        assert told["mean"] == pytest.approx(final.mean()[name])
        assert told["standard_error"] == pytest.approx(final.sem()[name])
    json.dumps(summary, allow_nan=False)
    text = paths["summary.md"].read_text()
    assert f"{final.mean()['random']:.3f} ± {final.sem()['random']:.3f}" in text
    assert "random, in closed form" in text
    assert "Holm" in text
    assert paths["regret.png"].read_bytes().startswith(b"\x89PNG")


def test_a_table_without_test_values_and_a_single_seed(tmp_path: Path) -> None:
    whole = small_table()
    table = Table("untested", whole.space, whole.rows, whole.objectives)
    comparison = compare(table, ["random"], seeds=1, evaluations=5)
    write_results(comparison, tmp_path)
    tidy = pd.read_parquet(tmp_path / "regret.parquet")
    assert tidy.test_regret.isna().all()
    assert "est regret" not in (tmp_path / "summary.md").read_text()
    assert summarize(comparison)["pairs"] == []


def test_searches_that_find_nothing_allowed_are_told_as_such(tmp_path: Path) -> None:
    from archwright.objectives import parse_limit

    table = small_table(labels=8)
    tight = parse_limit(f"params<={table.values(['params']).min():g}")
    comparison = compare(table, NAMES, seeds=3, evaluations=4, objectives=[table.objectives[0], tight])
    values = measure(comparison, "validation_regret", [1, 4])
    assert np.isnan(values[:, :, 0]).any()
    write_results(comparison, tmp_path)
    json.dumps(summarize(comparison), allow_nan=False)


def several_lengths(*epochs: int) -> Table:
    """The small table, with the same networks trained for other numbers of epochs too."""
    table = small_table()
    return replace(table, epochs=dict.fromkeys(epochs, table.rows))


@pytest.mark.parametrize("name", ["asha", "hyperband", "successive_halving", "cascade", "bohb"])
def test_rungs_that_a_table_has_not_are_refused_before_any_search(name: str, tmp_path: Path) -> None:
    told: list[int] = []
    with pytest.raises(UsageError, match=rf"{name} looks at.*small has the results of one training.*--epoch"):
        compare(
            small_table(), ["random", name], seeds=1, out=tmp_path / "new", told=lambda *_: told.append(1)
        )
    assert not told
    assert not (tmp_path / "new").exists()


def test_rungs_must_be_lengths_of_the_trainings() -> None:
    with pytest.raises(UsageError, match=r"trainings of 12, 200 epochs, but nothing for 36 epochs.*asha.eta"):
        compare(several_lengths(12, 200), ["asha"], seeds=1, evaluations=4)
    with pytest.raises(UsageError, match="nothing for by synflow"):
        compare(several_lengths(4, 12), ["cascade"], seeds=1, evaluations=4)
    found = compare(several_lengths(12, 200), ["asha"], seeds=1, evaluations=4, options={"asha": {"eta": 17}})
    assert found.runs["asha", 0].evaluations == 4


@pytest.mark.parametrize("name", ["asha", "hyperband", "priorband", "pasha"])
def test_strategies_of_several_fidelities_search_trainings_of_several_lengths(name: str) -> None:
    """The lengths of NAS-Bench-101 are rungs."""
    table = several_lengths(4, 12, 36, 108)
    found = compare(table, [name], seeds=2, evaluations=12)
    assert all(run.evaluations == 12 for run in found.runs.values())
    made = make_strategy(name, table.space, table.objectives[:1], fidelity=table.fidelity)
    assert [level.epochs for level in made.rungs] == [4, 12, 36, 108]  # type: ignore[attr-defined]


@pytest.mark.slow
def test_on_a_cluster_it_finds_the_same(ray_cluster: str, tmp_path: Path) -> None:
    there = ExecutorConfig(name="ray", options={"address": ray_cluster}, workers=2)
    given: dict[str, Any] = {"seeds": 3, "evaluations": 12, "options": {"evolution": {"population_size": 4}}}
    alone = compare(small_table(6), NAMES, **given)
    together = compare(small_table(6), NAMES, **given, jobs=there, out=tmp_path / "kept")
    assert timeless(together) == timeless(alone)
    # All are kept, so that nothing is run again.
    nowhere = ExecutorConfig(name="ray", options={"address": "127.0.0.1:9"}, workers=2)
    assert timeless(compare(small_table(6), NAMES, **given, jobs=nowhere, out=tmp_path / "kept")) == timeless(
        alone
    )


def test_a_cluster_that_is_not_there_is_told() -> None:
    pytest.importorskip("ray")
    nowhere = ExecutorConfig(name="ray", options={"address": "127.0.0.1:9"}, workers=2)
    with pytest.raises(UsageError, match="cannot be used: nothing answers"):
        compare(small_table(), NAMES, seeds=1, evaluations=4, jobs=nowhere)
