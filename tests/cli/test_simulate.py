"""`archwright simulate`: what it prints, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Ran

Command = Callable[..., Ran]


@pytest.fixture
def table(tmp_path: Path) -> str:
    """200 networks without durations."""
    rows = [f"{a},{b},{0.5 + 0.4 * a / 19 - 0.01 * abs(b - 3):.5f}" for a in range(20) for b in range(10)]
    (tmp_path / "results.csv").write_text("\n".join(["a,b,accuracy", *rows]))
    return "results.csv"


def simulated(archwright: Command, *words: str) -> dict[str, Any]:
    ran = archwright("simulate", *words, "--json")
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def test_a_simulation_says_when_at_what_efficiency_and_cost(archwright: Command, table: str) -> None:
    words = [
        "--table",
        table,
        "--objective",
        "max:accuracy",
        "--strategies",
        "random,evolution",
        "--seeds",
        "3",
    ]
    words += [
        "--workers",
        "1,10",
        "--durations",
        "60",
        "--trials",
        "100",
        "--price",
        "1.8 EUR",
        "--synchronous",
    ]
    found = simulated(archwright, *words)
    assert found == simulated(archwright, *words, "--jobs", "2") | {
        "results": [
            one | {"ask_milliseconds": old["ask_milliseconds"]}
            for one, old in zip(found["results"], found["results"], strict=True)
        ]
    }
    assert len(found["results"]) == 2 * 2 * 2
    one, ten = found["results"][0], found["results"][1]
    assert (one["strategy"], one["form"], one["workers"], ten["workers"]) == ("random", "asynchronous", 1, 10)
    assert one["seconds"] == {"mean": 6000.0, "standard_error": 0.0}
    assert ten["seconds"]["mean"] == 600.0
    assert one["efficiency"]["mean"] == ten["efficiency"]["mean"] == 1.0
    assert one["worker_hours"]["mean"] == pytest.approx(100 / 60)
    assert one["cost"] == "3 EUR"
    # The best 5 % of 200 networks are 10, the best 1 % are 2; .1 % is the best alone, which is one of these.
    assert found["scores"] == sorted(found["scores"])
    assert len(found["scores"]) == 3
    assert found["scores"][-1] == 0.9
    easiest = one["reached"][0]
    assert easiest["seeds"] == 3
    assert ten["reached"][0]["mean"] == pytest.approx(easiest["mean"] / 10, abs=60)


def test_people_get_a_table_and_the_scores_that_they_asked_for(archwright: Command, table: str) -> None:
    ran = archwright(
        "simulate", "--table", table, "--objective", "max:accuracy", "--strategies", "random+median", "--workers", "4",
        "--durations", "lognormal:60,0.5", "--trials", "40", "--seeds", "2", "--scores", "0.6,0.99",
        "--stragglers", "0.1:5", "--failures", "0.1", "--preemptions", "5", "--start-up", "30", "--no-checkpoints",
        "--ask-time", "measured",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "0.6 after" in ran.out
    assert "never" in ran.out
    assert "which is counted" in ran.out


def test_who_asks_too_little_is_told_of_slow_strategies(archwright: Command, table: str) -> None:
    words = [
        "--table",
        table,
        "--objective",
        "max:accuracy",
        "--durations",
        "0.01",
        "--workers",
        "100",
        "--trials",
        "200",
    ]
    ran = archwright("simulate", *words, "--seeds", "1", "--strategies", "forest")
    assert ran.code == 0, ran.err
    assert "--ask-time measured counts that" in ran.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "does not say how long trainings took"),
        (["--durations", "lognormol:1,2"], "Did you mean 'lognormal'"),
        (["--durations", "60", "--strategies", "randm"], "Did you mean 'random'"),
        (
            ["--durations", "60", "--strategies", "asha"],
            "looks at networks before they are trained to the end",
        ),
        (["--durations", "60", "--workers", "4,x"], "--workers: expected whole numbers"),
        (["--durations", "60", "--workers", "0"], "expected workers >= 1"),
        (["--durations", "60", "--stragglers", "5"], "expected SHARE:FACTOR"),
        (["--durations", "60", "--failures", "2"], "a share from 0 to 1"),
        (["--durations", "60", "--ask-time", "slow"], "a number of seconds or measured"),
        (["--durations", "60", "--price", "cheap"], "expected a number and a currency"),
        (["--durations", "60", "--time", "-1"], "expected seconds > 0"),
        (
            ["--durations", "60", "--option", "evolution.population_size=5", "--strategies", "random"],
            "is not simulated",
        ),
    ],
)
def test_what_does_not_fit_is_told(archwright: Command, table: str, words: list[str], told: str) -> None:
    ran = archwright("simulate", "--table", table, "--objective", "max:accuracy", *words)
    assert ran.code == 2
    assert told in ran.err


def test_progress_and_the_next_table(archwright: Command) -> None:
    ran = archwright(
        "simulate",
        "--table",
        "mnist1d-curves",
        "--strategies",
        "asha",
        "--workers",
        "2,8",
        "--time",
        "20",
        "--seeds",
        "2",
    )
    assert ran.code == 0, ran.err
    assert "4 of 4 searches done" in ran.err
