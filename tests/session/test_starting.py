"""Decisions held, and architectures to begin with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import archwright as aw
from archwright.errors import ArchwrightError, SpaceError, UsageError
from archwright.experiments import RunConfig
from archwright.session.starting import held_values, starting_points
from archwright.strategies import RandomSearch
from archwright.testing.toy_spaces import subsets

from .spaces_for_tests import make

QUICK: dict[str, Any] = {"recipe": aw.Recipe(epochs=1), "progress": False, "onnx": False, "baseline": False}


def test_words_are_read_as_the_decision_takes_them() -> None:
    space = aw.Space(
        aw.layer(
            dict,
            n=aw.integer(1, 5, name="n"),
            label=aw.categorical(["3", "x"], name="label"),
            items=aw.subset(3, name="items"),
            yes=aw.boolean(name="yes"),
        )
    )
    words = {"n": "3", "label": 3, "items": "[0, 2]", "yes": "true"}
    assert space.fix(held_values(space, words)).held == {"n": 3, "label": "3", "items": (0, 2), "yes": True}
    with pytest.raises(UsageError, match=r"no decision has the address 'lable'.*Did you mean 'label'"):
        held_values(space, {"lable": 1})


def test_starting_points_are_whole_architectures(tmp_path: Path) -> None:
    space = subsets()
    written = {"space": "subsets", "architecture": {"chosen": [1, 2]}}
    (tmp_path / "one.json").write_text(json.dumps(written))
    (tmp_path / "two.json").write_text(json.dumps([{"chosen": [0, 1]}, written]))
    found = starting_points(
        space, ["default", {"chosen": (0, 3)}, tmp_path / "one.json", str(tmp_path / "two.json")]
    )
    assert found == (
        space.default.to_json(),
        {"chosen": [0, 3], "extra": False},
        {"chosen": [1, 2]},
        {"chosen": [0, 1], "extra": False},
        {"chosen": [1, 2]},
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (3, "expected an architecture, 'default' or a file, got 3"),
        ("missing.json", "expected 'default' or a JSON file"),
        ({"chosen": [0]}, "cannot be held at"),
        ({"chosen": [1, 2], "extra": True}, "never active"),
    ],
)
def test_what_is_no_starting_point_is_told(given: Any, told: str) -> None:
    with pytest.raises(ArchwrightError, match=told):
        starting_points(subsets(), [given])


def test_a_search_begins_with_what_is_given_and_holds_what_is_held(tmp_path: Path) -> None:
    options: dict[str, Any] = {"retrain": 0, "strategy": "evolution", **QUICK}
    given = {"width": 8, "blocks.0.op": "skip"}
    result = aw.search(
        make(), "digits", fix={"blocks.depth": 1}, enqueue=[given, "default"], budget=aw.Budget(trials=3),
        out=tmp_path / "run", **options,
    )  # fmt: skip
    architectures = [trial.architecture for trial in result.trials]
    assert dict(architectures[0]) == {"blocks.depth": 1, **given}
    assert architectures[1] == make().fix({"blocks.depth": 1}).default
    assert {architecture["blocks.depth"] for architecture in architectures} == {1}
    config = RunConfig.read(tmp_path / "run")
    assert config.held == {"blocks.depth": 1}
    assert len(config.enqueue) == 2
    longer = aw.resume(tmp_path / "run", space=make(), budget=aw.Budget(trials=5), progress=False, onnx=False)
    assert [trial.architecture for trial in longer.trials][:3] == architectures
    assert len({trial.architecture for trial in longer.trials}) == 5
    assert {trial.architecture["blocks.depth"] for trial in longer.trials} == {1}


def test_what_cannot_be_held_is_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="'width' cannot be held at 5"):
        aw.search(make(), "digits", fix={"width": 5}, out=tmp_path / "run", **QUICK)
    with pytest.raises(UsageError, match="strategy that is given as an object has its space"):
        aw.search(
            make(), "digits", fix={"width": 4}, strategy=RandomSearch(make()), out=tmp_path / "run", **QUICK
        )
    assert not (tmp_path / "run").exists()


def test_a_one_shot_method_searches_what_is_not_held(tmp_path: Path) -> None:
    from .spaces_for_tests import mixed

    result = aw.search(
        mixed(), "digits", strategy="darts", strategy_options={"epochs": 1}, fix={"op_0": "conv"}, retrain=1,
        budget=aw.Budget(trials=1), out=tmp_path / "run", **QUICK,
    )  # fmt: skip
    assert all(trial.architecture["op_0"] == "conv" for trial in result.trials)
