import pytest
import torch
from torch import nn

from archwright.errors import UsageError
from archwright.objectives import count_params


def test_weights_and_biases_are_counted_and_buffers_are_not():
    network = nn.Sequential(nn.Conv2d(3, 8, 5), nn.BatchNorm2d(8), nn.Linear(10, 4, bias=False))
    assert count_params(network) == (3 * 8 * 25 + 8) + 2 * 8 + 10 * 4


def test_a_shared_parameter_is_counted_once():
    first, second = nn.Linear(6, 6), nn.Linear(6, 6)
    second.weight = first.weight
    assert count_params(nn.Sequential(first, second, first)) == 36 + 6 + 6


def test_a_frozen_parameter_is_not_counted():
    network = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 2))
    network[0].weight.requires_grad_(False)
    assert count_params(network) == 7 + (14 + 2)


def test_no_parameters():
    assert count_params(nn.ReLU()) == 0


def test_a_lazy_module_without_a_size_is_refused_with_the_cure():
    network = nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(UsageError, match=r"'0\.weight' belongs to a lazy module.*run the network once"):
        count_params(network)
    network(torch.zeros(2, 4))
    assert count_params(network) == 15
