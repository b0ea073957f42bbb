from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.errors import RunError, UsageError
from archwright.references import load_object

FILE = (Path(__file__).parent / "own_network.py").resolve()
SEARCH = [
    "search",
    "digits",
    "--network",
    f"{FILE}:Net",
    "--strategy",
    "random",
    "--no-baseline",
    "--device",
    "cpu",
]


def test_a_network_that_does_not_fit_is_refused(archwright: Callable[..., Any], tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    torch.save({"stem.weight": torch.zeros(16, 1, 3, 3)}, weights)
    for words, told in (
        (("--weights", str(weights)), "stem.bias is missing"),
        (("--space", "darts"), "not both"),
        (("--only", "stm.*"), "matches no parameter and no activation of Net"),
    ):
        ran = archwright(*SEARCH, *words)
        assert ran.code == 2
        assert told in ran.err
    with pytest.raises(UsageError, match="no option 'weight'"):
        aw.search(None, "digits", network=f"{FILE}:Net", network_options={"weight": "x"})
    with pytest.raises(UsageError, match="only without a network"):
        aw.search(None, "digits", network_options={"only": ["x"]})
    with pytest.raises(UsageError, match="output"):
        aw.search(
            None,
            "breast_cancer",
            network=torch.nn.Sequential(torch.nn.Linear(30, 16), torch.nn.Linear(16, 5)),
        )


@pytest.mark.slow
def test_the_winner_is_a_patch_on_the_network_in_a_fresh_process(
    archwright: Callable[..., Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    ran = archwright(
        *SEARCH,
        "--decide",
        "width",
        "--decide",
        "kernel",
        "-l",
        "params<=9000",
        "-n",
        "2",
        "--epochs",
        "1",
        "--retrain",
        "1",
        "--out",
        str(run),
    )
    assert ran.code == 0, ran.err
    shutil.rmtree(run / "best")
    code = f"from archwright.cli import main; main(['export', {str(run)!r}])"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
    text = (run / "best" / "model.py").read_text()
    assert "    network = Net()\n    network." in text
    loaded = "from model import load; import torch; print(load()(torch.zeros(2, 1, 8, 8)).shape)"
    done = subprocess.run(
        [sys.executable, "-c", loaded], cwd=run / "best", check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "torch.Size([2, 10])"


@pytest.mark.slow
def test_a_search_resumes_from_the_reference_and_the_weights(
    archwright: Callable[..., Any], tmp_path: Path
) -> None:
    network = load_object(f"{FILE}:Net")()
    weights, run = tmp_path / "weights.pt", tmp_path / "run"
    torch.save(network.state_dict(), weights)
    ran = archwright(
        *SEARCH,
        "--weights",
        str(weights),
        "--only",
        "blocks.*",
        "--decide",
        "width",
        "--decide",
        "depth",
        "-n",
        "2",
        "--epochs",
        "1",
        "--retrain",
        "0",
        "--out",
        str(run),
    )
    assert ran.code == 0, ran.err
    record = json.loads((run / "experiment.json").read_text())["space"]
    assert record["network"] == {"weights": str(weights), "only": ["blocks.*"], "decide": ["width", "depth"]}
    assert set(record["decisions"]) == {"blocks_0_first", "blocks_1_first", "blocks_depth", "stem"}
    result = aw.resume(run, budget=aw.Budget(trials=3), progress=False)
    assert len(result.trials) == 3
    told = [
        text
        for _, text in result.run.messages
        if text.startswith("network: Net, 4 decisions (3 widths, 1 depth); ")
    ]
    assert len(told) == 1
    weights.write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be read as weights"):
        aw.resume(run, progress=False)
    torch.save(load_object(f"{FILE}:Net")().state_dict(), weights)
    with pytest.raises(RunError, match="changed since the run began"):
        aw.resume(run, progress=False)
