import pytest
import torch
from torch import nn

from archwright.errors import UsageError
from archwright.objectives import count_flops


def lstm(features, hidden):
    return 2 * 4 * hidden * (features + hidden)


def transformer(length, width, feedforward):
    projections = 4 * 2 * length * width * width
    scores_and_values = 2 * 2 * length * length * width
    return projections + scores_and_values + 2 * 2 * length * width * feedforward


CASES = {
    "linear": (nn.Linear(20, 30), (20,), 2 * 20 * 30),
    "linear on a sequence": (nn.Linear(20, 30), (7, 20), 7 * 2 * 20 * 30),
    "conv2d": (nn.Conv2d(3, 8, 5, padding=2), (3, 10, 12), 2 * 25 * 3 * 8 * 10 * 12),
    "strided conv2d": (nn.Conv2d(3, 8, 3, stride=2, padding=1), (3, 8, 8), 2 * 9 * 3 * 8 * 4 * 4),
    "grouped conv2d": (nn.Conv2d(4, 8, 3, padding=1, groups=2), (4, 6, 6), 2 * 9 * 2 * 8 * 36),
    "depthwise conv2d": (nn.Conv2d(4, 4, 3, padding=1, groups=4), (4, 6, 6), 2 * 9 * 1 * 4 * 36),
    "conv1d": (nn.Conv1d(2, 6, 3), (2, 11), 2 * 3 * 2 * 6 * 9),
    "transposed conv2d": (nn.ConvTranspose2d(4, 8, 3), (4, 6, 6), 2 * 9 * 4 * 8 * 36),
    "lstm": (nn.LSTM(8, 16, batch_first=True), (5, 8), 5 * lstm(8, 16)),
    "deep bidirectional lstm": (
        nn.LSTM(8, 16, num_layers=2, bidirectional=True, batch_first=True),
        (5, 8),
        5 * 2 * (lstm(8, 16) + lstm(32, 16)),
    ),
    "gru": (nn.GRU(8, 16, batch_first=True), (5, 8), 5 * 2 * 3 * 16 * (8 + 16)),
    "attention": (nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), (5, 16), transformer(5, 16, 32)),
    "elementwise": (nn.Sequential(nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout()), (9,), 0),
}


class Position(nn.Module):
    """Gives a part of its own parameter, as learned positions do."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(1, 9, 4))

    def forward(self, inputs):
        return self.table[:, : inputs.shape[1]].expand(len(inputs), -1, -1)


def test_a_module_that_gives_its_own_parameter():
    network = nn.Sequential(Position(), nn.Linear(4, 2))
    with torch.no_grad():
        assert count_flops(network, torch.zeros(2, 5, 4)) == 5 * 2 * 4 * 2


@pytest.mark.parametrize("name", CASES)
def test_against_hand_calculation(name):
    network, shape, expected = CASES[name]
    assert count_flops(network, torch.randn(2, *shape)) == expected


def test_a_count_is_for_one_example_whatever_the_batch():
    network = nn.Linear(4, 4)
    assert [count_flops(network, torch.zeros(n, 4)) for n in (1, 2, 7)] == [32, 32, 32]


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout())
    network.train()
    network[1].eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fast_path = torch.backends.mha.get_fastpath_enabled()
    count_flops(network, torch.randn(2, 1, 5, 5))
    assert [module.training for module in network] == [True, False, True]
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.backends.mha.get_fastpath_enabled() is fast_path


def test_the_mode_comes_back_when_the_network_fails():
    network = nn.Linear(4, 4).train()
    with pytest.raises(RuntimeError):
        count_flops(network, torch.zeros(1, 5))
    assert network.training


def test_an_empty_batch_is_refused():
    with pytest.raises(UsageError, match="at least one example"):
        count_flops(nn.Linear(4, 4), torch.zeros(0, 4))
