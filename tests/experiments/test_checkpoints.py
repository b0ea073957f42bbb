"""Weights that are kept between retraining and testing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from archwright.errors import RunError
from archwright.experiments.checkpoints import load_weights, save_weights


def tied() -> nn.Module:
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))
    network[2].weight = network[0].weight
    return network


def test_weights_come_back_tied_ones_too(tmp_path: Path) -> None:
    network, path = tied(), tmp_path / "checkpoints" / "0.safetensors"
    save_weights(network, path)
    again = tied()
    load_weights(again, path)
    for name, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert again[2].weight is again[0].weight
    assert [p.name for p in path.parent.iterdir()] == ["0.safetensors"]


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_weights(nn.Linear(3, 4), tmp_path / "w")
    with pytest.raises(RunError, match="cannot be read"):
        load_weights(nn.Linear(3, 5), tmp_path / "w")


@pytest.mark.parametrize("content", [None, b"", b"\xff" * 100])
def test_missing_and_corrupt_files_are_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "w").write_bytes(content)
    with pytest.raises(RunError, match="cannot be read"):
        load_weights(nn.Linear(3, 5), tmp_path / "w")
