"""What every store must keep."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar

import pytest

from archwright.errors import RunError
from archwright.experiments.store import Stage, Store
from archwright.spaces import Architecture
from archwright.trials import Candidate, Fidelity, Measurement, Report, Trial, TrialState, Verdict

__all__ = ["StoreContract"]

_PATIENCE = 240.0
"""Seconds that another process may take for what it should do at once."""


class StoreContract:
    """Tests of a store. They need an operating system that can fork.

    Attributes:
        make: A function of (folder, *, create) that makes the store of a run (create=True), or opens what an
            earlier call with the same folder made (create=False).
    """

    make: ClassVar[Callable[..., Store]]

    def test_what_goes_in_comes_out(self, tmp_path: Path) -> None:
        """Trials in every state, to the last digit, by number, also after opening the store again."""
        trials = _trials()
        with self._made(tmp_path) as store:
            for trial in reversed(trials):
                store.start(_running(trial))
            assert store.trials() == [_running(trial) for trial in trials]
            for trial in trials:
                if trial.state is not TrialState.RUNNING:
                    store.finish(trial)
            assert store.trials() == trials
        with self._opened(tmp_path) as store:
            assert store.trials() == trials

    def test_stages_are_apart(self, tmp_path: Path) -> None:
        """The same number may be taken in each stage; the events are those of the search."""
        with self._made(tmp_path) as store:
            for i, stage in enumerate(Stage):
                store.start(_running(_completed(0, score=float(i))), stage)
                store.finish(_completed(0, score=float(i)), stage)
            for i, stage in enumerate(Stage):
                assert store.trials(stage) == [_completed(0, score=float(i))]
            assert store.events() == [
                ("ask", _completed(0, score=0.0)),
                ("tell", _completed(0, score=0.0)),
            ]

    def test_a_running_trial_that_starts_again_gets_a_new_time_and_attempt(self, tmp_path: Path) -> None:
        """And nothing else: it is one trial, asked for once."""
        trial = _running(_completed(0))
        with self._made(tmp_path) as store:
            store.start(trial)
            store.start(replace(trial, started=99.5, attempt=1))
            assert store.trials() == [replace(trial, started=99.5, attempt=1)]
            assert [kind for kind, _ in store.events()] == ["ask"]

    def test_a_candidate_comes_back_whole(self, tmp_path: Path) -> None:
        """With the fidelity that was left open, or every part of it, and what it inherits."""
        architecture = Architecture({"op": "conv"})
        candidates = [
            Candidate(architecture),
            Candidate(architecture, Fidelity()),
            Candidate(architecture, Fidelity(3, 0.5, replicate=2, horizon=27), 1, "continue"),
            Candidate(architecture, None, 2, "morph"),
        ]
        with self._made(tmp_path) as store:
            for number, candidate in enumerate(candidates):
                store.start(Trial(number, candidate))
        with self._opened(tmp_path) as store:
            assert [trial.candidate for trial in store.trials()] == candidates

    def test_reports_are_kept_by_step(self, tmp_path: Path) -> None:
        """In their order, to the last digit, each stage apart; they are the trial's curve, running or ended."""
        trial = _running(_completed(0))
        rows = [
            Report(3, {"epoch": 1, "score": 0.1 + 0.2}),
            Report(7, {"epoch": 2, "score": 1 / 3}, attempt=1),
        ]
        with self._made(tmp_path) as store:
            for stage in (Stage.SEARCH, Stage.RETRAIN):
                store.start(trial, stage)
            store.start(replace(trial, number=1))
            for row in reversed(rows):
                assert store.report(0, row) is Verdict.GO_ON
            store.report(0, Report(1, {}, Verdict.STOP), Stage.RETRAIN)
        with self._opened(tmp_path) as store:
            assert store.reports() == {0: rows}
            assert store.reports(Stage.RETRAIN) == {0: [Report(1, {}, Verdict.STOP)]}
            first, second = store.trials()
            assert second.measurement is None
            assert first == replace(trial, measurement=first.measurement)
            assert first.metrics == dict(rows[1].metrics)
            assert first.measurement is not None
            assert [dict(point) for point in first.measurement.curve] == [
                {"step": row.step, **row.metrics} for row in rows
            ]
            store.finish(replace(_completed(0), measurement=Measurement({"score": 0.25}, seconds=2.0)))
            ended = store.trials()[0]
            assert ended.measurement == Measurement({"score": 0.25}, first.measurement.curve, 2.0)

    def test_the_curve_of_a_continuation_begins_with_those_that_it_continues(self, tmp_path: Path) -> None:
        """Also past one that reported nothing; who reported nothing itself has no curve, whatever states it left."""
        told = {
            0: Report(1, {"loss": 0.5}),
            1: Report(2, {}, None, checkpoint="a"),
            3: Report(4, {"loss": 0.25}),
        }
        with self._made(tmp_path) as store:
            for number in range(4):
                trial = _running(_completed(number))
                continued = replace(trial.candidate, parent=number - 1, inherit="continue")
                store.start(replace(trial, candidate=continued) if number else trial)
                if number in told:
                    store.report(number, told[number])
        with self._opened(tmp_path) as store:
            curves = [trial.measurement and trial.measurement.curve for trial in store.trials()]
            first, last = ({"step": told[n].step, **told[n].metrics} for n in (0, 3))
            assert curves == [(first,), None, None, (first, last)]

    def test_what_was_reported_is_not_changed_by_reporting_it_again(self, tmp_path: Path) -> None:
        """The recorded verdict comes back; a number that JSON has no form for is NaN."""
        with self._made(tmp_path) as store:
            store.start(_running(_completed(0)))
            assert store.report(0, Report(5, {"loss": math.inf}, Verdict.STOP, 0)) is Verdict.STOP
        with self._opened(tmp_path) as store:
            assert store.report(0, Report(5, {"loss": 1.0}, Verdict.GO_ON, 1)) is Verdict.STOP
            (row,) = store.reports()[0]
            assert (row.step, row.verdict, row.attempt) == (5, Verdict.STOP, 0)
            assert math.isnan(row.metrics["loss"])

    def test_a_trial_has_one_checkpoint_the_last(self, tmp_path: Path) -> None:
        """Saved with a report or between two; forgotten on demand, when the reports stay."""
        with self._made(tmp_path) as store:
            for number in (0, 1):
                store.start(_running(_completed(number)))
                assert store.report(number, Report(1, {"loss": 1.0}, checkpoint="a")) is Verdict.GO_ON
            assert store.report(0, Report(2, {}, None, checkpoint="b")) is None
            assert _checkpoints(store) == {0: [(2, "b")], 1: [(1, "a")]}
            assert store.report(0, Report(2, {"loss": 0.5})) is Verdict.GO_ON
            assert store.reports()[0][1] == Report(2, {"loss": 0.5}, checkpoint="b")
            store.report(0, Report(3, {}, None, checkpoint="c"))
            store.report(0, Report(2, {"loss": 0.7}, attempt=1, checkpoint="d"))
        with self._opened(tmp_path) as store:
            assert _checkpoints(store) == {0: [(2, "d")], 1: [(1, "a")]}
            store.drop_checkpoints([0])
            assert _checkpoints(store) == {0: [], 1: [(1, "a")]}
            assert [row.step for row in store.reports()[0]] == [1, 2]

    def test_a_trial_cannot_end_before_it_starts(self, tmp_path: Path) -> None:
        """An error, and nothing is written."""
        with self._made(tmp_path) as store:
            with pytest.raises(RunError):
                store.finish(_completed(0))
            assert store.trials() == []

    def test_events_keep_the_order_in_which_they_happened(self, tmp_path: Path) -> None:
        """Asked 0 1 2, told 2 0, asked 3, told 1; over two sessions, and with the first ones left out."""
        ended = [_completed(number, score=number / 8) for number in range(4)]
        with self._made(tmp_path) as store:
            for trial in ended[:3]:
                store.start(_running(trial))
            store.finish(ended[2])
            store.finish(ended[0])
        with self._opened(tmp_path) as store:
            store.start(_running(ended[3]))
            store.finish(ended[1])
            happened = [(kind, trial.number) for kind, trial in store.events()]
            expected = ["ask 0", "ask 1", "ask 2", "tell 2", "tell 0", "ask 3", "tell 1"]
            assert [f"{kind} {number}" for kind, number in happened] == expected
            assert dict(event for event in store.events() if event[0] == "tell")["tell"] == ended[1]

    def test_facts_are_replaced(self, tmp_path: Path) -> None:
        """Any JSON value by key, the last one counts; a missing one is the default."""
        value = {"a": [1, 2.5, None, True, "ü"], "b": {"c": "x" * 100_000}}
        with self._made(tmp_path) as store:
            assert store.get("state") is None
            assert store.get("state", 7) == 7
            store.set_fact("state", [1])
            store.set_fact("state", value)
            store.set_fact("other", None)
        with self._opened(tmp_path) as store:
            assert store.get("state") == value
            assert store.get("other", 7) is None

    def test_the_log_keeps_its_order(self, tmp_path: Path) -> None:
        """Texts with the time at which they were said."""
        before = time.time()
        texts = ["first", "sécond\nline", "first"]
        with self._made(tmp_path) as store:
            for text in texts:
                store.log(text)
        with self._opened(tmp_path) as store:
            messages = store.messages()
        assert [text for _, text in messages] == texts
        assert all(before - 1.0 <= moment <= time.time() + 1.0 for moment, _ in messages)

    def test_is_made_once_and_opened_only_where_it_exists(self, tmp_path: Path) -> None:
        """Errors that say so, instead of a run that is written over or begun by accident."""
        (tmp_path / "none").mkdir()
        with pytest.raises(RunError):
            self._opened(tmp_path / "none")
        self._made(tmp_path).close()
        with self._made(tmp_path) as store:  # made and never begun: its maker died
            store.set_fact("state", "running")
        with pytest.raises(RunError):
            self._made(tmp_path)

    def test_may_be_closed_twice(self, tmp_path: Path) -> None:
        """And opened again after that."""
        store = self._made(tmp_path)
        store.close()
        store.close()
        self._opened(tmp_path).close()

    def test_can_be_read_while_another_process_writes(self, tmp_path: Path) -> None:
        """A reader without the lock sees what is committed, at once."""
        with self._made(tmp_path) as store:
            store.lock()
            with self._opened(tmp_path) as reader:
                for number in range(3):
                    store.start(_running(_completed(number)))
                    store.finish(_completed(number))
                    assert reader.trials() == [_completed(n) for n in range(number + 1)]

    def test_a_second_process_cannot_lock(self, tmp_path: Path) -> None:
        """Until the first lets go, by closing the store or by being killed."""
        with self._made(tmp_path) as store:
            assert not store.is_locked()
            store.lock()
            assert store.is_locked()
            with self._elsewhere(_lock, tmp_path) as (_, answers):
                assert _received(answers) == "refused"
        with self._elsewhere(_lock, tmp_path) as (process, answers):
            assert _received(answers) == "locked"
            with self._opened(tmp_path) as store:
                assert store.is_locked()
                with pytest.raises(RunError, match=str(process.pid)):
                    store.lock()
            os.kill(process.pid, signal.SIGKILL)
            process.join(_PATIENCE)
            with self._opened(tmp_path) as store:
                assert not store.is_locked()
                store.lock()

    def test_a_kill_loses_nothing_that_was_written(self, tmp_path: Path) -> None:
        """What a killed process was told to be written is there, whole, and can be gone on with."""
        self._made(tmp_path).close()
        acknowledged: dict[str, int] = {}
        for round_ in range(3):
            with self._elsewhere(_write_for_ever, tmp_path) as (process, answers):
                for _ in range(20 + 7 * round_):
                    kind, number = _received(answers)
                    acknowledged[kind] = number
                os.kill(process.pid, signal.SIGKILL)
                process.join(_PATIENCE)
                while answers.poll():
                    try:
                        kind, number = answers.recv()
                    except EOFError:
                        break
                    acknowledged[kind] = number
            with self._opened(tmp_path) as store:
                trials = store.trials()
                assert [trial.number for trial in trials] == list(range(len(trials)))
                assert len(trials) > acknowledged["start"]
                for trial in trials[: acknowledged["finish"] + 1]:
                    assert trial == _completed(trial.number)
                for trial in trials[acknowledged["finish"] + 1 :]:
                    assert trial in (_completed(trial.number), _running(_completed(trial.number)))
                reports = store.reports(Stage.RETRAIN)[0]
                assert [report.step for report in reports] == list(range(len(reports)))
                assert len(reports) > acknowledged["report"]
                assert reports[-1].checkpoint == f"key {reports[-1].step}"
                assert store.get("fact") >= acknowledged["put"]

    def _made(self, folder: Path) -> Store:
        return type(self).make(folder, create=True)

    def _opened(self, folder: Path) -> Store:
        return type(self).make(folder, create=False)

    @contextmanager
    def _elsewhere(self, task: Callable[..., None], folder: Path) -> Iterator[tuple[Any, Connection]]:
        """Run a task on the opened store in another process; gives the process and what it sends."""
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(task, type(self).make, folder, sender), daemon=True)
        process.start()
        sender.close()
        try:
            yield process, receiver
        finally:
            process.kill()
            process.join(_PATIENCE)
            receiver.close()


def _run(task: Callable[..., None], make: Callable[..., Store], folder: Path, sender: Connection) -> None:
    task(make(folder, create=False), sender)


def _lock(store: Store, sender: Connection) -> None:
    try:
        store.lock()
    except RunError:
        sender.send("refused")
    else:
        sender.send("locked")
    time.sleep(_PATIENCE)


def _write_for_ever(store: Store, sender: Connection) -> None:
    store.lock()
    number = len(store.trials())
    for trial in store.trials():
        if trial.state is TrialState.RUNNING:
            store.finish(_completed(trial.number))
    store.start(_running(_completed(0)), Stage.RETRAIN)
    step = len(
        store.reports(Stage.RETRAIN).get(0, ())
    )  # less than `number` where a kill came before a report
    while True:
        store.start(_running(_completed(number)))
        sender.send(("start", number))
        store.finish(_completed(number))
        sender.send(("finish", number))
        store.report(0, Report(step, {"score": 0.5}, checkpoint=f"key {step}"), Stage.RETRAIN)
        sender.send(("report", step))
        store.set_fact("fact", number)
        sender.send(("put", number))
        number, step = number + 1, step + 1


def _checkpoints(store: Store) -> dict[int, list[tuple[int, str]]]:
    return {
        number: [(row.step, row.checkpoint) for row in rows if row.checkpoint is not None]
        for number, rows in store.reports().items()
    }


def _received(receiver: Connection) -> Any:
    assert receiver.poll(_PATIENCE), "the other process did not answer"
    return receiver.recv()


def _completed(number: int, score: float = 0.1 + 0.2) -> Trial:
    architecture = Architecture({"op": "conv", "depth": number, "rate": 1 / 3, "items": (0, 2), "none": None})
    measurement = Measurement(
        {"score": score, "params": 1e15 + 1.0},
        ({"epoch": 1, "score": 1e-300}, {"epoch": 2, "score": score}),
        1 / 7,
        {"weights": "checkpoints/0.safetensors"},
    )
    return Trial(
        number,
        Candidate(architecture, Fidelity(epochs=2, data_fraction=0.3), parent=number - 1 if number else None),
        TrialState.COMPLETED,
        measurement,
        started=1_700_000_000.123456,
        finished=1_700_000_001.654321,
    )


def _running(trial: Trial) -> Trial:
    return replace(trial, state=TrialState.RUNNING, measurement=None, error=None, finished=None)


def _trials() -> list[Trial]:
    """One in each state, and one that fails after it was measured."""
    completed = [_completed(number) for number in range(5)]
    error = "RuntimeError: größer\nthan\tit should be"
    return [
        completed[0],
        replace(completed[1], state=TrialState.FAILED, measurement=None, error=error),
        replace(completed[2], state=TrialState.INFEASIBLE, measurement=Measurement({"params": 9.0})),
        _running(completed[3]),
        replace(completed[4], state=TrialState.FAILED, error="too long"),
    ]
