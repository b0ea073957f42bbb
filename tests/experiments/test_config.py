"""The record of a run: to JSON and back, and what is told of a wrong one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import archwright as aw
from archwright.errors import RunError
from archwright.experiments import (
    ExecutorConfig,
    NamedConfig,
    RunConfig,
    SpaceConfig,
    SupernetConfig,
    TaskConfig,
)
from archwright.experiments.records import decode, encode
from archwright.objectives import parse_limit
from archwright.trials import FidelityRange


def a_config() -> RunConfig:
    return RunConfig(
        name="mine",
        task=TaskConfig(name="digits", reference="digits", input_shape=(1, 8, 8), classes=("a", "b")),
        space=SpaceConfig(name="chain", size_bound=10**30, decisions={"width": {"kind": "integer"}}),
        strategy=NamedConfig(name="darts", options={"epochs": 3}),
        supernet=SupernetConfig(epochs=3),
        executor=ExecutorConfig(workers=2, time_limit=1.5),
        objectives=(aw.Objective("accuracy"), parse_limit("params<=50000")),
        budget=aw.Budget(minutes=2),
        recipe=aw.Recipe(epochs=3),
        fidelity=FidelityRange.of(aw.Fidelity(epochs=1)),
    )


def test_a_record_comes_back_from_json(tmp_path: Path) -> None:
    config = a_config()
    assert decode(RunConfig, json.loads(json.dumps(encode(config)))) == config
    config.write(tmp_path)
    assert RunConfig.read(tmp_path) == config
    assert json.loads((tmp_path / "experiment.json").read_text())["format"] == 2


@pytest.mark.parametrize(
    ("where", "value", "told"),
    [
        ("objectives", 3, "objectives: expected a list"),
        ("objectives", [3], r"objectives\[0\]: expected a mapping"),
        ("objectives", [{"name": "accuracy"}], r"objectives\[0\]: no 'direction'"),
        ("seed", "x", "seed: expected a whole number, got 'x'"),
        ("baseline", "yes", "baseline: expected true or false"),
        ("budget", {"trials": -1}, "budget: .*at least 1 trial"),
        ("budget", {"target": float("nan")}, "budget: .*got nan"),
        ("budget", {"trails": 1}, "budget: unknown entry 'trails'"),
        ("recipe", {"epochs": "many"}, "recipe: .*epochs"),
        ("task", {"reference": "digits"}, "task: the entry 'name' is missing"),
        (
            "task",
            {"name": "digits", "input_shape": ["a"]},
            r"task\.input_shape\[0\]: expected a whole number",
        ),
        ("executor", None, "executor: expected a mapping"),
        ("versions", [], "versions: expected a mapping"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_by_name(tmp_path: Path, where: str, value: Any, told: str) -> None:
    a_config().write(tmp_path)
    data = json.loads((tmp_path / "experiment.json").read_text())
    (tmp_path / "experiment.json").write_text(json.dumps({**data, where: value}))
    with pytest.raises(RunError, match=f"is corrupt: {told}"):
        aw.open_run(tmp_path)


@pytest.mark.parametrize("entry", ["task", "space", "strategy", "training", "objectives", "budget"])
@pytest.mark.parametrize("value", [None, 7, [], "text", {"a": 1}])
def test_a_wrong_value_in_a_folder_of_format_1_is_told(tmp_path: Path, entry: str, value: Any) -> None:
    old = Path(__file__).parent.parent / "session" / "runs_format1" / "finished" / "experiment.json"
    data = json.loads(old.read_text())
    (tmp_path / "experiment.json").write_text(json.dumps({**data, entry: value}))
    with pytest.raises(RunError):
        aw.open_run(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        "update trials set state = 'bogus' where number = 9",
        "update trials set metrics = '[1]' where number = 9",
        'update trials set metrics = \'{"r2": "high"}\' where number = 9',
        "update facts set value = '\"x\"' where key = 'sessions'",
        "update facts set value = '{' where key = 'test'",
    ],
)
def test_a_wrong_value_in_the_database_is_told(tmp_path: Path, change: str) -> None:
    import sqlite3

    old = Path(__file__).parent.parent / "session" / "runs_format1" / "finished"
    shutil.copytree(old, tmp_path / "run")
    connection = sqlite3.connect(tmp_path / "run" / "trials.sqlite")
    connection.execute(change)
    connection.commit()
    connection.close()
    for opens in (lambda: aw.open_run(tmp_path / "run"), lambda: aw.resume(tmp_path / "run", progress=False)):
        with pytest.raises(RunError, match=r"trials\.sqlite.*(corrupt|cannot be used)"):
            opens()
