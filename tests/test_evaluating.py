import torch
from torch import nn

from archwright.evaluating import evaluating


def test_modes_come_back_as_they_were():
    network = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout(), nn.BatchNorm1d(1)))
    network[1].eval()
    modes = [m.training for m in network.modules()]
    try:
        with evaluating(network):
            assert not any(m.training for m in network.modules())
            assert not torch.is_grad_enabled()
            raise KeyError
    except KeyError:
        pass
    assert [m.training for m in network.modules()] == modes
