"""The command with a language model, which is a scripted server on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archwright.experiments import open_run
from archwright.spaces.zoo import make_space
from archwright.testing.chat_server import scripted_chat


@pytest.mark.slow
def test_a_search_asks_the_server_and_counts_what_it_said(
    archwright: Callable[..., Any], tmp_path: Path
) -> None:
    space, run = make_space("mlp", (30,), 2), tmp_path / "run"
    asked = 0

    def script(messages: list[dict[str, str]]) -> str:
        nonlocal asked
        asked += 1
        return "Sorry." if asked in (2, 4, 5, 6) else json.dumps(space.to_json(space.sample(asked)))

    with scripted_chat(script) as server:
        words = ["--strategy", "proposer", "--option", f"base_url={server.url}", "--option", "retries=2"]
        words += ["--epochs", "1", "--no-baseline", "--device", "cpu", "--retrain", "1", "--seed", "0"]
        ran = archwright(
            "search", "breast_cancer", "--space", "mlp", *words, "--trials", "3", "--out", str(run)
        )
        assert ran.code == 0, ran.err
        before = asked
        ran = archwright("resume", str(run), "--trials", "4")
        assert ran.code == 0, ran.err
    log = "\n".join(text for _, text in open_run(run).messages)
    assert "3 answers in a row could not be taken, the last since expected one JSON object" in log
    assert "proposals are the model's" in log
    assert "answers could not be taken and were told back" in log
    assert "did not repeat" not in log
    assert asked <= before + 1
    trials = open_run(run).trials
    assert len({trial.architecture for trial in trials}) == len(trials) == 4


def test_a_server_that_is_not_there_ends_the_search(archwright: Callable[..., Any], tmp_path: Path) -> None:
    words = ["--strategy", "proposer", "--option", "base_url=http://127.0.0.1:9/v1", "--option", "timeout=2"]
    ran = archwright(
        "search", "breast_cancer", "--space", "mlp", *words, "--trials", "2", "--out", str(tmp_path / "run")
    )
    assert ran.code == 2
    assert "never answered" in ran.err
    assert "correct base_url" in ran.err
