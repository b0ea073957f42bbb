from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import UsageError
from archwright.objectives import (
    METERS,
    Direction,
    Meter,
    Objective,
    direction_of,
    measure_by,
    measure_cheap,
    parse_limit,
    parse_objective,
)
from archwright.objectives.meter import as_meter


class Depth(Meter):
    direction = Direction.MAXIMIZE
    seconds = 3.0

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        return len(list(network.children()))


def width(network: nn.Module, inputs: torch.Tensor) -> float:
    return network(inputs).shape[1]


def size(network: nn.Module) -> float:
    return sum(parameter.numel() for parameter in network.parameters())


NETWORK = nn.Sequential(nn.Linear(3, 5), nn.ReLU())
INPUTS = torch.zeros(2, 3)


@pytest.mark.parametrize("name", METERS)
def test_every_name_makes_a_meter_that_measures(name: str) -> None:
    meter = METERS.make(name)
    assert isinstance(meter, Meter)
    assert measure_by({name: meter}, NETWORK, INPUTS)[name] > 0
    assert Objective(name).has_meter
    assert Objective(name).direction is meter.direction is direction_of(name)


def test_the_estimate_s_own_metrics_have_no_meter() -> None:
    assert Objective("accuracy").load_meter() is None
    assert Objective("cheer", Direction.MAXIMIZE).load_meter() is None
    assert direction_of("cheer") is None


@pytest.mark.parametrize(
    ("given", "expected"), [(width, 5), (size, 20), (Depth, 2), (Depth(), 2), ("params", 20)]
)
def test_what_a_user_gives_becomes_a_meter(given: Any, expected: float) -> None:
    meter = as_meter(given)
    assert measure_by({"x": meter}, NETWORK, INPUTS) == {"x": expected}
    assert measure_by({"x": meter}, NETWORK, ((INPUTS,), {})) == {"x": expected}


def test_several_arguments_reach_a_function() -> None:
    def total(network: nn.Module, left: torch.Tensor, *, right: torch.Tensor) -> float:
        return float(network(left) + right)

    found = measure_by(
        {"x": as_meter(total)}, nn.Identity(), ((torch.tensor(1.0),), {"right": torch.tensor(2.0)})
    )
    assert found == {"x": 3.0}


def test_what_is_no_meter_is_refused() -> None:
    with pytest.raises(UsageError, match="expected a meter or a function from a network to a number, got 3"):
        as_meter(3)


def test_a_meter_gives_the_direction_and_says_what_it_costs() -> None:
    assert aw.Objective("depth", meter=Depth).direction is Direction.MAXIMIZE
    assert aw.Objective("size", meter=size).direction is Direction.MINIMIZE
    assert aw.Objective("size", "maximize", meter=size).direction is Direction.MAXIMIZE  # type: ignore[arg-type]
    assert as_meter(size).is_cheap
    assert not Depth().is_cheap
    alone = aw.FunctionMeter(size, exclusive=True)
    assert alone.exclusive
    assert not alone.is_cheap


def test_a_meter_from_a_file_by_the_command_s_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meters_of_mine.py").write_text("def twice(network):\n    return 2.0\n")
    monkeypatch.chdir(tmp_path)
    objective = parse_objective("meters_of_mine.py:twice")
    assert (objective.name, objective.direction) == ("twice", Direction.MINIMIZE)
    assert parse_objective("max:meters_of_mine.py:twice").direction is Direction.MAXIMIZE
    limit = parse_limit("meters_of_mine.py:twice<=1.5")
    assert (limit.name, limit.limit, limit.optimize) == ("twice", 1.5, False)
    with pytest.raises(UsageError, match="smaller twice is better"):
        parse_limit("meters_of_mine.py:twice>=1.5")
    monkeypatch.chdir("/")
    for one in (objective, Objective.from_json(limit.to_json())):
        meter = one.load_meter()
        assert meter is not None
        assert meter.measure(NETWORK) == 2.0


def test_through_json_a_function_is_found_again_where_it_has_a_name() -> None:
    again = Objective.from_json(Objective("wide", meter=width).to_json()).load_meter()
    assert again is not None
    assert again.measure(NETWORK, INPUTS) == 5
    nameless = Objective.from_json(Objective("x", meter=lambda network: 1.0).to_json())
    assert nameless.has_meter
    with pytest.raises(UsageError, match="define it in a file of its own"):
        nameless.load_meter()


def test_every_network_is_counted():
    network, example = nn.Linear(3, 5), torch.zeros(2, 3)
    assert (
        measure_cheap(network, example)
        == measure_cheap(network, ((example,), {}))
        == {"params": 20, "flops": 30}
    )


def test_the_room_loads_neither_torch_nor_moocore():
    code = (
        "import sys; import archwright.objectives as o; o.Objective('accuracy'); "
        "print([name for name in ('torch', 'moocore', 'lightning_fabric') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
