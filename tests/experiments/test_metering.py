"""Meters that need the machine for themselves wait for the running trials, and are given it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn, zeros

from archwright.errors import SearchError
from archwright.estimators.estimator import Estimator
from archwright.experiments import Executor, InlineExecutor, ProcessesExecutor, SQLStore
from archwright.objectives import Meter, Objective
from archwright.spaces import Space, choice, layer
from archwright.trials import Candidate, Measurement, TrialContext, TrialState

from .conftest import run_search

MakeStore = Callable[..., SQLStore]


class Alone(Meter):
    """Says how wide a network is, unless anything else runs: then its number is none."""

    exclusive = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        (self.folder / "meter").touch()
        time.sleep(0.05)
        is_alone = not list(self.folder.glob("trial-*"))
        (self.folder / "meter").unlink()
        return float(network(*args, **kwargs).shape[1]) if is_alone else float("nan")


class Training(Estimator):
    """Says whether two networks were trained at a time; fails beside a meter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        mine = self.folder / f"trial-{trial.number}"
        mine.touch()
        met = self.folder / "met"
        deadline = time.monotonic() + 60.0
        while time.monotonic() < deadline and not met.exists():  # the first two wait for each other
            assert not (self.folder / "meter").exists()
            if len(list(self.folder.glob("trial-*"))) == 2:
                met.touch()
            time.sleep(0.02)
        time.sleep(0.1)
        mine.unlink()
        return Measurement({"accuracy": 0.5, "met": float(met.exists())})


SPACE = Space(layer(nn.Linear, 10, choice(1, 2, 8, 3, 4, 5, 6, 7, name="width")))


def test_a_meter_is_alone_while_trials_run_side_by_side(make_store: MakeStore, tmp_path: Path) -> None:
    folder = tmp_path / "signs"
    folder.mkdir()
    objectives = (Objective("accuracy"), Objective("width", limit=6, meter=Alone(folder)))
    store = make_store()
    executor: Executor[Any, Any] = ProcessesExecutor(2)
    arguments = {"space": SPACE, "objectives": objectives, "example": zeros(2, 10), "executor": executor}
    run_search(store, trials=4, strategy="grid", estimator=Training(folder), **arguments)
    trials = store.trials()
    completed = [trial for trial in trials if trial.state is TrialState.COMPLETED]
    assert len(completed) == 4
    assert not [trial.error for trial in trials if trial.error]
    for trial in trials:
        assert trial.metrics["width"] == trial.candidate.architecture["width"]
        assert (trial.metrics["width"] > 6) == (trial.state is TrialState.INFEASIBLE)
    assert [trial.metrics["met"] for trial in completed] == [1.0] * 4
    assert [trial.state for trial in trials].count(TrialState.INFEASIBLE) == 1


def test_a_meter_that_fails_fails_its_trial_alone(make_store: MakeStore) -> None:
    class Broken(Meter):
        exclusive = True

        def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
            if network(*args).shape[1] == 3:
                raise RuntimeError("no sensor")
            return 1.0

    class Quick(Estimator):
        def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
            return Measurement({"accuracy": 0.5})

    store = make_store()
    objectives = (Objective("accuracy"), Objective("energy", meter=Broken()))
    arguments = {"space": SPACE, "objectives": objectives, "example": zeros(2, 10), "strategy": "grid"}
    run_search(store, trials=8, estimator=Quick(), executor=InlineExecutor(), **arguments)
    failed = [trial for trial in store.trials() if trial.state is TrialState.FAILED]
    assert [trial.candidate.architecture["width"] for trial in failed] == [3]
    assert "no sensor" in str(failed[0].error)


def test_where_nothing_keeps_the_limit_the_search_ends(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Heavy(Meter):
        exclusive = True

        def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
            return 9.0

    objectives = (Objective("accuracy"), Objective("energy", limit=1, meter=Heavy()))
    with pytest.raises(SearchError, match="over a limit"):
        run_search(make_store(), trials=3, space=SPACE, objectives=objectives, example=zeros(2, 10))
