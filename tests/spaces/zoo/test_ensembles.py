"""Networks that answer by the mean of others."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.spaces.zoo.blocks import AveragedOdds, AveragedOutputs, AveragedProbabilities

INPUTS = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)) * 4


def members() -> list[nn.Module]:
    torch.manual_seed(1)
    return [nn.Linear(3, 4) for _ in range(3)]


def test_probabilities() -> None:
    parts = members()
    told = AveragedProbabilities(*parts)(INPUTS)
    mean = torch.stack([part(INPUTS).softmax(dim=1) for part in parts]).mean(dim=0)
    assert torch.allclose(told.softmax(dim=1), mean, atol=1e-6)
    assert torch.allclose(told, mean.log(), atol=1e-5)
    assert torch.equal(told.argmax(dim=1), mean.argmax(dim=1))


def test_odds() -> None:
    parts = members()
    mean = torch.stack([part(INPUTS).sigmoid() for part in parts]).mean(dim=0)
    assert torch.allclose(AveragedOdds(*parts)(INPUTS).sigmoid(), mean, atol=1e-6)


def test_amounts() -> None:
    parts = members()
    mean = sum(part(INPUTS) for part in parts) / 3
    assert torch.allclose(AveragedOutputs(*parts)(INPUTS), mean, atol=1e-6)


@pytest.mark.parametrize("kind", [AveragedProbabilities, AveragedOdds])
def test_extreme_scores_stay_finite(kind: type) -> None:
    scores = [torch.tensor([[-200.0, 200.0]]), torch.tensor([[150.0, -150.0]])]
    assert kind().average(scores).isfinite().all()
