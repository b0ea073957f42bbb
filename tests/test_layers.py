"""Which import may load what, in a fresh interpreter. The layers themselves are checked by `make lint`."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

LIGHT = [
    "archwright",
    "archwright.errors",
    "archwright.spaces",
    "archwright.trials",
    "archwright.objectives",
    "archwright.strategies",
    "archwright.benchmarks",
    "archwright.cli",
]


def loaded_by(module: str) -> set[str]:
    """The names of the packages that a fresh interpreter has loaded after importing one module."""
    code = f"import {module}, sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return set(process.stdout.split())


@pytest.mark.parametrize("module", LIGHT)
def test_light_rooms_load_neither_torch_nor_its_company(module: str) -> None:
    heavy = {"torch", "lightning", "lightning_fabric", "sklearn", "pandas", "plotly", "onnx", "onnxruntime"}
    assert not heavy & loaded_by(module)


def test_the_probe_sees_torch_where_it_is_loaded() -> None:
    assert "torch" in loaded_by("archwright.tasks.task")


def test_tests_reach_no_network() -> None:
    with socket.socket() as client, pytest.raises(OSError, match="no network"):
        client.connect(("192.0.2.1", 80))
