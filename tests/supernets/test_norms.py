"""Batch norms in the search, and their statistics before a score."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from archwright.references import load_object
from archwright.supernets import Supernet, freeze_scales, recalibrate

HERE = Path(__file__).parent
SHAPE, SPACES = (load_object(f"{HERE / 'spaces_for_tests.py'}:{name}") for name in ("SHAPE", "SPACES"))


def test_frozen_scales_are_those_of_a_norm_without_affine_parameters() -> None:
    space = SPACES["elastic layers"]()
    supernet = Supernet(space)
    freeze_scales(supernet)
    trainable = {id(p) for p in supernet.parameters() if p.requires_grad}
    for seed in range(4):
        architecture = space.sample(seed)
        norm = supernet.extract(architecture)[1]
        assert isinstance(norm, nn.BatchNorm2d)
        assert torch.equal(norm.weight, torch.ones_like(norm.weight))
        assert torch.equal(norm.bias, torch.zeros_like(norm.bias))
        with supernet.train().on(architecture):
            for _ in range(2):
                supernet(torch.randn(4, *SHAPE)).sum().backward()
    assert len(trainable) == 2 + 1 + 2 + 2 + 2  # two biased convolutions, one without, layer norm, linear


def test_recalibrated_statistics_are_those_of_the_batches() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.BatchNorm2d(4, momentum=0.7)
    )
    network[1].running_mean.fill_(50.0)
    network.eval()
    batches = [torch.randn(8, *SHAPE) + i for i in range(3)]
    recalibrate(network, batches)
    with torch.no_grad():
        hidden = [network[0](x) for x in batches]
    means = torch.stack([h.mean((0, 2, 3)) for h in hidden]).mean(0)
    variances = torch.stack([h.var((0, 2, 3)) for h in hidden]).mean(0)
    torch.testing.assert_close(network[1].running_mean, means)
    torch.testing.assert_close(network[1].running_var, variances)
    assert network[3].momentum == 0.7
    assert network[3].running_var.mean() < 2.0  # dropout stayed off
    assert not any(module.training for module in network.modules())


def test_a_network_without_norms_stays_as_it_is() -> None:
    recalibrate(nn.Linear(2, 2), iter(()))
