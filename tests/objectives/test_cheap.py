import subprocess
import sys

import torch
from torch import nn

from archwright.objectives import measure_cheap


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
