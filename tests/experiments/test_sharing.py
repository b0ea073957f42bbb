"""A search with several workers on a real PostgreSQL server: turns, leases, and that nothing is granted twice."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st

from archwright.errors import RunError, UsageError
from archwright.experiments import (
    Budget,
    CheckpointFolder,
    Evaluation,
    Experiment,
    InlineExecutor,
    Stage,
    TrialRunner,
)
from archwright.experiments.records import encode
from archwright.experiments.sharing import SharedSearch, worked_seconds
from archwright.experiments.store import SharedStore, SQLStore, TakenOverError
from archwright.strategies import Strategy, make_strategy
from archwright.strategies.pruners import Pruner
from archwright.trials import FULL, Candidate, Measurement, Report, Trial, TrialContext, TrialState, Verdict

from .conftest import ACCURACY, ToyEstimator, run_search, toy_space


@pytest.fixture
def url(database: str) -> str:
    """An empty database."""
    return database


def begin_run(url: str, budget: Budget) -> None:
    with SharedStore(url, "toy", create=True) as store:
        store.publish(b"", "", "{}")
        store.set_fact("budget", encode(budget))


@contextmanager
def joined(url: str, lease: float = 60.0) -> Iterator[SharedStore]:
    with SharedStore(url, "toy", create=False) as store, store.joined(1, lease):
        yield store


def toy_strategy(name: str = "random") -> Strategy:
    return make_strategy(name, toy_space(), ACCURACY, seed=0)


def work(
    url: str,
    *,
    strategy: Strategy | str = "random",
    estimator: Any = None,
    pruner: Pruner | None = None,
    checkpoints: CheckpointFolder | None = None,
    lease: float = 60.0,
) -> str | None:
    """What a worker does, in this thread."""
    executor = InlineExecutor[Any, Any]()
    evaluation = Evaluation(toy_space(), estimator or ToyEstimator(), ACCURACY, None)
    with joined(url, lease) as store:
        experiment = Experiment(
            store=store, executor=executor, objectives=ACCURACY, pruner=pruner, checkpoints=checkpoints
        )
        executor.open(TrialRunner({Stage.SEARCH: evaluation}, ACCURACY), experiment.answer)
        made = toy_strategy(strategy) if isinstance(strategy, str) else strategy
        return experiment.search(made, Budget(), FULL)


def read(url: str) -> SharedStore:
    return SharedStore(url, "toy", create=False)


@pytest.mark.parametrize("strategy", ["random", "evolution", "bayesian"])
def test_one_worker_proposes_what_inline_does(url: str, tmp_path: Path, strategy: str) -> None:
    with SQLStore(f"sqlite:///{tmp_path / 'alone.sqlite'}", "toy", create=True) as alone:
        run_search(alone, trials=15, strategy=strategy)
        begin_run(url, Budget(trials=15))
        assert work(url, strategy=strategy) == "15 trials"
        with read(url) as store:
            assert [t.candidate for t in store.trials()] == [t.candidate for t in alone.trials()]
            assert [(kind, t.number) for kind, t in store.events()] == [
                (k, t.number) for k, t in alone.events()
            ]


def test_several_workers_share_a_budget_and_nothing_is_granted_twice(url: str) -> None:
    begin_run(url, Budget(trials=24))
    ran: list[tuple[int, int]] = []
    errors: list[BaseException] = []

    class Noted(ToyEstimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            ran.append((trial.number, trial.attempt))
            return super().estimate(candidate, trial)

    def one() -> None:
        try:
            assert work(url, strategy="evolution", estimator=Noted(0.02)) == "24 trials"
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(ran) == [(number, 0) for number in range(24)]
    with read(url) as store:
        trials = store.trials()
        assert [t.state for t in trials] == [TrialState.COMPLETED] * 24
        assert len({t.architecture for t in trials}) == 24
        assert len(store.workers()) == 3
        assert not any(worker.is_alive for worker in store.workers())
        assert [text for _, text in store.messages() if "search ended" in text] == ["search ended: 24 trials"]
        assert not [text for _, text in store.messages() if "did not repeat" in text]


def test_the_end_is_told_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_run(url, Budget(trials=6))
    get = SharedStore.get

    def slowly(self: SharedStore, key: str, default: Any = None) -> Any:
        found = get(self, key, default)
        if key == "search_ended":  # so that, without a turn, the others read it before it is written
            time.sleep(0.2)
        return found

    monkeypatch.setattr(SharedStore, "get", slowly)
    threads = [threading.Thread(target=work, args=(url,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with read(url) as store:
        assert [text for _, text in store.messages() if "search ended" in text] == ["search ended: 6 trials"]


def test_the_end_is_told_though_the_connection_is_lost_as_it_is_noted(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_run(url, Budget(trials=3))
    set_fact, cuts = SharedStore.set_fact, []

    def interrupted(self: SharedStore, key: str, value: Any) -> None:
        if key == "search_ended" and not cuts:
            cuts.append(key)
            cut(self)
        set_fact(self, key, value)

    monkeypatch.setattr(SharedStore, "set_fact", interrupted)
    assert work(url) == "3 trials"
    assert cuts
    with read(url) as store:
        assert store.get("search_ended") == "3 trials"
        assert [text for _, text in store.messages() if "search ended" in text] == ["search ended: 3 trials"]


def cut(store: SharedStore) -> None:
    """End the connection of a store as the restart of a server does."""
    engine = sqlalchemy.create_engine(store._url, isolation_level="AUTOCOMMIT")
    pid = store._live.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"SELECT pg_terminate_backend({pid}, 5000)"))
    engine.dispose()


def take(store: SharedStore, search: SharedSearch) -> Trial:
    def start(trial: Trial) -> Trial:
        begun = replace(trial, started=store.now())
        store.start(begun)
        return begun

    taken = search.take(start)
    assert taken is not None
    return taken


def measured(trial: Trial, score: float = 0.5) -> Trial:
    done = Measurement({"accuracy": score})
    return replace(trial, state=TrialState.COMPLETED, measurement=done, finished=trial.started + 1)


def shared_search(store: SharedStore) -> SharedSearch:
    return SharedSearch(ACCURACY, toy_strategy(), store, FULL)


def test_a_worker_that_is_not_heard_of_loses_its_trial_and_may_record_nothing_of_it(url: str) -> None:
    begin_run(url, Budget(trials=5))
    with read(url) as silent, joined(url) as other:
        silent._enter("silent", 1, 0.05)  # without a pulse
        silent.worker, silent._heard = "silent", -1
        trial = take(silent, shared_search(silent))
        assert silent.report(trial.number, Report(1, {"accuracy": 0.1})) is Verdict.GO_ON
        time.sleep(0.2)
        again = take(other, shared_search(other))
        assert (again.number, again.attempt, again.candidate) == (trial.number, 1, trial.candidate)
        for write in (
            lambda: silent.report(trial.number, Report(2, {"accuracy": 0.9})),
            lambda: silent.finish(measured(trial, 0.9)),
            lambda: silent.start(replace(trial, attempt=1)),
        ):
            with pytest.raises(TakenOverError, match="given to another worker"):
                write()
        other.finish(measured(again, 0.5))
        with pytest.raises(TakenOverError):
            silent.finish(measured(trial, 0.9))
        (only,) = other.trials()
        assert only.metrics == {"accuracy": 0.5}
        assert [(kind, t.number) for kind, t in other.events()] == [("ask", 0), ("tell", 0)]


def test_a_worker_that_leaves_frees_its_trials_at_once_and_one_that_lives_keeps_them(url: str) -> None:
    begin_run(url, Budget(trials=5))
    with joined(url, 0.5) as alive, joined(url) as other:
        kept = take(alive, shared_search(alive))
        search = shared_search(other)
        with joined(url) as leaving:
            left = take(leaving, shared_search(leaving))
            assert left.number == 1
            assert take(other, search).number == 2
        time.sleep(1.0)  # two leases, in which its pulse was heard
        assert (take(other, search).number, take(other, search).number) == (1, 3)
        alive.finish(measured(kept))


class Cutting(Strategy):
    """Loses the connection of its store while it is asked, once."""

    def __init__(self, store: SharedStore, at: int) -> None:
        self.inner, self.store, self.left = toy_strategy("evolution"), store, at

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate | None:
        self.left -= 1
        if self.left == 0:
            cut(self.store)
        return self.inner.ask(running)

    def tell(self, trial: Trial) -> None:
        self.inner.tell(trial)

    def state_dict(self) -> dict[str, Any]:
        return self.inner.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.inner.load_state_dict(state)


def test_a_turn_in_which_the_connection_is_lost_is_taken_again(url: str) -> None:
    begin_run(url, Budget(trials=10))
    with joined(url) as store:
        search = SharedSearch(ACCURACY, Cutting(store, 4), store, FULL)
        for number in range(10):
            trial = take(store, search)
            assert (trial.number, trial.attempt) == (number, 0)
            store.finish(measured(trial, number / 10))
            search.done(trial)
        assert len({t.architecture for t in store.trials()}) == 10
        plain = toy_strategy("evolution")
        for number, trial in enumerate(store.trials()):
            asked = plain.ask()
            assert asked is not None
            assert asked.architecture == trial.architecture
            plain.tell(measured(trial, number / 10))


def test_a_start_whose_commit_was_not_heard_of_is_taken_again(url: str) -> None:
    begin_run(url, Budget(trials=3))
    with joined(url) as store:
        take(store, shared_search(store))  # by a search that then forgot
        again = take(store, shared_search(store))
        assert (again.number, again.attempt) == (0, 1)


class Half(Pruner):
    """Stops whoever is behind the best of the others at the same step."""

    def judge(self, trial: Trial, curve: Sequence[Report], others: Any) -> Verdict:
        rivals = [r.metrics["accuracy"] for _, told in others for r in told if r.step == curve[-1].step]
        return Verdict.STOP if rivals and max(rivals) > curve[-1].metrics["accuracy"] else Verdict.GO_ON


def test_a_pruner_sees_what_other_workers_report(url: str) -> None:
    begin_run(url, Budget(trials=2))

    class Reporting(ToyEstimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            with_other.report(0, Report(1, {"accuracy": 2.0}))
            trial.report(1, {"accuracy": 0.5})
            return super().estimate(candidate, trial)

    with joined(url) as with_other:
        first = take(with_other, shared_search(with_other))
        thread = threading.Thread(target=lambda: work(url, estimator=Reporting(), pruner=Half()))
        thread.start()
        while len(with_other.trials()) < 2 or with_other.trials()[1].state is TrialState.RUNNING:
            time.sleep(0.02)
        with_other.finish(measured(first))
        thread.join()
        assert with_other.trials()[1].state is TrialState.PRUNED


class Dying(ToyEstimator):
    """Saves a state, and gives up the first attempt as one whose worker hangs."""

    def __init__(self, hang: threading.Event, go_on: threading.Event) -> None:
        super().__init__()
        self.hang, self.go_on, self.began_at = hang, go_on, []  # type: ignore[var-annotated]

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        self.began_at.append((trial.attempt, trial.own and trial.own.load()["step"]))
        if trial.attempt == 0:
            trial.save(3, {"step": 3})
            self.hang.set()
            self.go_on.wait(60)
            trial.report(4, {"accuracy": 0.0})
        return super().estimate(candidate, trial)


@pytest.mark.parametrize("is_reached", [True, False])
def test_a_lost_trial_goes_on_from_its_checkpoint_where_that_is_reached(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_reached: bool
) -> None:
    begin_run(url, Budget(trials=1))
    hang, go_on = threading.Event(), threading.Event()
    estimator = Dying(hang, go_on)
    folders = [CheckpointFolder(tmp_path / "a"), CheckpointFolder(tmp_path / ("a" if is_reached else "b"))]
    how = {"estimator": estimator}
    first = threading.Thread(target=lambda: work(url, checkpoints=folders[0], **how))
    first.start()
    assert hang.wait(60)
    with read(url) as store:  # as when nothing has been heard for a lease
        store._live.exec_driver_sql("UPDATE workers SET lease = -1e9")
    assert work(url, checkpoints=folders[1], **how) == "1 trial"
    go_on.set()
    first.join()
    assert estimator.began_at == [(0, None), (1, 3 if is_reached else None)]
    with read(url) as store:
        (trial,) = store.trials()
        assert (trial.state, trial.attempt) == (TrialState.COMPLETED, 1)
        told = [text for _, text in store.messages()]
        assert any("begins again: its checkpoint is on a machine" in text for text in told) is not is_reached
        assert any("what this one found is dropped" in text for text in told)


def test_minutes_are_those_in_which_there_was_a_worker(url: str) -> None:
    begin_run(url, Budget(minutes=0.3 / 60))
    assert work(url, estimator=ToyEstimator(0.1)) == "its time, 300 ms"
    with read(url) as store:
        assert 1 <= len(store.trials()) <= 4


def test_a_new_budget_reaches_workers_that_are_there(url: str) -> None:
    begin_run(url, Budget(trials=1))
    with joined(url) as store:
        search = shared_search(store)
        first = take(store, search)
        store.set_fact("budget", encode(Budget(trials=2)))
        assert take(store, search).number == 1
        store.finish(measured(first))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=8))
def test_worked_seconds_count_each_second_once(spans: list[tuple[int, int]]) -> None:
    seconds = {second for begin, length in spans for second in range(begin, begin + length)}
    assert worked_seconds([(begin, begin + length) for begin, length in spans]) == len(seconds)


def test_without_joining_it_is_any_other_store(url: str) -> None:
    with SharedStore(url, "toy", create=True) as store:
        assert not store.is_published()
        assert store.workers() == []
        assert run_search(store, trials=4) == "4 trials"
    with pytest.raises(RunError), SharedStore(url, "none", create=False):
        pass
    with pytest.raises(UsageError):
        SharedStore("mysql://x", "none", create=False)


@pytest.mark.slow
def test_workers_killed_at_random_moments_and_a_restarted_server_lose_nothing(
    postgres: str, tmp_path: Path
) -> None:
    bench = Path(__file__).parents[2] / "benches" / "workers.py"
    words = ["--kills", "6", "--restarts", "1", "--overhead", "0", "--out", str(tmp_path / "runs.jsonl")]
    subprocess.run([sys.executable, str(bench), *words], check=True, timeout=800)
    runs = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert sum(run["kills"] for run in runs) == 6
    for run in runs:
        wrong = ("lost", "doubled", "granted_twice", "began_behind_its_state", "failed_workers")
        assert {what: run[what] for what in wrong} == dict.fromkeys(wrong, 0), run
