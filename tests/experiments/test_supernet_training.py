"""The supernet's epochs are durable wherever a session ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archwright.atomic_writing import save_state
from archwright.errors import RunError, SearchError
from archwright.experiments import Interrupts, Listener, SQLStore, SupernetTraining
from archwright.experiments.one_shot import CHECKPOINT, read_epochs
from archwright.learning import followers, ranks
from archwright.learning.followers import Follower
from archwright.supernets import make_method
from archwright.testing.known_best import known_best_space, known_best_task

EPOCHS = 3


class Died(BaseException):
    """What no code catches, as nothing is caught in a process that is killed."""


class Dying(SQLStore):
    """A store in whose `put` of one key the process dies, with the fact written or not."""

    def __init__(self, url: str, key: str, written: bool) -> None:
        super().__init__(url, "toy", create=True)
        self.key, self.written = key, written

    def set_fact(self, key: str, value: Any) -> None:
        if key != self.key or self.written:
            super().set_fact(key, value)
        if key == self.key:
            raise Died


def training(folder: Path, method: str = "darts", devices: int = 1) -> SupernetTraining:
    made = make_method(method, epochs=EPOCHS, batch_size=32)
    return SupernetTraining(
        made,
        known_best_space(),
        known_best_task(0, examples=160),
        folder,
        accelerator="cpu",
        devices=devices,
    )


def run(made: SupernetTraining, store: SQLStore, minutes: float | None = None) -> str | None:
    return made.run(store, Listener(), Interrupts(), minutes)


def told(store: SQLStore) -> list[dict[str, Any]]:
    return [{**entry, "seconds": 0} for entry in read_epochs(store)]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize(
    "key", ["supernet.epoch.1", "supernet.epoch.2", "supernet.epoch.3", "supernet_ended"]
)
@pytest.mark.parametrize("method", ["darts", "spos"])
def test_a_session_that_dies_anywhere_loses_no_epoch_and_adds_none(
    method: str, key: str, written: bool, make_store: Callable[..., SQLStore], tmp_path: Path
) -> None:
    whole = make_store()
    straight = training(tmp_path / "whole", method)
    assert run(straight, whole) == f"{EPOCHS} epochs"
    url = f"sqlite:///{tmp_path / 'dying.sqlite'}"
    with Dying(url, key, written) as dying, pytest.raises(Died):
        run(training(tmp_path / "dying", method), dying)
    with SQLStore(url, "toy", create=False) as again:
        resumed = training(tmp_path / "dying", method)
        assert run(resumed, again) == f"{EPOCHS} epochs"
        assert told(again) == told(whole)
    assert next(resumed.proposals()) == next(straight.proposals())


@pytest.mark.parametrize(
    ("steps", "devices"), [(1, 1), (2, 1), (3, 1), (5, 1), pytest.param(3, 2, marks=pytest.mark.slow)]
)
def test_an_interruption_in_mid_epoch_costs_nothing(
    steps: int, devices: int, make_store: Callable[..., SQLStore], tmp_path: Path
) -> None:
    """The session ends after the step in which it was asked to, and the next goes on with the next step."""
    whole = make_store()
    straight = training(tmp_path / "whole", devices=devices)
    assert run(straight, whole) == f"{EPOCHS} epochs"

    class Stopping(Listener):
        def __init__(self, interrupts: Interrupts) -> None:
            self.interrupts, self.seen = interrupts, 0

        def step_done(self, stage: Any, step: int, steps_in_all: int) -> None:
            self.seen += 1
            if self.seen == steps:
                self.interrupts.stop("the test says so")

    with SQLStore(f"sqlite:///{tmp_path / 'stopped.sqlite'}", "toy", create=True) as store:
        sessions = 0
        ended = None
        while ended is None:
            interrupts = Interrupts()
            resumed = training(tmp_path / "stopped", devices=devices)
            ended = resumed.run(store, Stopping(interrupts), interrupts, None)
            sessions += 1
        assert sessions >= 2
        assert told(store) == told(whole)
    assert next(resumed.proposals()) == next(straight.proposals())


@pytest.mark.slow
@pytest.mark.parametrize("method", ["enas", "gdas"])
def test_a_process_of_several_that_dies_costs_what_came_since_the_last_checkpoint(
    method: str,
    make_store: Callable[..., SQLStore],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hired: list[Follower] = []

    def hire(count: int) -> list[Follower]:
        found = followers.hire(count)
        hired.extend(found)
        return found

    monkeypatch.setattr(ranks, "hire", hire)
    whole = make_store()
    straight = training(tmp_path / "whole", method, 2)
    assert run(straight, whole) == f"{EPOCHS} epochs"
    lost = len(hired)

    class Killing(Listener):
        def epoch_finished(self, entry: Any, epochs: int) -> None:
            if entry["epoch"] == 2 and len(hired) == lost + 1:
                hired[-1].kill()

    with SQLStore(f"sqlite:///{tmp_path / 'lost.sqlite'}", "toy", create=True) as store:
        dying = training(tmp_path / "lost", method, 2)
        with pytest.raises(SearchError, match=r"rank 1 .*died.*archwright resume .* goes on"):
            dying.run(store, Killing(), Interrupts(), None)
        assert len(read_epochs(store)) == 2
        resumed = training(tmp_path / "lost", method, 2)
        assert run(resumed, store) == f"{EPOCHS} epochs"
        assert told(store) == told(whole)
    assert next(resumed.proposals()) == next(straight.proposals())


def test_a_power_failure_may_take_the_last_facts_of_the_store(
    make_store: Callable[..., SQLStore], tmp_path: Path
) -> None:
    """SQLite's log is not forced to the disk with each fact; the checkpoint is."""
    store = make_store()
    run(training(tmp_path), store)
    before = told(store)
    for key in ("supernet.epoch.2", "supernet.epoch.3", "supernet_ended"):
        store.set_fact(key, None)
    assert run(training(tmp_path), store) == f"{EPOCHS} epochs"
    assert told(store) == before


def test_no_epoch_is_trained_once_time_is_up(make_store: Callable[..., SQLStore], tmp_path: Path) -> None:
    store = make_store()
    reason = run(training(tmp_path), store, minutes=1e-9)
    assert reason == f"1e-09 minutes, in epoch 1 of {EPOCHS}"
    store.set_fact("supernet_ended", None)
    assert run(training(tmp_path), store, minutes=1e-9) == reason
    assert len(read_epochs(store)) == 1


def test_a_checkpoint_of_another_form_is_refused(make_store: Callable[..., SQLStore], tmp_path: Path) -> None:
    save_state({"done": 1}, tmp_path / CHECKPOINT)
    with pytest.raises(RunError, match="no checkpoint of this version's; search anew"):
        run(training(tmp_path), make_store())
