from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import SpaceError
from archwright.hardware.timing import Timing
from archwright.pretrained import proven_groups, steps
from archwright.pretrained.steps import latency_step

ROWS = torch.randn(2, 8)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 96), nn.ReLU(), nn.Linear(96, 64), nn.ReLU(), nn.Linear(64, 2))


@pytest.mark.parametrize(
    ("registers", "expected"), [(1, 1), (4, 4), (16, 16), (1024, steps.USUAL)], ids=lambda one: str(one)
)
def test_it_is_the_smallest_step_that_saves_time(
    registers: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clock(modules: dict[str, Any], *_: Any) -> dict[str, Timing]:
        def taken(one: nn.Sequential) -> Timing:
            first, second = (math.ceil(one[i].out_features / registers) for i in (0, 2))
            ms = float(first + second + first * second)
            return Timing(
                median=ms, low=ms, high=ms, least=ms, runs=1, reference=1, reference_least=1, drift=0
            )

        return {name: taken(one) for name, (one, _) in modules.items()}

    monkeypatch.setattr(steps, "time_modules", clock)
    own = network()
    free = [one for one in proven_groups(own, ROWS) if one.reason is None]
    assert latency_step(own, ROWS, free) == expected


def test_what_is_measured_is_the_step_of_the_space() -> None:
    space = aw.from_network(network(), ROWS, step="latency")
    step = space.network.fn.step
    assert step in (1, 2, 4, 8, 16, 32)
    assert set(space.decisions["0"].values()) == {*range(step, 97, step), 96}


def test_no_other_word_is_a_step() -> None:
    for step in (0, "time", 2.5):
        with pytest.raises(SpaceError, match="expected a step of at least 1 channel, or 'latency'"):
            aw.from_network(network(), ROWS, step=step)  # type: ignore[arg-type]
