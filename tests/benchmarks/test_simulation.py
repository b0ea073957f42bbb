"""Simulated time: schedules made by hand, what strategies and pruners are told when, and whole searches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from archwright.benchmarks import (
    SimulatedClock,
    Table,
    Truth,
    compare,
    search_table,
    simulate_search,
    summarize,
    write_results,
)
from archwright.errors import SearchError, SpaceExhaustedError, UsageError
from archwright.estimators import CurveRow, Estimator, TabularCurves
from archwright.objectives import Direction, Objective
from archwright.spaces import Space, categorical, layer
from archwright.strategies import Strategy
from archwright.strategies.pruners import MedianPruner, Observed, Pruner
from archwright.trials import Candidate, Fidelity, LocalTrial, Measurement, Report, Trial, TrialState, Verdict

from .conftest import small_table

SPACE = Space(layer(dict, a=categorical(["x", "y", "z"], name="a")))
X, Y, Z = (SPACE.architecture({"a": label}) for label in "xyz")
ACCURACY = Objective("accuracy", Direction.MAXIMIZE)
ROWS = {
    X: CurveRow({"accuracy": (0.1, 0.2, 0.3)}, (1.0, 1.0, 1.0)),
    Y: CurveRow({"accuracy": (0.2, 0.3, 0.5)}, (2.0, 2.0, 2.0)),
    Z: CurveRow({"accuracy": (0.0, 0.1, 0.9)}, (0.5, 0.5, 0.5)),
}
CURVES = TabularCurves(SPACE, ROWS)


class Scripted(Strategy):
    """Asks for what a script says, and notes what it was told and shown."""

    inherits = True

    def __init__(self, script: Sequence[Candidate | tuple[int, Candidate]]) -> None:
        self.script, self.next = list(script), 0
        self.told: list[int] = []
        self.seen: list[list[str]] = []

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate | None:
        if self.next == len(self.script):
            raise SpaceExhaustedError("the script is over")
        entry = self.script[self.next]
        if isinstance(entry, tuple):  # waits until a trial has ended
            if entry[0] not in self.told:
                return None
            entry = entry[1]
        self.next += 1
        self.seen.append([str(candidate.architecture["a"]) for candidate in running])
        return entry

    def tell(self, trial: Trial) -> None:
        self.told.append(trial.number)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


def schedule(clock: SimulatedClock) -> list[tuple[int, int, float, float | None]]:
    """Number, worker, begin and end."""
    return [(n, t.worker, t.trial.started, t.trial.finished) for n, t in sorted(clock.trials.items())]


def test_two_workers_by_hand() -> None:
    strategy = Scripted([Candidate(X), Candidate(Y), Candidate(Z), Candidate(X)])
    clock = SimulatedClock(strategy, CURVES, 2)
    clock.run(100.0)
    # x runs from 0 to 3 beside y from 0 to 6; z from 3 to 4.5, then x again from 4.5 to 7.5.
    assert schedule(clock) == [(0, 0, 0.0, 3.0), (1, 1, 0.0, 6.0), (2, 0, 3.0, 4.5), (3, 0, 4.5, 7.5)]
    assert strategy.told == [0, 2, 1, 3]
    assert strategy.seen == [[], ["x"], ["y"], ["y"]]
    assert clock.now == 7.5
    assert [at for at, _ in clock.trials[3].curve] == [5.5, 6.5, 7.5]


def test_time_that_is_up_leaves_trials_running() -> None:
    clock = SimulatedClock(Scripted([Candidate(X), Candidate(Y)]), CURVES, 1)
    clock.run(5.5)
    assert schedule(clock) == [(0, 0, 0.0, 3.0)]
    (left,) = clock.running
    assert left.trial.number == 1
    assert [(at, report.metrics["accuracy"]) for at, report in left.curve] == [(5.0, 0.2)]
    assert clock.now == 5.5
    clock.run(100.0)
    assert schedule(clock) == [(0, 0, 0.0, 3.0), (1, 0, 3.0, 9.0)]


def test_a_rung_waits_for_a_trial_and_continues_it() -> None:
    rung = Fidelity(1, horizon=3)
    whole = Fidelity(3, horizon=3)
    strategy = Scripted(
        [
            Candidate(X, rung),
            Candidate(Y, rung),
            (1, Candidate(Y, whole, parent=1, inherit="continue")),
            Candidate(Z, rung),
        ]
    )
    clock = SimulatedClock(strategy, CURVES, 2)
    clock.run(100.0)
    # Worker 0 is free at 1, but the script waits for trial 1, which ends at 2; both ask then.
    assert schedule(clock) == [(0, 0, 0.0, 1.0), (1, 1, 0.0, 2.0), (2, 0, 2.0, 6.0), (3, 1, 2.0, 2.5)]
    continued = clock.trials[2].trial
    assert continued.measurement is not None
    assert continued.measurement.seconds == 4.0
    assert [point["accuracy"] for point in continued.measurement.curve] == [0.2, 0.3, 0.5]


class Watching(Pruner):
    """Stops given trials at given steps, and notes what it sees of others."""

    def __init__(self, stops: dict[int, int]) -> None:
        self.stops = stops
        self.seen: list[tuple[int, int, dict[int, int]]] = []

    def judge(self, trial: Trial, curve: Sequence[Report], others: Collection[Observed]) -> Verdict:
        self.seen.append((trial.number, curve[-1].step, {o.number: len(reports) for o, reports in others}))
        return Verdict.STOP if self.stops.get(trial.number) == curve[-1].step else Verdict.GO_ON


def test_a_pruner_judges_in_the_order_of_time() -> None:
    pruner = Watching({1: 1})
    strategy = Scripted([Candidate(X), Candidate(Y), Candidate(Z)])
    clock = SimulatedClock(strategy, CURVES, 2, pruner=pruner)
    clock.run(100.0)
    # y reports at 2 for the first time, after x has at 1 and 2, and is stopped; z takes its worker.
    assert schedule(clock) == [(0, 0, 0.0, 3.0), (1, 1, 0.0, 2.0), (2, 1, 2.0, 3.5)]
    assert pruner.seen == [
        (0, 1, {1: 0}),
        (0, 2, {1: 0}),
        (1, 1, {0: 2}),
        (2, 1, {0: 2, 1: 1}),
        (0, 3, {1: 1, 2: 1}),
        (2, 2, {0: 3, 1: 1}),
        (2, 3, {0: 3, 1: 1}),
    ]
    stopped = clock.trials[1].trial
    assert stopped.state is TrialState.PRUNED
    assert stopped.metrics == {"accuracy": 0.2}
    assert strategy.told == [1, 0, 2]


def test_the_median_rule_stops_what_it_would_stop_in_a_real_search() -> None:
    strategy = Scripted([Candidate(Y), Candidate(X), Candidate(Z)])
    pruner = MedianPruner([ACCURACY], minimum_trials=1)
    clock = SimulatedClock(strategy, CURVES, 1, pruner=pruner)
    clock.run(100.0)
    assert [clock.trials[n].trial.state for n in range(3)] == [
        TrialState.COMPLETED,
        TrialState.PRUNED,
        TrialState.PRUNED,
    ]
    assert clock.now == 6.0 + 1.0 + 0.5


class Timed(Estimator):
    """Reports nothing; takes seconds."""

    def estimate(self, candidate: Candidate, trial: LocalTrial) -> Measurement:  # type: ignore[override]
        return Measurement(
            {"accuracy": 0.5}, seconds={"x": 2.0, "y": 3.0, "z": 0.0}[candidate.architecture["a"]]
        )


def test_an_estimator_that_reports_nothing_takes_its_seconds() -> None:
    clock = SimulatedClock(Scripted([Candidate(X), Candidate(Z), Candidate(Y)]), Timed(), 2)
    clock.run(100.0)
    assert schedule(clock) == [(0, 0, 0.0, 2.0), (1, 1, 0.0, 0.0), (2, 1, 0.0, 3.0)]


def test_a_network_that_is_not_there_fails_at_once() -> None:
    clock = SimulatedClock(Scripted([Candidate(X), Candidate(Y)]), TabularCurves(SPACE, {Y: ROWS[Y]}), 1)
    clock.run(100.0)
    assert clock.trials[0].trial.state is TrialState.FAILED
    assert schedule(clock) == [(0, 0, 0.0, 0.0), (1, 0, 0.0, 6.0)]


def test_a_limit_on_trials_and_a_strategy_that_waits_for_nothing() -> None:
    clock = SimulatedClock(Scripted([Candidate(X), Candidate(Y), Candidate(Z)]), CURVES, 2)
    clock.run(100.0, trials=2)
    assert sorted(clock.trials) == [0, 1]
    with pytest.raises(SearchError, match="nothing was running"):
        SimulatedClock(Scripted([(7, Candidate(X))]), CURVES).run(1.0)
    with pytest.raises(UsageError, match="workers >= 1"):
        SimulatedClock(Scripted([]), CURVES, 0)


TABLE = Table.of_curves("letters", SPACE, ROWS, (ACCURACY,))


def test_regret_in_simulated_time_is_that_of_the_best_completed_trial() -> None:
    truth = Truth(TABLE, TABLE.objectives)
    found = simulate_search(truth, "grid", 0, 100.0)
    # x ends at 3 with .3, y at 9 with .5, z at 10.5 with .9.
    assert [(at, standing.validation_regret) for at, standing in found.steps] == [
        (3.0, pytest.approx(60.0)),
        (9.0, pytest.approx(40.0)),
        (10.5, pytest.approx(0.0)),
    ]
    assert found.evaluations == 3


def test_what_was_pruned_counts_only_until_something_was_completed() -> None:
    truth = Truth(TABLE, TABLE.objectives)
    found = simulate_search(truth, "grid+threshold", 0, 100.0, options={"pruner.below": 0.15})
    # x is stopped at 1 with .1; y is completed at 7; z, the best, was stopped.
    assert [(at, standing.validation_regret) for at, standing in found.steps] == [
        (1.0, pytest.approx(60.0)),
        (7.0, pytest.approx(40.0)),
    ]


def test_more_workers_find_the_same_sooner_and_seeds_repeat() -> None:
    truth = Truth(TABLE, TABLE.objectives)
    found = [simulate_search(truth, "random", 3, 100.0, n).steps[-1] for n in (1, 3, 3)]
    assert found[1] == found[2]
    assert found[0][1] == found[1][1]
    assert found[1][0] < found[0][0]


def test_a_comparison_in_simulated_time_is_written_and_goes_on(tmp_path: Path) -> None:
    names = ["random", "random+threshold"]
    options = {"random+threshold": {"pruner.below": 0.15}}
    done: list[int] = []
    for seeds in (2, 4):
        comparison = compare(
            TABLE,
            names,
            seconds=6.0,
            workers=2,
            seeds=seeds,
            options=options,
            out=tmp_path,
            told=lambda n, _total, run: done.append(n) if run is not None else None,
        )
    assert done == [1, 2, 3, 4, 5, 6, 7, 8]
    summary = summarize(comparison)
    assert (summary["simulated_seconds"], summary["workers"], summary["random_search"]) == (6.0, 2, {})
    assert list(summary["results"]["random"]) == ["1", "2", "3", "6"]
    assert "6 simulated seconds of 2 workers, 4 seeds" in write_results(comparison, tmp_path)[
        "summary.md"
    ].read_text(encoding="utf-8")
    frame = pd.read_parquet(tmp_path / "regret.parquet")
    assert list(frame.columns[:3]) == ["strategy", "seed", "seconds"]
    assert len(frame) == 2 * 4 * 200
    with pytest.raises(UsageError, match="holds searches with evaluations"):
        compare(TABLE, names, seconds=7.0, seeds=2, options=options, out=tmp_path)


def test_what_does_not_fit_simulated_time_is_told() -> None:
    with pytest.raises(UsageError, match="needs simulated time"):
        compare(TABLE, ["random+median"], seeds=1, evaluations=2)
    with pytest.raises(UsageError, match="Did you mean 'median'"):
        compare(TABLE, ["random+medain"], seeds=1, seconds=2.0)
    with pytest.raises(UsageError, match=r"has no pruner, so it takes no option pruner.below"):
        compare(TABLE, ["random"], seeds=1, seconds=2.0, options={"random": {"pruner.below": 1}})
    with pytest.raises(UsageError, match="seconds > 0"):
        compare(TABLE, ["random"], seeds=1, seconds=0.0)


def test_a_table_without_durations_is_refused() -> None:
    table = small_table()
    with pytest.raises(UsageError, match="does not say how long"):
        simulate_search(Truth(table, table.objectives[:1]), "random", 0, 10.0)


def test_evaluations_count_configurations_and_rungs_continue_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rung, whole = Fidelity(1, horizon=3), Fidelity(3, horizon=3)
    script = [Candidate(X, rung), Candidate(Z, rung), Candidate(Y, whole, parent=None)]
    script[2:2] = [Candidate(Z, whole, parent=1, inherit="continue")]
    monkeypatch.setattr("archwright.benchmarks.runs.make_strategy", lambda *_, **__: Scripted(script))
    found = search_table(Truth(TABLE, TABLE.objectives), "random", 0, 3)
    assert found.evaluations == 3
    # x is the best after one epoch; z, once trained to the end, counts alone, and stays the best.
    assert [(n, round(standing.validation_regret)) for n, standing in found.steps] == [(1, 60), (2, 0)]
