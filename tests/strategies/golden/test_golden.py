"""Strategies propose, and training scores, what they did before training and trials were rebuilt."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


def recorder() -> ModuleType:
    """The script beside this file."""
    spec = importlib.util.spec_from_file_location("golden_record", HERE / "record.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["random", "evolution"])
def test_the_same_seed_gives_the_same_proposals(name: str) -> None:
    assert recorder().proposals(name) == json.loads((HERE / f"{name}.json").read_text())


def test_bayesian_search_finds_as_good_architectures() -> None:
    # Its process rounds differently on another CPU, so that ties may fall otherwise after the random ones.
    from archwright.spaces import Architecture

    record = recorder()
    before = json.loads((HERE / "bayesian.json").read_text())
    now = record.proposals("bayesian")
    assert now[:10] == before[:10]

    def best(proposals: list[dict[str, object]]) -> float:
        return max(record.score(Architecture.from_json(each)) for each in proposals)

    assert best(now) == pytest.approx(best(before), rel=0.05)


def test_a_search_on_digits_scores_as_before() -> None:
    before = json.loads((HERE / "search.json").read_text())
    now = recorder().search()
    assert [trial["architecture"] for trial in now] == [trial["architecture"] for trial in before]
    for after, then in zip(now, before, strict=True):
        assert after["accuracy"] == pytest.approx(then["accuracy"], abs=0.02)
        assert after["loss"] == pytest.approx(then["loss"], rel=0.05)
