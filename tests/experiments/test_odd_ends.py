"""What a user's code may leave behind, and what an interrupt may break off, costs one trial at the most."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archwright.errors import UsageError
from archwright.estimators.estimator import Estimator
from archwright.experiments import SQLStore
from archwright.experiments.store.checkpoints import CheckpointFolder
from archwright.trials import Candidate, Measurement, TrialContext, TrialState

from .conftest import ToyEstimator, run_search


class Odd(Estimator):
    """Fails with text that no database holds, then measures a count beyond 64 bits."""

    def __init__(self) -> None:
        self.calls = 0

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        self.calls += 1
        if self.calls == 1:
            raise OSError("no such file: caf\udce9\0.txt")
        return Measurement({"accuracy": 0.5, "count": 2**70})


def test_text_and_numbers_that_no_database_holds_fail_one_trial_at_the_most(
    make_store: Callable[..., SQLStore],
) -> None:
    store = make_store()
    assert run_search(store, trials=3, estimator=Odd()) == "3 trials"
    first, second, third = store.trials()
    assert first.state is TrialState.FAILED
    assert "caf" in str(first.error)
    assert {second.state, third.state} == {TrialState.COMPLETED}
    assert second.metrics["count"] == pytest.approx(2.0**70)


def test_an_interrupt_within_a_write_leaves_a_store_that_can_be_written(
    make_store: Callable[..., SQLStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store()
    connection: Any = store._connection

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(connection.dialect, "do_execute", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.set_fact("state", "running")
    store.set_fact("state", "stopped")
    assert store.get("state") == "stopped"


def test_a_change_of_the_working_folder_is_no_lost_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SQLStore("sqlite:///trials.sqlite", "toy", create=True) as store:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        store.set_fact("state", "running")
        assert run_search(store, trials=2, estimator=ToyEstimator()) == "2 trials"


class Late(ToyEstimator):
    """Tells something of the trial before, which has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[TrialContext] = []
        self.refused: list[str] = []

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        trial.report(1, {"loss": 1.0})
        for ended in self.before:
            for tell in (
                lambda ended=ended: ended.report(2, {"loss": 0.5}),
                lambda ended=ended: ended.save(3, {}),
            ):
                with pytest.raises(UsageError, match=f"trial {ended.number} has ended") as told:
                    tell()
                self.refused.append(str(told.value))
        self.before = [trial]
        return super().estimate(candidate, trial)


def test_who_tells_of_a_trial_that_has_ended_is_refused(
    make_store: Callable[..., SQLStore], tmp_path: Path
) -> None:
    store, late = make_store(), Late()
    folder = CheckpointFolder(tmp_path / "checkpoints")
    assert run_search(store, trials=2, estimator=late, checkpoints=folder) == "2 trials"
    assert len(late.refused) == 2
    assert {trial.state for trial in store.trials()} == {TrialState.COMPLETED}
    assert {number: [r.step for r in told] for number, told in store.reports().items()} == {0: [1], 1: [1]}
