"""A search on text from end to end: symbols in, a score a symbol at each place out."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.errors import SpaceError
from archwright.spaces.zoo import make_space
from archwright.tasks import from_text

_TEXT = "it was the best of times, it was the worst of times, " * 40


def _task() -> aw.tasks.LanguageModelling:
    return from_text(_TEXT, length=8, validation=0.2, test=0.2, name="times")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> aw.Result:
    task = _task()
    return aw.search(
        make_space("recurrent", task.input_shape, task.outputs, nodes=3, hidden=12),
        task,
        budget=aw.Budget(trials=3),
        retrain=1,
        out=tmp_path_factory.mktemp("runs") / "times",
        recipe=aw.Recipe(epochs=2, batch_size=64),
        progress=False,
    )


def test_it_is_searched_tested_and_compared(result: aw.Result) -> None:
    assert result.state == "completed"
    assert result.test is not None
    assert set(result.test) == {"perplexity", "bits_per_character", "accuracy", "loss"}
    assert 1 <= result.test["perplexity"] < 2 * _task().outputs
    assert result.run.baseline is not None
    assert (result.folder / "report.html").exists()


def test_the_model_scores_what_the_run_says(result: aw.Result) -> None:
    task = _task()
    windows, targets = task.test.tensors  # type: ignore[attr-defined]
    with torch.no_grad():
        scores = result.model()(windows)
    assert result.test is not None
    assert task.scores(scores, targets)["loss"] == pytest.approx(result.test["loss"])


def test_the_exported_network_is_plain_and_says_what_it_takes(result: aw.Result) -> None:
    best = result.folder / "best"
    source = (best / "model.py").read_text()
    assert "archwright" not in source.split('"""', 2)[2]
    module = runpy.run_path(str(best / "model.py"))
    windows = _task().example()[0]
    with torch.no_grad():
        torch.testing.assert_close(module["load"]()(windows), result.model()(windows))
    card = (best / "card.md").read_text()
    assert "int64 of shape (batch, 8)" in card
    assert "Take 8 characters at a time" in card
    # It goes along the text, so ONNX would unroll it; that is done only when asked for.
    assert not (best / "model.onnx").exists()


def test_the_recurrent_space_is_picked(tmp_path: Path) -> None:
    result = aw.search(
        None,
        _task(),
        budget=aw.Budget(trials=1),
        retrain=0,
        out=tmp_path / "run",
        recipe=aw.Recipe(epochs=1, batch_size=128),
        progress=False,
    )
    assert result.run.config.space.reference == "recurrent"


@pytest.mark.parametrize(
    ("space", "task", "told"),
    [
        ("mlp", _task, "takes amounts, but the inputs of the task 'times' are symbols; take 'recurrent'"),
        ("recurrent", aw.tasks.breast_cancer, "takes symbols, but .* are amounts; take 'mlp'"),
    ],
)
def test_symbols_and_amounts_are_told_apart(space: str, task: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match=told):
        aw.search(space, task(), out=tmp_path / "run", progress=False)
