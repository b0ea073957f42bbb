"""Trials that converse with a search: reports, verdicts, checkpoints, attempts, continuations."""

from __future__ import annotations

import errno
import os
import signal
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.errors import RunError, SearchError, SpaceExhaustedError
from archwright.estimators.estimator import Estimator
from archwright.experiments import CheckpointFolder, Listener, ProcessesExecutor, SQLStore, Stage
from archwright.objectives import Direction, Objective
from archwright.spaces import Space
from archwright.strategies import Strategy
from archwright.strategies.pruners import MedianPruner, Observed, Pruner, ThresholdPruner
from archwright.strategies.randomness import random_for
from archwright.testing import ToyEstimator
from archwright.trials import (
    Candidate,
    Fidelity,
    Measurement,
    Report,
    Trial,
    TrialContext,
    TrialState,
    Verdict,
)

from .conftest import run_search, toy_space

MakeStore = Callable[..., SQLStore]
SCORE = (Objective("score", Direction.MAXIMIZE),)
SPACE = toy_space()


class Halving(Strategy):
    """Successive halving in small: batches of four at one epoch, of which the best goes on to two and four.

    Nothing is proposed while the batch's last trials run, unless they are of another rung.
    """

    inherits = True

    def __init__(self, space: Space, seed: int = 0) -> None:
        self.space, self.seed = space, seed
        self.asked = self.open = 0
        self.done: list[tuple[int, float, dict[str, Any]]] = []

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate | None:
        if len(self.done) == 4:
            self.done.sort(key=lambda item: -item[1])
            number, _, data = self.done[0]
            self.done, self.open = [], 1
            return Candidate(self.space.architecture(data), Fidelity(4, horizon=4), number, "continue")
        if self.open == 4 or (running and running[-1].continues):
            return None
        self.open += 1
        self.asked += 1
        return Candidate(self.space.sample(random_for(self.seed, self.asked)), Fidelity(1, horizon=4))

    def tell(self, trial: Trial) -> None:
        if trial.candidate.continues:
            self.open = 0
        else:
            score = trial.metrics.get("score", -1.0)
            self.done.append((trial.number, score, trial.architecture.to_json()))

    def needed(self) -> set[int] | None:
        return {number for number, _, _ in self.done}

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.asked, "open": self.open, "done": [list(item) for item in self.done]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.asked, self.open = state["asked"], state["open"]
        self.done = [(number, score, data) for number, score, data in state["done"]]


def toy(**options: Any) -> ToyEstimator:
    return ToyEstimator(SPACE, converses=True, **options)


def searched(store: SQLStore, folder: Path, **options: Any) -> str | None:
    """A search of a conversing estimator."""
    options = {"estimator": toy(), "objectives": SCORE, "space": SPACE, **options}
    return run_search(store, checkpoints=CheckpointFolder(folder / "checkpoints"), **options)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").glob("*"))


def dying(at: int, code: Callable[[], object]) -> Estimator:
    """Runs some code before the report of that number, counted over all trials."""

    class Dying(ToyEstimator):
        left = at

        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            report = trial.report

            def counted(*args: Any) -> Verdict:
                self.left -= 1
                if self.left < 0:
                    code()
                return report(*args)

            trial.report = counted  # type: ignore[method-assign]
            return super().estimate(candidate, trial)

    return Dying(SPACE, converses=True)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGINT)  # as a second Ctrl-C: nothing catches it


def test_the_curve_is_recorded_while_the_trial_runs(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    seen: list[tuple[int, int, dict[str, float]]] = []

    class Watching(Listener):
        def trial_reported(self, stage: Stage, number: int, report: Report) -> None:
            trial = store.trials()[number]
            assert trial.state is TrialState.RUNNING
            seen.append((number, report.step, trial.metrics))

    searched(store, tmp_path, trials=2, listener=Watching())
    assert [(number, step) for number, step, _ in seen] == [(n, s) for n in (0, 1) for s in (1, 2, 3, 4)]
    for trial in store.trials():
        assert trial.measurement is not None
        curve = [dict(point) for point in trial.measurement.curve]
        assert [point["step"] for point in curve] == [1, 2, 3, 4]
        assert [point["score"] for point in curve] == [m["score"] for n, _, m in seen if n == trial.number]


def test_what_a_strategy_is_told_is_what_is_recorded(make_store: MakeStore, tmp_path: Path) -> None:
    told: list[Trial] = []

    class Noting(Halving):
        def tell(self, trial: Trial) -> None:
            told.append(trial)
            super().tell(trial)

    store = make_store()
    searched(store, tmp_path, trials=8, strategy=Noting(SPACE))
    assert sorted(told, key=lambda trial: trial.number) == store.trials()
    assert [trial for kind, trial in store.events() if kind == "tell"] == told


@pytest.mark.slow
@settings(max_examples=25)
@given(st.integers(0, 13), st.booleans())
def test_a_broken_off_search_with_inherited_checkpoints_ends_as_a_whole_one(at: int, halving: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / part for part in "ab"]
        for folder in folders:
            folder.mkdir()
        stores = [SQLStore(f"sqlite:///{folder}/trials.sqlite", "run", create=True) for folder in folders]

        def strategy() -> Strategy | str:
            return Halving(SPACE) if halving else "evolution"

        with stores[0] as whole, stores[1] as broken:
            searched(whole, folders[0], trials=8, strategy=strategy())
            with pytest.raises(KeyboardInterrupt):
                searched(broken, folders[1], trials=8, strategy=strategy(), estimator=dying(at, killed))
            searched(broken, folders[1], trials=8, strategy=strategy())
            expected, found = whole.trials(), broken.trials()
            assert [t.candidate for t in found] == [t.candidate for t in expected]
            assert [(t.metrics, t.measurement.curve) for t in found if t.measurement] == [
                (t.metrics, t.measurement.curve) for t in expected if t.measurement
            ]
            assert sum(t.attempt for t in found) == 1
            rows = [[(r.step, r.metrics) for r in broken.reports()[t.number]] for t in found]
            assert rows == [[(r.step, r.metrics) for r in whole.reports()[t.number]] for t in expected]
        assert files(folders[0]) == files(folders[1])


def test_a_continuation_goes_on_from_its_parent_and_is_no_new_configuration(
    make_store: MakeStore, tmp_path: Path
) -> None:
    store = make_store()
    assert searched(store, tmp_path, trials=8, strategy=Halving(SPACE)) == "8 trials"
    trials = store.trials()
    continued = [trial for trial in trials if trial.candidate.continues]
    assert (len(trials), [trial.number for trial in continued]) == (10, [4, 9])
    for trial in continued:
        parent = trials[trial.candidate.parent or 0]
        assert parent.architecture == trial.architecture
        assert [report.step for report in store.reports()[trial.number]] == [2, 3, 4]
        assert trial.measurement is not None
        assert parent.measurement is not None
        assert trial.measurement.curve[:1] == parent.measurement.curve
        assert [point["step"] for point in trial.measurement.curve] == [1, 2, 3, 4]
    assert files(tmp_path) == []  # nothing may be inherited any more


def test_what_may_still_be_inherited_is_kept_and_nothing_else(make_store: MakeStore, tmp_path: Path) -> None:
    store, kept = make_store(), []

    class Watching(Listener):
        def trial_finished(self, stage: Stage, trial: Trial, best: Trial | None) -> None:
            kept.append(files(tmp_path))

    searched(store, tmp_path, trials=4, strategy=Halving(SPACE), listener=Watching())
    assert [len(names) for names in kept] == [1, 2, 3, 4, 0]
    assert all(not any(row.checkpoint for row in rows) for rows in store.reports().values())


def test_checkpoints_of_which_nothing_is_known_are_kept_within_a_bound(
    make_store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archwright.experiments import conversations

    class Silent(Halving):
        def needed(self) -> set[int] | None:
            return None

    searched(make_store(), tmp_path, trials=8, strategy=Silent(SPACE))
    assert len(files(tmp_path)) == 10
    sizes = [path.stat().st_size for path in (tmp_path / "checkpoints").iterdir()]
    for name in ("trials.sqlite", "trials.sqlite-wal", "trials.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    monkeypatch.setattr(conversations, "_BYTES", 3.5 * max(sizes))
    store = make_store(create=True)
    searched(store, tmp_path, trials=8, strategy=Silent(SPACE))
    assert [name.split("-")[1] for name in files(tmp_path)] == ["7", "8", "9"]  # the youngest
    named = {number for number, rows in store.reports().items() if any(row.checkpoint for row in rows)}
    assert named == {7, 8, 9}


def test_orphans_are_swept_when_a_session_begins(make_store: MakeStore, tmp_path: Path) -> None:
    store, folder = make_store(), CheckpointFolder(tmp_path / "checkpoints")
    with pytest.raises(KeyboardInterrupt):
        searched(store, tmp_path, trials=3, estimator=dying(6, killed))
    kept = files(tmp_path)
    assert kept == ["search-1-0-2.state"]
    folder.save("search-1-0-3", {"written": "and never named"})
    (folder.path / "search-1-0-4.state.77.part").write_bytes(b"half")
    (folder.path / "retrain-1.safetensors").write_bytes(b"weights")
    (folder.path / "supernet.pt.part").write_bytes(b"of somebody else")
    begun: list[list[str]] = []

    class Watching(Listener):
        def trial_started(self, stage: Stage, trial: Trial) -> None:
            begun.append(files(tmp_path))

    searched(store, tmp_path, trials=3, listener=Watching())
    assert begun[0] == ["retrain-1.safetensors", *kept, "supernet.pt.part"]
    assert files(tmp_path) == ["retrain-1.safetensors", "supernet.pt.part"]


class Counting(Pruner):
    """Notes what it is asked; stops every trial at a step."""

    def __init__(self, at: int) -> None:
        self.at, self.asked = at, []  # type: ignore[var-annotated]

    def judge(self, trial: Trial, curve: Sequence[Report], others: Sequence[Observed]) -> Verdict:
        self.asked.append((trial.number, [r.step for r in curve], sorted(t.number for t, _ in others)))
        return Verdict.STOP if curve[-1].step >= self.at else Verdict.GO_ON


def test_a_trial_that_is_told_to_stop_is_pruned_with_what_it_reached(
    make_store: MakeStore, tmp_path: Path
) -> None:
    store, pruner = make_store(), Counting(2)
    assert searched(store, tmp_path, trials=3, pruner=pruner) == "3 trials"
    assert pruner.asked == [(n, list(range(1, s + 1)), list(range(n))) for n in range(3) for s in (1, 2)]
    for trial in store.trials():
        assert trial.state is TrialState.PRUNED
        assert trial.metrics["score"] == store.reports()[trial.number][-1].metrics["score"]
        assert [r.verdict for r in store.reports()[trial.number]] == [Verdict.GO_ON, Verdict.STOP]


def test_a_recorded_verdict_is_never_judged_again(make_store: MakeStore, tmp_path: Path) -> None:
    class Forgetful(ToyEstimator):
        """Begins every attempt from the start; heeds no verdict."""

        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            verdicts = [trial.report(step, {"score": float(step)}) for step in range(1, 5)]
            if trial.number == 1 and trial.attempt == 0:
                killed()
            assert verdicts == [Verdict.GO_ON, Verdict.STOP, Verdict.STOP, Verdict.STOP]
            return Measurement({"score": 4.0})

    store, pruner = make_store(), Counting(2)
    with pytest.raises(KeyboardInterrupt):
        searched(store, tmp_path, trials=2, pruner=pruner, estimator=Forgetful(SPACE))
    assert len(pruner.asked) == 4  # after a stop nobody asks
    searched(store, tmp_path, trials=2, pruner=Counting(99), estimator=Forgetful(SPACE))
    assert [trial.state for trial in store.trials()] == [TrialState.PRUNED] * 2
    assert [trial.attempt for trial in store.trials()] == [0, 1]


def test_a_pruned_trial_need_not_have_every_objective(make_store: MakeStore, tmp_path: Path) -> None:
    class Partly(ToyEstimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            if trial.report(1, {"score": -1.0 if trial.number % 2 else 1.0}) is Verdict.STOP:
                return Measurement({})
            return Measurement({"score": 1.0})

    store = make_store()
    pruner = ThresholdPruner(SCORE, below=0.0)
    searched(store, tmp_path, trials=8, strategy="evolution", pruner=pruner, estimator=Partly(SPACE))
    assert [t.state for t in store.trials()] == [TrialState.COMPLETED, TrialState.PRUNED] * 4


def test_the_median_rule_saves_epochs_and_keeps_the_best(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    searched(store, tmp_path, trials=30, strategy="random")
    whole = {trial.number: trial for trial in store.trials()}
    store.close()
    other = SQLStore(f"sqlite:///{tmp_path}/other.sqlite", "run", create=True)
    with other:
        searched(other, tmp_path, trials=30, strategy="random", pruner=MedianPruner(SCORE))
        epochs = sum(len(rows) for rows in other.reports().values())
        kept = [trial for trial in other.trials() if trial.state is TrialState.COMPLETED]
    assert epochs < 0.8 * 4 * 30
    assert max(t.metrics["score"] for t in kept) == max(t.metrics["score"] for t in whole.values())


def test_a_worker_that_dies_costs_what_came_since_the_checkpoint(
    make_store: MakeStore, tmp_path: Path
) -> None:
    class Suicidal(ToyEstimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            assert (trial.attempt == 0) is (trial.own is None)
            begun = 0 if trial.own is None else trial.own.load()["epoch"]
            assert (trial.last or (0, {}))[0] == 2 * begun
            for epoch in range(begun + 1, 4):
                trial.report(2 * epoch - 1, {"score": 0.1 * epoch}, {"epoch": epoch})
                trial.report(2 * epoch, {"score": 0.1 * epoch})
                if trial.number == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
            return Measurement({"score": 0.3})

    store = make_store()
    executor: Any = ProcessesExecutor(2, threads=1)
    searched(store, tmp_path, trials=3, estimator=Suicidal(SPACE), executor=executor)
    trials = store.trials()
    assert [trial.attempt for trial in trials] == [0, 3, 0]
    assert [trial.state for trial in trials] == [TrialState.COMPLETED] * 3
    assert [row.attempt for row in store.reports()[1]] == [0, 0, 1, 1, 2, 2]
    assert sum("goes on from its checkpoint" in text for _, text in store.messages()) == 3


def test_a_worker_that_dies_without_progress_fails_its_trial(make_store: MakeStore, tmp_path: Path) -> None:
    class Suicidal(ToyEstimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            if trial.number == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return Measurement({"score": 0.3})

    store = make_store()
    executor: Any = ProcessesExecutor(1, threads=1)
    searched(store, tmp_path, trials=3, estimator=Suicidal(SPACE), executor=executor)
    assert [str(trial.state) for trial in store.trials()] == ["completed", "failed", "completed"]


def test_a_worker_that_dies_at_the_same_place_again_fails_its_trial(
    make_store: MakeStore, tmp_path: Path
) -> None:
    class Stuck(ToyEstimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            trial.save(2, {"attempt": trial.attempt})  # a file of its own in each attempt, of the same step
            if trial.number == 1 and trial.attempt < 4:
                os.kill(os.getpid(), signal.SIGKILL)
            return Measurement({"score": 0.3})

    store = make_store()
    executor: Any = ProcessesExecutor(1, threads=1)
    searched(store, tmp_path, trials=3, estimator=Stuck(SPACE), executor=executor)
    assert [str(trial.state) for trial in store.trials()] == ["completed", "failed", "completed"]
    assert [trial.attempt for trial in store.trials()] == [0, 1, 0]


@pytest.mark.parametrize(
    "metrics",
    [
        {"score": np.float64(0.5)},
        {"score": torch.tensor(0.5)},
        {"score": np.array([0.5])[0], "n": np.int32(3)},
    ],
)
def test_numbers_of_other_libraries_are_numbers(
    make_store: MakeStore, tmp_path: Path, metrics: dict[str, Any]
) -> None:
    class Numpy(Estimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            trial.report(np.int64(1), metrics)
            return Measurement(metrics, ({"epoch": np.int8(1), **metrics},), np.float32(0.25))  # type: ignore[arg-type]

    store = make_store()
    searched(store, tmp_path, trials=2, estimator=Numpy())
    for trial in store.trials():
        assert trial.metrics == {name: float(value) for name, value in metrics.items()}
        assert trial.measurement is not None
        assert trial.measurement.seconds == 0.25


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (lambda: Measurement({"score": "0.5"}), "expected metrics to be numbers"),  # type: ignore[dict-item]
        (lambda: Measurement({"score": np.ones(3)}), "expected metrics to be numbers"),  # type: ignore[dict-item]
        (lambda: Measurement({"score": None}), "expected metrics to be numbers"),  # type: ignore[dict-item]
        (lambda: {"score": 0.5}, "expected the estimator to return a Measurement"),
        (lambda: None, "expected the estimator to return a Measurement"),
        (lambda: Measurement(0.5), "cannot be recorded"),  # type: ignore[arg-type]
        (lambda: (_ for _ in ()).throw(SystemExit(3)), "sys.exit(3)"),
        (lambda: (_ for _ in ()).throw(KeyboardInterrupt), "nobody pressed Ctrl-C"),
        (lambda: (_ for _ in ()).throw(type("Odd", (BaseException,), {})("thing")), "Odd: thing"),
        (lambda: (_ for _ in ()).throw(GeneratorExit), "GeneratorExit"),
        (lambda: (_ for _ in ()).throw(ValueError("x" * 20_000_000)), "characters left out"),
    ],
)
def test_whatever_a_users_code_does_fails_its_trial_alone(
    make_store: MakeStore, tmp_path: Path, result: Callable[[], Any], told: str
) -> None:
    class Odd(ToyEstimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            return result() if trial.number == 1 else Measurement({"score": 0.5})

    store = make_store()
    assert searched(store, tmp_path, trials=3, estimator=Odd(SPACE)) == "3 trials"
    first, odd, third = store.trials()
    assert (first.state, third.state) == (TrialState.COMPLETED, TrialState.COMPLETED)
    assert odd.state is TrialState.FAILED
    assert odd.error is not None
    assert told in odd.error
    assert len(odd.error) < 10_000
    assert sum(len(text) for _, text in store.messages()) < 200_000


def test_a_full_disk_stops_the_run_and_not_the_trial(
    make_store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(CheckpointFolder):
        def save(self, key: str, state: Any) -> None:
            if key == "search-1-0-2":
                raise OSError(errno.ENOSPC, "No space left on device")
            super().save(key, state)

    store = make_store()
    with pytest.raises(RunError, match="disk is full: make room"):
        run_search(
            store,
            trials=3,
            estimator=toy(),
            objectives=SCORE,
            space=SPACE,
            checkpoints=Full(tmp_path / "checkpoints"),
        )
    assert [str(trial.state) for trial in store.trials()] == ["completed", "running"]
    searched(store, tmp_path, trials=3)
    assert [(str(trial.state), trial.attempt) for trial in store.trials()] == [
        ("completed", 0), ("completed", 1), ("completed", 0)
    ]  # fmt: skip


def test_a_disk_that_is_full_for_an_estimator_is_no_failure_of_the_trial(
    make_store: MakeStore, tmp_path: Path
) -> None:
    class Writing(ToyEstimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            try:
                raise OSError(errno.EDQUOT, "Disk quota exceeded")
            except OSError as error:
                raise ValueError("cannot save") from error

    store = make_store()
    with pytest.raises(RunError, match="disk is full"):
        searched(store, tmp_path, trials=3, estimator=Writing(SPACE))
    assert [trial.state for trial in store.trials()] == [TrialState.RUNNING]


@pytest.mark.parametrize("fidelity", [Fidelity(), Fidelity(1), Fidelity(3, 0.5, replicate=1)])
def test_a_fidelity_left_open_is_the_searchs_and_an_explicit_one_is_kept(
    make_store: MakeStore, tmp_path: Path, fidelity: Fidelity
) -> None:
    class Explicit(Halving):
        inherits = False

        def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
            self.asked += 1
            architecture = self.space.sample(random_for(0, self.asked))
            return Candidate(architecture, fidelity if self.asked % 2 else None)

    store = make_store()
    searched(store, tmp_path, trials=4, strategy=Explicit(SPACE), fidelity=Fidelity(2))
    assert [trial.candidate.fidelity for trial in store.trials()] == [fidelity, Fidelity(2)] * 2
    epochs = [len(trial.measurement.curve) for trial in store.trials() if trial.measurement]
    assert epochs == [fidelity.epochs or 4, 2] * 2


class Scripted(Strategy):
    """Asks what a list says; None is nothing for now."""

    def __init__(self, script: Sequence[str | None]) -> None:
        self.script, self.at, self.seen = script, 0, []  # type: ignore[var-annotated]

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate | None:
        self.seen.append(list(running))
        if self.at == len(self.script):
            raise SpaceExhaustedError("the script is over")
        if self.script[self.at] is None and running:
            return None
        self.at += self.script[self.at] is None
        kind = self.script[self.at]
        if kind is None:
            return None
        self.at += 1
        return Candidate(SPACE.sample(self.at), None, 0 if kind == "continue" else None, kind)  # type: ignore[arg-type]

    def tell(self, trial: Trial) -> None:
        pass

    def state_dict(self) -> dict[str, Any]:
        return {"at": self.at}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.at = state["at"]


@pytest.mark.slow
def test_running_candidates_are_told_in_the_order_of_asking(make_store: MakeStore, tmp_path: Path) -> None:
    strategy, store = Scripted(["nothing"] * 2 + [None] + ["nothing"] * 2), make_store()
    executor: Any = ProcessesExecutor(2, threads=1)
    reason = searched(
        store, tmp_path, trials=9, strategy=strategy, executor=executor, estimator=toy(sleep=0.05)
    )
    assert reason == "the script is over"
    assert len(store.trials()) == 4
    candidates = [trial.candidate for trial in store.trials()]
    assert strategy.seen[:2] == [[], candidates[:1]]
    ended_first = strategy.seen.index([], 1)  # None is answered until both have ended
    assert all(seen in (candidates[:1], candidates[1:2]) for seen in strategy.seen[2:ended_first])
    assert ended_first > 2


def test_nothing_to_propose_while_nothing_runs_is_an_error(make_store: MakeStore, tmp_path: Path) -> None:
    strategy = Scripted(["nothing", None, None])
    strategy.ask = lambda running=(): None  # type: ignore[method-assign]
    with pytest.raises(SearchError, match="proposed nothing while no trial was running"):
        searched(make_store(), tmp_path, trials=9, strategy=strategy)


def test_inheriting_must_be_declared(make_store: MakeStore, tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="`inherits`"):
        searched(make_store(), tmp_path, trials=9, strategy=Scripted(["nothing", "continue"]))
