"""A trained network's blocks exchanged in a whole search, killed and gone on with."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import archwright as aw
from archwright.experiments import open_run
from archwright.references import load_object

FILE = (Path(__file__).parents[1] / "cli" / "own_network.py").resolve()
PARAMS = sum(one.numel() for one in load_object(f"{FILE}:Net")().parameters())
CODE = f"""
import os, signal, sys
import archwright as aw
from archwright.experiments import Listener

class Killer(Listener):
    def trial_started(self, stage, trial):
        if (str(stage), trial.number) == (sys.argv[2], int(sys.argv[3])):
            os.kill(os.getpid(), signal.SIGKILL)

aw.search(None, "digits", network="{FILE}:Net", strategy="puzzle", out=sys.argv[1],
          strategy_options={{"proposals": 3}}, estimator_options={{"examples": 64, "local_epochs": 1}},
          objectives=["accuracy", "params<={PARAMS // 2}"], recipe=aw.Recipe(epochs=2), retrain=1, baseline=False,
          accelerator="cpu", progress=False, onnx=False, listener=Killer())
"""


def searched(folder: Path, stage: str = "never", number: int = 0) -> int:
    return subprocess.run(
        [sys.executable, "-c", CODE, str(folder), stage, str(number)], check=False, timeout=300
    ).returncode


def metrics(folder: Path) -> list[dict[str, float]]:
    return [dict(trial.metrics) for trial in open_run(folder).trials]


@pytest.mark.slow
def test_a_search_that_was_killed_twice_ends_with_the_same_trials(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert searched(whole) == 0
    assert searched(killed, "search", 4) == -signal.SIGKILL
    trained = {path.name: path.stat().st_mtime_ns for path in (killed / "library").iterdir()}
    assert len(trained) == 3  # of the trials 0 to 3 the first is the network itself
    result = aw.resume(killed, progress=False, onnx=False)
    assert result.state == "completed"
    assert metrics(killed) == metrics(whole)
    for name, written in trained.items():
        assert (killed / "library" / name).stat().st_mtime_ns == written
    winner = result.model()
    assert sum(one.numel() for one in winner.parameters()) <= PARAMS // 2
    assert type(winner).__name__ == "Net"
    source = (killed / "best" / "model.py").read_text()
    assert "network = Net()" in source
    assert "import archwright" not in source


@pytest.mark.slow
def test_another_limit_trains_no_alternative_again(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, library = load_object(f"{FILE}:Net")(), tmp_path / "library"
    how = {
        "network": network,
        "network_options": {"library": str(library), "only": ["width_*", "kernel_*"]},
        "strategy": "puzzle",
        "estimator_options": {"examples": 64, "local_epochs": 1},
        "recipe": aw.Recipe(epochs=1),
        "retrain": 0,
        "accelerator": "cpu",
        "progress": False,
    }
    aw.search(None, "digits", objectives=["accuracy", f"params<={PARAMS // 2}"], out=tmp_path / "a", **how)
    written = {path.name: path.stat().st_mtime_ns for path in library.iterdir()}
    result = aw.search(None, "digits", objectives=["accuracy", f"flops<={10**6}"], out=tmp_path / "b", **how)
    assert {path.name: path.stat().st_mtime_ns for path in library.iterdir()} == written
    combined = [trial for trial in result.trials if trial.candidate.effort.proxy is None]
    assert combined
    assert all(trial.metrics["flops"] <= 10**6 for trial in combined)
