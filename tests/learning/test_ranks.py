"""Two processes as the ranks of one training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

import pytest
import torch

from archwright.learning.ranks import Ranks, joined
from archwright.learning.torch_state import TorchSettings

CPU = torch.device("cpu")


@pytest.fixture
def chosen() -> Iterator[TorchSettings]:
    """Settings of this process that differ from torch's own."""
    settings = TorchSettings(True, True, "high", (True, True, False))
    with settings.held():
        yield settings


def of_all_ranks() -> list[Any]:
    """The settings in which each of two ranks runs."""

    def told(ranks: Ranks) -> list[Any]:
        return ranks.gather(list(astuple(TorchSettings.of_this_process())))

    with joined(2, told, [CPU, CPU]) as ranks:
        return told(ranks)


def test_other_ranks_run_in_the_settings_of_this_process(chosen: TorchSettings) -> None:
    assert of_all_ranks() == [list(astuple(chosen))] * 2
    own = TorchSettings()
    with own.held():  # the same process is hired again, and keeps nothing
        assert of_all_ranks() == [list(astuple(own))] * 2
