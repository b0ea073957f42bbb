"""The loop: budgets, failures, limits, and that nothing is lost however it ends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from archwright.errors import SearchError, TrialError
from archwright.estimators.estimator import Estimator
from archwright.experiments import Budget, Listener, SQLStore, Stage
from archwright.experiments.executors import ProcessesExecutor
from archwright.experiments.sources import spent_seconds
from archwright.objectives import Meter, Objective
from archwright.spaces import Architecture, Space, choice, integer, layer
from archwright.strategies import make_strategy
from archwright.trials import Candidate, Measurement, Trial, TrialContext, TrialState

from .conftest import ACCURACY, ToyEstimator, run_search, toy_space

MakeStore = Callable[..., SQLStore]


def proposed(store: SQLStore) -> list[Architecture]:
    return [trial.candidate.architecture for trial in store.trials()]


class Interrupting(ToyEstimator):
    """Is interrupted, as by a second Ctrl-C, at the given estimate."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)
        self.left -= 1
        return super().estimate(candidate, trial)


def test_a_search_runs_its_trials_and_says_why_it_ended(make_store: MakeStore) -> None:
    store = make_store()
    assert run_search(store, trials=9) == "9 trials"
    trials = store.trials()
    assert [trial.number for trial in trials] == list(range(9))
    assert all(trial.state is TrialState.COMPLETED for trial in trials)
    assert len(set(proposed(store))) == 9


def test_an_ended_search_is_not_gone_on_with(make_store: MakeStore) -> None:
    store = make_store()
    run_search(store, trials=5)
    assert run_search(store, trials=5) == "5 trials"
    assert len(store.trials()) == 5


def test_a_small_space_is_searched_to_its_end(make_store: MakeStore) -> None:
    space = Space(layer(dict, a=choice(1, 2, 3, name="a")))

    class One(Estimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            return Measurement({"accuracy": 0.5})

    store = make_store()
    reason = run_search(store, trials=50, space=space, estimator=One())
    assert reason is not None
    assert len(store.trials()) == 3


def test_a_target_ends_the_search(make_store: MakeStore) -> None:
    store = make_store()
    reason = run_search(store, budget=Budget(trials=300, target=0.9), strategy="grid")
    assert reason == "the target accuracy 0.9 was reached"
    assert [trial.metrics["accuracy"] >= 0.9 for trial in store.trials()].count(True) == 1


def test_minutes_end_the_search_and_are_counted_over_sessions(make_store: MakeStore) -> None:
    # Bounds that a busy machine keeps: a trial takes 0.1 seconds at least, and nothing at most.
    store = make_store()
    with pytest.raises(KeyboardInterrupt):
        run_search(store, budget=Budget(minutes=60), estimator=_Slow(0.1, stop_after=3))
    store.close()
    store = make_store()
    assert run_search(store, budget=Budget(minutes=0.24 / 60), estimator=_Slow(0.1)) == "its time, 240 ms"
    assert 3 <= len(store.trials()) <= 4  # the one that was broken off may be gone on with


def test_minutes_end_a_fresh_search(make_store: MakeStore) -> None:
    store = make_store()
    assert run_search(store, budget=Budget(minutes=0.24 / 60), estimator=_Slow(0.1)) == "its time, 240 ms"
    assert 1 <= len(store.trials()) <= 3


def _width(network: nn.Linear) -> int:
    return network.out_features


@pytest.mark.slow
def test_when_the_time_is_over_and_all_that_run_turn_out_too_large_another_one_is_tried(
    make_store: MakeStore,
) -> None:
    narrow = Objective("width", "minimize", limit=1, optimize=False, meter=_width)
    space = Space(layer(nn.Linear, 1, integer(1, 4, name="width")))
    for seed in range(20):  # one that begins with at least two that are too large
        drawn = make_strategy("random", space, ACCURACY, seed=seed)
        if all(drawn.ask().architecture["width"] > 1 for _ in range(2)):
            break
    store, executor = make_store(), ProcessesExecutor[Any, Any](2)
    run_search(
        store,
        budget=Budget(minutes=1e-9),
        objectives=(*ACCURACY, narrow),
        executor=executor,
        seed=seed,
        space=space,
        example=((torch.zeros(1, 1),), {}),
    )
    states = [trial.state for trial in store.trials()]
    assert states == [TrialState.INFEASIBLE] * (len(states) - 1) + [TrialState.COMPLETED]
    assert len(states) > 2


class _Slow(ToyEstimator):
    def __init__(self, seconds: float, stop_after: int | None = None) -> None:
        super().__init__(seconds)
        self.left = stop_after

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                signal.raise_signal(signal.SIGINT)
        return super().estimate(candidate, trial)


def test_seconds_of_sessions_end_with_their_last_event() -> None:
    candidate = Candidate(Architecture({}))
    trials = [
        Trial(0, candidate, TrialState.COMPLETED, started=100.0, finished=110.0),
        Trial(1, candidate, started=111.0),
        Trial(2, candidate, TrialState.COMPLETED, started=1000.0, finished=1003.0),
    ]
    assert spent_seconds([100.0, 1000.0, 2000.0], trials) == 11.0 + 3.0


@given(st.integers(0, 11), st.sampled_from(["random", "evolution", "grid"]), st.integers(0, 5))
def test_an_interrupted_search_proposes_what_an_uninterrupted_one_does(
    at: int, strategy: str, seed: int
) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        stores = [SQLStore(f"sqlite:///{folder}/{name}.sqlite", "run", create=True) for name in "ab"]
        with stores[0] as whole, stores[1] as broken:
            run_search(whole, trials=12, strategy=strategy, seed=seed)
            with pytest.raises(KeyboardInterrupt):
                run_search(broken, trials=12, strategy=strategy, seed=seed, estimator=Interrupting(at))
            assert [t.state for t in broken.trials()].count(TrialState.RUNNING) == 1
            run_search(broken, trials=12, strategy=strategy, seed=seed)
            assert proposed(broken) == proposed(whole)
            assert [t.metrics for t in broken.trials()] == [t.metrics for t in whole.trials()]


def test_saved_states_give_the_same_continuation(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archwright.experiments import replay

    monkeypatch.setattr(replay, "_FIRST_PAUSE", 0.0)
    monkeypatch.setattr(replay, "_SHARE", 0.0)
    store = make_store()
    with pytest.raises(KeyboardInterrupt):
        run_search(store, trials=40, strategy="evolution", estimator=Interrupting(30))
    saved = store.get("strategy")
    assert saved["events"] > 50  # so that only the rest is replayed
    run_search(store, trials=40, strategy="evolution")
    resumed = proposed(store)
    with SQLStore("sqlite://", "whole", create=True) as whole:
        run_search(whole, trials=40, strategy="evolution")
        assert proposed(whole) == resumed


def test_a_failed_trial_costs_itself_only(make_store: MakeStore) -> None:
    class Failing(ToyEstimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            if candidate.architecture["width"] == 1:
                raise TrialError("loss became NaN in epoch 3")
            if candidate.architecture["width"] == 2:
                raise ZeroDivisionError("in a user's code")
            if candidate.architecture["width"] == 3:
                return Measurement({"accuracy": float("nan")})
            return super().estimate(candidate, trial)

    store = make_store()
    heard: list[str] = []
    listener = Listener()
    listener.log = heard.append  # type: ignore[method-assign]
    given: Any = {"estimator": Failing(), "strategy": "evolution", "listener": listener}
    assert run_search(store, trials=40, **given) == "40 trials"
    errors = {t.candidate.architecture["width"]: t.error for t in store.trials()}
    assert errors == {
        1: "loss became NaN in epoch 3",
        2: "ZeroDivisionError: in a user's code",
        3: "the metric 'accuracy' is nan",
        4: None,
    }
    assert any("Traceback" in text and "in a user's code" in text for _, text in store.messages())
    assert heard == ["search ended: 40 trials"]  # the reason is told, its traceback is for the log


def test_the_time_of_an_estimate_can_be_an_objective(make_store: MakeStore) -> None:
    store = make_store()
    objectives = (Objective("accuracy"), Objective("seconds", limit=5.0))
    run_search(store, trials=3, objectives=objectives, estimator=ToyEstimator(0.01))
    assert [t.metrics["seconds"] for t in store.trials()] == [0.01] * 3


def test_a_search_in_which_everything_fails_ends_with_the_reason(make_store: MakeStore) -> None:
    class Failing(Estimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            raise TrialError("the network does not build")

    store = make_store()
    with pytest.raises(SearchError, match="20 failed with: the network does not build"):
        run_search(store, trials=1000, estimator=Failing())
    assert len(store.trials()) == 20


def test_candidates_over_a_cheap_limit_are_not_trained_nor_counted(make_store: MakeStore) -> None:
    from torch import nn, zeros

    space = Space(layer(nn.Linear, 10, choice(*range(1, 31), name="width")))
    trained: list[int] = []

    class Recording(Estimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            trained.append(candidate.architecture["width"])
            return Measurement({"accuracy": 0.5})

    store = make_store()
    objectives = (Objective("accuracy"), Objective("params", limit=110, optimize=False))
    run_search(
        store, trials=8, space=space, estimator=Recording(), objectives=objectives, example=zeros(2, 10)
    )
    assert len(trained) == 8
    assert max(trained) <= 10
    infeasible = [t for t in store.trials() if t.state is TrialState.INFEASIBLE]
    assert infeasible
    assert all(t.metrics == {"params": 11.0 * t.candidate.architecture["width"]} for t in infeasible)
    assert all("params" in t.metrics for t in store.trials())


def test_meters_of_a_user_are_asked_cheapest_first_and_costly_ones_after_the_estimate(
    make_store: MakeStore,
) -> None:
    from torch import nn, zeros

    asked: list[str] = []

    class Slow(Meter):
        seconds = 60.0

        def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
            asked.append("slow")
            return float(network(*args, **kwargs).shape[1])

    class Quick(Meter):
        def __init__(self, name: str, seconds: float) -> None:
            self.name, self.seconds = name, seconds

        def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
            asked.append(self.name)
            return 0.0

    class Recording(ToyEstimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            asked.append("estimate")
            return super().estimate(candidate, trial)

    objectives = (
        Objective("accuracy"),
        Objective("slow", limit=3, meter=Slow),
        Objective("later", limit=1, meter=Quick("later", 0.5)),
        Objective("sooner", limit=1, meter=Quick("sooner", 0.1)),
    )
    space = Space(layer(nn.Linear, 10, choice(4, 5, name="width")))
    store = make_store()
    run_search(
        store, trials=1, space=space, estimator=Recording(), objectives=objectives, example=zeros(2, 10)
    )
    assert asked == ["sooner", "later", "estimate", "slow"]
    (trial,) = store.trials()
    assert trial.state is TrialState.COMPLETED
    assert trial.metrics["slow"] == trial.candidate.architecture["width"]


def test_a_limit_that_nothing_keeps_ends_the_search(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch import nn, zeros

    from archwright.experiments import sources

    monkeypatch.setattr(sources, "_ALL_INFEASIBLE", 30)
    space = Space(layer(nn.Linear, 10, choice(*range(1, 100), name="width")))
    objectives = (Objective("accuracy"), Objective("params", limit=5, optimize=False))
    told = (
        r"30 candidates in a row were over a limit \(params<=5 was asked for, \d+ came closest\); loosen it"
    )
    with pytest.raises(SearchError, match=told):
        run_search(make_store(), trials=8, space=space, objectives=objectives, example=zeros(2, 10))
    monkeypatch.setattr(sources, "_ALL_INFEASIBLE", 10**6)
    monkeypatch.setattr(sources, "_PATIENCE", 0.0)  # seconds
    monkeypatch.setattr(sources, "_LEAST_INFEASIBLE", 20)
    with pytest.raises(SearchError, match="20 candidates in a row were over a limit"):
        run_search(make_store(), trials=8, space=space, objectives=objectives, example=zeros(2, 10))


def test_the_listener_sees_every_step(make_store: MakeStore) -> None:
    seen: list[str] = []

    class Watching(Listener):
        def stage_started(
            self, stage: Stage, total: int | None, done: int, minutes: float | None = None
        ) -> None:
            seen.append(f"{stage} {total} {done}")

        def trial_started(self, stage: Stage, trial: Trial) -> None:
            seen.append(f"start {trial.number}")

        def trial_finished(self, stage: Stage, trial: Trial, best: Trial | None) -> None:
            assert best is not None
            seen.append(f"end {trial.number}")

        def stage_finished(self, stage: Stage) -> None:
            seen.append("over")

    run_search(make_store(), trials=2, listener=Watching())
    assert seen == ["search 2 0", "start 0", "end 0", "start 1", "end 1", "over"]


SCRIPT = """
    import sys
    sys.path.insert(0, sys.argv[2])
    from conftest import ToyEstimator, run_search
    from archwright.experiments import SQLStore
    from pathlib import Path
    path = Path(sys.argv[1])
    with SQLStore(f"sqlite:///{path}", "run", create=not path.exists()) as store:
        store.lock()
        print("ready", flush=True)
        run_search(store, trials=60, strategy="evolution", estimator=ToyEstimator(0.01))
"""


def test_kill_minus_nine_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    path, rng = tmp_path / "trials.sqlite", random.Random(0)
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(path), str(Path(__file__).parent)]
    known: dict[int, Trial] = {}
    kills = 0
    for _ in range(30):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            process.wait(rng.uniform(0.02, 0.3))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        code = process.wait()
        with SQLStore(f"sqlite:///{path}", "run", create=False) as store:
            trials = {t.number: t for t in store.trials()}
        done = {n: t for n, t in trials.items() if t.state is TrialState.COMPLETED}
        assert known.items() <= done.items()  # a completed trial stays exactly as it was
        assert len(trials) - len(done) <= 1
        known = done
        if code == 0:
            break
    assert kills >= 3
    assert len(known) == 60
    with SQLStore("sqlite://", "whole", create=True) as whole:
        run_search(whole, trials=60, strategy="evolution")
        assert [t.candidate.architecture for t in known.values()] == proposed(whole)


def test_a_strategy_that_strays_is_noted(make_store: MakeStore) -> None:
    store = make_store()
    with pytest.raises(KeyboardInterrupt):
        run_search(store, trials=10, seed=0, estimator=Interrupting(5))
    run_search(store, trials=10, seed=1)
    assert any("did not repeat its earlier choices" in text for _, text in store.messages())
    assert len([t for t in store.trials() if t.state is TrialState.COMPLETED]) == 10


def test_the_toy_space_is_what_the_tests_think() -> None:
    assert toy_space().size == 4 * 3**4
    assert ACCURACY[0].name == "accuracy"


def test_a_search_is_resumed_on_every_kind_of_database(url: str) -> None:
    with SQLStore(url, "run", create=True) as store:
        store.lock()
        with pytest.raises(KeyboardInterrupt):
            run_search(store, trials=10, strategy="evolution", estimator=Interrupting(4))
    with SQLStore(url, "run", create=False) as store:
        store.lock()
        assert run_search(store, trials=10, strategy="evolution") == "10 trials"
        found = proposed(store)
    with SQLStore("sqlite://", "whole", create=True) as whole:
        run_search(whole, trials=10, strategy="evolution")
        assert proposed(whole) == found
