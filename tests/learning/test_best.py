import pytest
import torch
from torch import nn

from archwright.learning.best import BestEpoch


def after(metric, scores):
    best, network = BestEpoch(metric), nn.Linear(1, 1)
    for epoch, entry in enumerate(scores, start=1):
        nn.init.constant_(network.weight, float(epoch))
        best.update(epoch, entry, network)
    return best, network


@pytest.mark.parametrize(
    ("metric", "values", "expected"),
    [
        ("accuracy", [0.1, 0.9, 0.5], 2),
        ("rmse", [3.0, 2.0, 1.0], 3),
        ("loss", [1.0, 2.0, 3.0], 1),
    ],
)
def test_the_metric_decides_in_its_direction(metric, values, expected):
    best, network = after(metric, [{"loss": 1.0, metric: value} for value in values])
    assert best.epoch == expected
    assert best.restore(network)[metric] == values[expected - 1]
    assert network.weight.item() == expected


def test_equal_metrics_are_told_apart_by_loss_and_then_the_first_stays():
    best, _ = after("accuracy", [{"accuracy": 0.5, "loss": loss} for loss in (3.0, 1.0, 1.0, 2.0)])
    assert best.epoch == 2


def test_a_metric_without_a_known_direction_leaves_it_to_the_loss():
    best, _ = after("mine", [{"mine": value, "loss": loss} for value, loss in ((9.0, 2.0), (0.0, 1.0))])
    assert best.epoch == 2


def test_statistics_of_normalisation_come_back_too():
    best, network = BestEpoch("loss"), nn.BatchNorm1d(2)
    network.train()
    network(torch.randn(8, 2) + 5)
    best.update(1, {"loss": 1.0}, network)
    kept = network.running_mean.clone()
    network(torch.randn(8, 2) - 5)
    best.update(2, {"loss": 2.0}, network)
    best.restore(network)
    assert torch.equal(network.running_mean, kept)
