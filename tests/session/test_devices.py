"""Several devices for one network, from the call to the record and back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import archwright as aw
from archwright.cli.values import indices
from archwright.errors import UsageError
from archwright.estimators import Training
from archwright.estimators.cost import time_training
from archwright.experiments import DeviceConfig, RunConfig
from archwright.experiments.records import decode, encode
from archwright.learning import followers, ranks
from archwright.learning.followers import Follower
from archwright.testing.known_best import known_best_space, known_best_task

QUICK: dict[str, Any] = {
    "recipe": aw.Recipe(epochs=2, batch_size=16),
    "accelerator": "cpu",
    "baseline": False,
    "progress": False,
    "onnx": False,
}


def search(out: Path, **more: Any) -> aw.Result:
    task = known_best_task(0, examples=100)
    return aw.search(known_best_space(), task, **{**QUICK, "devices": 2, "out": out, **more})


def resume(out: Path, **more: Any) -> aw.Result:
    return aw.resume(
        out, space=known_best_space(), task=known_best_task(0, examples=100), progress=False, **more
    )


@pytest.mark.parametrize("devices", [1, 4, (0, 2)])
def test_the_record_is_read_as_it_was_written(devices: int | tuple[int, ...]) -> None:
    config = DeviceConfig(devices=devices)
    assert decode(DeviceConfig, json.loads(json.dumps(encode(config)))) == config
    assert config.count == (devices if isinstance(devices, int) else len(devices))


def test_an_older_record_has_one_device() -> None:
    assert decode(DeviceConfig, {"accelerator": "cpu", "precision": "32-true"}).devices == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"workers": 2}, "2 devices together, which 2 trials at once would share; take workers=1"),
        ({"devices": 0}, "a number of devices, or a list of indices"),
        ({"devices": [1, 1]}, "each device once"),
        ({"devices": "2"}, "a number of devices, or a list of indices"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        search(tmp_path / "run", **more)
    assert not (tmp_path / "run").exists()


def test_the_command_takes_a_number_or_indices() -> None:
    assert indices("2") == 2
    assert indices("0,2") == [0, 2]
    for wrong in ("two", "", "1,", "-1", "1.5"):
        with pytest.raises(UsageError, match=r"--devices .*: expected a number of devices"):
            indices(wrong)


@pytest.mark.slow
def test_a_lost_process_fails_its_trial_and_not_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second training loses its other process; the third has a new one."""
    calls = 0

    def hire(count: int) -> list[Follower]:
        nonlocal calls
        calls += 1
        found = followers.hire(count)
        if calls == 2:
            found[0]._process.kill()
        return found

    monkeypatch.setattr(ranks, "hire", hire)
    out = tmp_path / "run"
    result = search(out, strategy="random", budget=aw.Budget(trials=3), retrain=1)
    assert [trial.state.value for trial in result.run.trials] == ["completed", "failed", "completed"]
    assert "rank 1 (exit code -9) of 2 died" in str(result.run.trials[1].error)
    assert RunConfig.read(out).device == DeviceConfig(
        accelerator="cpu", devices=2, threads=result.run.config.device.threads
    )
    before = calls
    longer = resume(out, budget=aw.Budget(trials=4))
    assert [trial.state.value for trial in longer.run.trials][3:] == ["completed"]
    assert calls > before
    with pytest.raises(UsageError, match="2 trials at once would share"):
        resume(out, workers=2)


@pytest.mark.slow
def test_a_supernet_is_searched_on_two_devices_as_on_one(tmp_path: Path) -> None:
    found = []
    for devices in (1, 2):
        out = tmp_path / str(devices)
        options = {"epochs": 2, "batch_size": 16}
        result = search(out, devices=devices, strategy="darts", strategy_options=options, retrain=1)
        found.append((result.run.epochs, result.best.architecture))
    (alone, best), (together, best_of_two) = found
    assert best == best_of_two
    for mine, theirs in zip(together, alone, strict=True):
        for name in ("train_loss", "architecture_loss", "entropy"):
            assert mine["metrics"][name] == pytest.approx(theirs["metrics"][name], rel=1e-3)


@pytest.mark.slow
def test_minutes_are_planned_from_steps_on_all_devices(tmp_path: Path) -> None:
    space, task = known_best_space(), known_best_task(0, examples=100)
    alone, together = (
        time_training(
            Training(space, task, QUICK["recipe"], accelerator="cpu", devices=devices),
            aw.Candidate(space.sample(0)),
            seconds=0.1,
        )
        for devices in (1, 2)
    )
    assert replace(together, **{name: getattr(alone, name) for name in _MEASURED}) == alone
    assert together.seconds > 0
    result = search(tmp_path / "run", strategy="random", budget=aw.Budget(minutes=0.3), retrain=1)
    config = RunConfig.read(tmp_path / "run")
    assert config.plan is not None
    assert config.executor.workers == 1
    assert result.run.state == "completed"


_MEASURED = ("setup", "step", "step_error", "timed_steps", "evaluation", "memory")
