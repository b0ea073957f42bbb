"""`archwright specialise`, again and again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SPACE = """
import archwright as aw
from torch import nn

width = aw.choice(4, 8, 12, name="width")
layers = [aw.layer(nn.Conv2d, 1, width, 3, 2, 1), aw.layer(nn.BatchNorm2d, width), aw.layer(nn.ReLU)]
head = [aw.layer(nn.AdaptiveAvgPool2d, 2), aw.layer(nn.Flatten), aw.layer(nn.Linear, 4 * width, 10)]
space = aw.Space(aw.layer(nn.Sequential, *layers, *head), name="widths")
"""
LOAD = """
import sys, torch
from model import load
print(load()(torch.zeros(2, 1, 8, 8)).shape, "archwright" in sys.modules)
"""


def test_networks_for_limits_and_a_front(archwright: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SPACE)
    words = [
        "--option",
        "epochs=1",
        "--option",
        "batch_size=256",
        "--trials",
        "3",
        "--retrain",
        "0",
        "--out",
        "run",
    ]
    trained = archwright("search", "digits", "--space", "mine.py:space", "--strategy", "sandwich", *words)
    assert trained.code == 0, trained.err
    answer = archwright("specialise", "run", "--limit", "params<=400", "--format", "none")
    assert answer.code == 0, answer.err
    assert "specialised/params_400: params " in answer.out
    folder = tmp_path / "run" / "specialised" / "params_400"
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, check=False, cwd=folder
    )
    assert loaded.stdout.strip() == "torch.Size([2, 10]) False", loaded.stderr
    assert "specialised to params" in (folder / "card.md").read_text()
    told = archwright("specialise", "run", "--front", "macs", "--points", "2", "--format", "none", "--json")
    assert told.code == 0, told.err
    networks: list[dict[str, Any]] = json.loads(told.out)["networks"]
    assert all(
        set(one) == {"folder", "architecture", "costs", "validation", "test", "seconds"} for one in networks
    )
    assert networks[0]["architecture"]["width"] < 12
    (largest,) = json.loads(told.out)["references"]
    assert largest["name"] == "the largest network of the supernet"
    assert largest["costs"]["macs"] >= networks[1]["costs"]["macs"]
    assert "made smaller from the largest network of the supernet: params " in answer.out
    assert "the largest network of the supernet (test)" in (folder / "card.md").read_text()
    assert Path(networks[1]["folder"]).parent == tmp_path / "run" / "specialised"
    nothing = archwright("specialise", "run")
    assert nothing.code == 2
    assert "expected a limit" in nothing.err
    impossible = archwright("specialise", "run", "--limit", "params<=1")
    assert impossible.code == 1
    assert "the least that was measured: params" in impossible.err
