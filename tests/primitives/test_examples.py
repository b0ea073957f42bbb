"""The worked example of a spiking space."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "spiking.py"


def test_the_example_s_networks_build_and_take_gradients() -> None:
    space = runpy.run_path(str(EXAMPLE))["space"]
    for seed in range(5):
        network = space.build(space.sample(seed), torch.rand(2, 1, 8, 8))
        network(torch.rand(2, 1, 8, 8)).square().sum().backward()
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


@pytest.mark.slow
def test_the_example_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"test accuracy (0\.\d+)", done.stdout)
    assert found is not None
    assert float(found[1]) > 0.85
    assert (tmp_path / "runs" / "spiking" / "best" / "model.py").is_file()
