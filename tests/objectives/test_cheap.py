import subprocess
import sys

import pytest
import torch
from torch import nn

from archwright.errors import UsageError
from archwright.objectives import CHEAP, measure_cheap


def test_only_what_is_asked_is_measured():
    network, example = nn.Linear(3, 5), torch.zeros(2, 3)
    assert measure_cheap(["flops"], network, example) == {"flops": 30}
    assert measure_cheap(CHEAP, network, example) == {"params": 20, "flops": 30}
    assert measure_cheap([], network, example) == {}


def test_a_metric_that_needs_training_is_refused():
    with pytest.raises(UsageError, match=r"unknown meter 'accuracy'\. Known: flops, params"):
        measure_cheap(["accuracy"], nn.Linear(3, 5), torch.zeros(2, 3))
    with pytest.raises(UsageError, match="Did you mean 'params'"):
        measure_cheap(["param"], nn.Linear(3, 5), torch.zeros(2, 3))


def test_the_room_loads_neither_torch_nor_moocore():
    code = (
        "import sys; import archwright.objectives as o; o.Objective('accuracy'); "
        "print([name for name in ('torch', 'moocore', 'lightning_fabric') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
