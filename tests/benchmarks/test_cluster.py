"""Simulated clusters: schedules worked out by hand, laws of durations, and what holds of every simulation."""

from __future__ import annotations

import itertools
import math
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.benchmarks import Cluster, DurationLaw, SimulatedClock, Table, Truth, simulate_cluster
from archwright.benchmarks.durations import timed_estimator
from archwright.errors import UsageError
from archwright.estimators import CurveRow, Estimator
from archwright.spaces import Space, integer, layer
from archwright.strategies import make_strategy
from archwright.trials import Candidate, Measurement, TrialContext, TrialState

from .conftest import small_table
from .test_simulation import ACCURACY, CURVES, ROWS, TABLE, Scripted, X, Y, Z


class Chosen(Cluster):
    """What happens is said by the test instead of drawn."""

    fails: dict[int, float]
    lost: dict[tuple[int, int], float]

    @classmethod
    def of(
        cls, workers: int, fails: dict[int, float] | None = None, lost: Any = None, **options: Any
    ) -> Chosen:
        made = cls(workers=workers, **options)
        object.__setattr__(made, "fails", fails or {})
        object.__setattr__(made, "lost", lost or {})
        return made

    def failure(self, trial: int) -> float | None:
        return self.fails.get(trial)

    def lifetime(self, worker: int, generation: int) -> float:
        return self.lost.get((worker, generation), math.inf)


def run(
    cluster: Cluster, *script: Candidate, estimator: Estimator = CURVES, seconds: float = 100.0
) -> SimulatedClock:
    clock = SimulatedClock(Scripted(list(script)), estimator, cluster=cluster)
    clock.run(seconds)
    return clock


def ends(clock: SimulatedClock) -> dict[int, tuple[int, float, float | None]]:
    """Number to worker, begin and end."""
    return {n: (t.worker, t.trial.started, t.trial.finished) for n, t in sorted(clock.trials.items())}


def test_a_failure_by_hand() -> None:
    # y would run from 0 to 6 and report at 2, 4 and 6; it fails at 3, so z takes its worker from 3 on.
    clock = run(Chosen.of(2, fails={1: 0.5}), Candidate(X), Candidate(Y), Candidate(Z))
    assert ends(clock) == {0: (0, 0.0, 3.0), 1: (1, 0.0, 3.0), 2: (0, 3.0, 4.5)}
    assert clock.trials[1].trial.state is TrialState.FAILED
    assert [at for at, _ in clock.trials[1].curve] == [2.0]
    spent = clock.time
    assert (spent.useful, spent.failed, spent.lost, spent.total) == (4.5, 3.0, 0.0, 9.0)
    assert spent.idle == 1.5
    assert spent.efficiency == 0.5


def test_a_pre_emption_by_hand() -> None:
    # Worker 1 is lost at 3, a second after y's report at 2; the next worker there is ready at 4 (start-up), and y goes
    # on from the report: its other two come at 6 and 8. All begin at 1.
    lost = {(1, 0): 4.0}
    clock = run(Chosen.of(2, lost=lost, start_up=1.0), Candidate(X), Candidate(Y))
    assert ends(clock) == {0: (0, 1.0, 4.0), 1: (0, 1.0, 8.0)}
    # x has ended at 4 on worker 0, so y goes on there at once; its second report is at 6.
    assert [at for at, _ in clock.trials[1].curve] == [3.0, 6.0, 8.0]
    assert clock.trials[1].trial.attempt == 1
    assert clock.preempted == 1
    spent = clock.time
    assert (spent.useful, spent.lost, spent.starting) == (9.0, 1.0, 3.0)
    assert spent.total == 16.0


def test_without_checkpoints_a_lost_trial_begins_anew() -> None:
    clock = run(Chosen.of(1, lost={(0, 0): 3.0}, start_up=0.5, checkpoints=False), Candidate(Y))
    # From .5 on, a report at 2.5, lost at 3; anew from 3.5 to 9.5. What was reported is not reported again.
    assert ends(clock) == {0: (0, 0.5, 9.5)}
    assert [at for at, _ in clock.trials[0].curve] == [2.5, 7.5, 9.5]
    assert (clock.time.useful, clock.time.lost) == (6.0, 2.5)


def test_what_asking_takes_holds_up_the_next() -> None:
    # A second an ask: x runs from 1 to 4, y from 2. x's worker is free at 4 and gets z at 5; until then y waits for an
    # answer to its report at 4, and so ends at 9 instead of 8.
    clock = run(Cluster(workers=2, asking=1.0), Candidate(X), Candidate(Y), Candidate(Z))
    assert ends(clock) == {0: (0, 1.0, 4.0), 1: (1, 2.0, 9.0), 2: (0, 5.0, 6.5)}
    assert clock.asked.asks == 3


def test_a_report_waits_while_the_strategy_thinks() -> None:
    # z reports every half second from 4 on. y, asked for at 4, is given at 8: so z's first report is answered at 8.
    script = (Candidate(Z), Candidate(Y))
    clock = run(Cluster(workers=2, asking=4.0), *script)
    assert [at for at, _ in clock.trials[0].curve] == [4.5, 8.5, 9.0]
    assert ends(clock)[0] == (0, 4.0, 9.0)
    assert clock.time.useful == 1.5 + 6.0


def test_batches_wait_for_the_slowest() -> None:
    clock = run(Cluster(workers=2, synchronous=True), *map(Candidate, (X, Y, Z, X)))
    assert ends(clock) == {0: (0, 0.0, 3.0), 1: (1, 0.0, 6.0), 2: (0, 6.0, 7.5), 3: (1, 6.0, 9.0)}


def test_stragglers_take_longer_and_say_so() -> None:
    clock = run(Cluster(workers=1, straggler_share=1.0, straggler_factor=3.0), Candidate(X))
    (trial,) = clock.trials.values()
    assert trial.trial.finished == 9.0
    assert trial.trial.measurement is not None
    assert trial.trial.measurement.seconds == 9.0
    assert (
        [at for at, _ in trial.curve] == [report.metrics["seconds"] for _, report in trial.curve] == [3, 6, 9]
    )


BIG = Space(layer(dict, n=integer(0, 499, name="n")))
WIDE = Table.of_curves(
    "wide",
    BIG,
    {a: CurveRow({"accuracy": (0.1, a["n"] / 500)}, (1.0, 1.0 + a["n"] % 7)) for a in BIG},
    (ACCURACY,),
)


@settings(max_examples=60, deadline=None)
@given(
    workers=st.integers(1, 9),
    seed=st.integers(0, 99),
    failures=st.sampled_from([0.0, 0.3]),
    preemptions=st.sampled_from([0.0, 100.0, 900.0]),
    start_up=st.sampled_from([0.0, 2.5]),
    asking=st.sampled_from([0.0, 0.7]),
    synchronous=st.booleans(),
    checkpoints=st.booleans(),
    trials=st.integers(1, 40),
    strategy=st.sampled_from(["random", "asha", "hyperband+median"]),
    seconds=st.sampled_from([None, 20.0]),
)
def test_what_holds_of_every_simulation(
    workers: int, seed: int, strategy: str, trials: int, seconds: float | None, **options: Any
) -> None:
    cluster = Cluster(workers=workers, seed=seed, straggler_share=0.2, straggler_factor=2.0, **options)
    found, again = (
        simulate_cluster(Truth(WIDE, [ACCURACY]), strategy, seed, cluster, seconds=seconds, trials=trials)
        for _ in range(2)
    )
    assert (found.steps, found.time, found.states) == (
        again.steps,
        again.time,
        again.states,
    )  # by the seed alone
    time = found.time
    assert time.total == pytest.approx(workers * found.seconds)
    assert time.busy + time.starting <= time.total + 1e-6
    assert min(time.useful, time.failed, time.lost, time.starting) >= -1e-9
    assert 0.0 <= time.efficiency <= 1.0 + 1e-9
    assert sum(found.states.values()) <= found.asked.asks <= trials
    if seconds is None and strategy != "hyperband+median":
        assert sum(found.states.values()) == found.asked.asks
    if not options["preemptions"]:
        assert found.preempted == time.lost == 0.0
    if not options["failures"]:
        assert time.failed == 0.0
    values = [score for _, score in found.steps]
    assert all(0.0 <= value < 1.0 for value in values)


@settings(max_examples=30, deadline=None)
@given(workers=st.integers(1, 8), seed=st.integers(0, 99), synchronous=st.booleans())
def test_no_worker_does_two_things_at_once(workers: int, seed: int, synchronous: bool) -> None:
    strategy = make_strategy("random", BIG, [ACCURACY], seed)
    clock = SimulatedClock(
        strategy, WIDE.estimator(), cluster=Cluster(workers=workers, seed=seed, synchronous=synchronous)
    )
    clock.run(math.inf, 30)
    spans = sorted((t.worker, t.trial.started, t.trial.finished) for t in clock.trials.values())
    for (worker, _, end), (other, begin, _) in itertools.pairwise(spans):
        assert worker != other or end <= begin  # type: ignore[operator]
    assert clock.time.useful == pytest.approx(sum(end - begin for _, begin, end in spans))  # type: ignore[operator]


class Quick(Estimator):
    """Ten seconds each."""

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        return Measurement({"accuracy": candidate.architecture["n"] / 500}, seconds=10.0)


def test_a_slow_strategy_keeps_few_workers_busy() -> None:
    """An ask of a second serves ten workers with trials of ten seconds; of 40 workers a quarter works."""
    strategy = make_strategy("random", BIG, [ACCURACY])
    clock = SimulatedClock(strategy, Quick(), cluster=Cluster(workers=40, asking=1.0))
    clock.run(400.0)
    assert clock.asked.asks == pytest.approx(400, abs=2)
    assert clock.time.efficiency == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("text", "mean"),
    [
        ("60", 60.0),
        ("constant:60", 60.0),
        ("uniform:20,40", 30.0),
        ("exponential:50", 50.0),
        ("lognormal:60,0.5", 60.0 * math.exp(0.125)),
    ],
)
def test_laws_have_their_means(text: str, mean: float) -> None:
    law = DurationLaw.parse(text)
    assert DurationLaw.parse(str(law)) == law
    random = Random(0)
    drawn = [law.draw(random) for _ in range(20_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(mean, rel=0.03)
    assert min(drawn) >= 0.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lognormol:60,1", "Did you mean 'lognormal'"),
        ("lognormal:60", "expected lognormal:MEDIAN,SIGMA"),
        ("constant:-3", "not negative"),
        ("uniform:5,4", "no lowest above the highest"),
        ("constant:soon", "numbers behind the colon"),
        ("0", "seconds > 0"),
    ],
)
def test_what_is_no_law_is_told(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        DurationLaw.parse(text)


def test_a_law_keeps_the_proportions_of_a_curve_and_the_time_of_a_network() -> None:
    estimator = timed_estimator(TABLE, DurationLaw.parse("uniform:10,20"), 3)
    clock = SimulatedClock(Scripted([Candidate(X), Candidate(X)]), estimator)
    clock.run(100.0)
    first, second = (clock.trials[n].trial.measurement for n in (0, 1))
    assert first is not None
    assert second is not None
    assert first.seconds == second.seconds
    assert 10.0 <= first.seconds <= 20.0
    parts = [report.metrics["seconds"] / first.seconds for _, report in clock.trials[0].curve]
    assert parts == pytest.approx([sum(ROWS[X].seconds[:k]) / 3.0 for k in (1, 2, 3)])
    table = small_table()
    with pytest.raises(UsageError, match="--durations lognormal"):
        timed_estimator(table, None, 0)
    (canonical,) = list(table.rows)[:1]
    assert timed_estimator(table, DurationLaw.parse("60"), 0).rows[canonical].seconds == (60.0,)  # type: ignore[attr-defined]


def test_what_no_cluster_can_be_is_told() -> None:
    for options in ({"failures": 1.5}, {"start_up": -1.0}, {"workers": 0}, {"asking": math.inf}):
        with pytest.raises(UsageError, match="simulated time: expected"):
            Cluster(**options)  # type: ignore[arg-type]
