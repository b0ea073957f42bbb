"""Weights that are kept between retraining and testing."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import torch
from torch import nn

from archwright.errors import ExportError, RunError
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


class Views(nn.Module):
    """State that shares memory: slices of a table, halves of one matrix, a mask of one row for all."""

    def __init__(self) -> None:
        super().__init__()
        table = torch.arange(60.0).view(10, 6).cos()
        self.register_buffer("positions", table[:4])
        self.register_buffer("every_other", table[::2])
        self.query, self.key = map(nn.Parameter, torch.randn(12, 6).chunk(2))
        self.register_buffer("mask", torch.ones(1, 6).expand(4, 6))
        self.register_buffer("flag", torch.zeros(()).expand(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = (x + self.positions) @ self.query @ self.key.T * self.mask
        return scores + self.every_other[:4] + self.flag.sum()


def test_state_that_shares_memory_comes_back(tmp_path: Path) -> None:
    network, again, x = Views(), Views(), torch.randn(2, 4, 6)
    with torch.no_grad():
        network.key.mul_(3.0)
    save_weights(network, tmp_path / "w")
    load_weights(again, tmp_path / "w")
    assert torch.equal(network(x), again(x))
    again.key.data.zero_()
    assert again.query.abs().sum() > 0
    assert not torch.equal(network(x), again(x))


def test_the_type_that_was_trained_comes_back(tmp_path: Path) -> None:
    save_weights(tied().double(), tmp_path / "w")
    again = tied()
    load_weights(again, tmp_path / "w")
    assert {p.dtype for p in again.parameters()} == {torch.float64}


@pytest.mark.parametrize("before", [True, False])
def test_a_file_that_cannot_be_written_whole_is_not_there(tmp_path: Path, before: bool) -> None:
    path, limits = tmp_path / "w", resource.getrlimit(resource.RLIMIT_FSIZE)
    if before:
        save_weights(nn.Linear(1, 2), path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(
            ExportError, match=r"w of 12,008 bytes cannot be written: .*make room on its disk"
        ):
            save_weights(nn.Linear(1500, 2), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [p.name for p in tmp_path.iterdir()] == ["w"] * before
    if before:
        load_weights(nn.Linear(1, 2), path)
