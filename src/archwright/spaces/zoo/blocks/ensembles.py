"""Several networks as one, whose answer is the mean of theirs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["AVERAGING", "AveragedNetworks", "AveragedOdds", "AveragedOutputs", "AveragedProbabilities"]


class AveragedNetworks(nn.Module):
    """Several networks as one.

    Args:
        members: Networks that take the same inputs, and whose outputs have one shape.
    """

    def __init__(self, *members: nn.Module) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def average(self, outputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """From what each member says, shape (N, ...), to what all say, of that shape. Subclasses give it."""
        raise NotImplementedError

    def forward(self, *inputs: Any) -> torch.Tensor:
        """From what each member takes to the mean of what they say."""
        return self.average([member(*inputs) for member in self.members])


class AveragedProbabilities(AveragedNetworks):
    """The mean of the class probabilities of several networks, as logarithms: Lakshminarayanan et al. 2017.

    Simple and scalable predictive uncertainty estimation using deep ensembles, arXiv:1612.01474, section 2.4. Softmax
    of the outputs gives the probabilities back, argmax the class. Outputs have the shape (N, ..., classes).
    """

    def average(self, outputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """From the members' scores (logits) to log-probabilities."""
        logarithms = torch.stack([functional.log_softmax(scores, dim=-1) for scores in outputs])
        return torch.logsumexp(logarithms, dim=0) - math.log(len(outputs))


class AveragedOdds(AveragedNetworks):
    """The mean of the probabilities of several networks that each label holds, as logits: their sigmoid is the mean."""

    def average(self, outputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """From the members' scores (logits) to logits."""
        scores = torch.stack(list(outputs))
        holds = torch.logsumexp(functional.logsigmoid(scores), dim=0)
        fails = torch.logsumexp(functional.logsigmoid(-scores), dim=0)
        return holds - fails


class AveragedOutputs(AveragedNetworks):
    """The mean of the outputs of several networks, such as amounts."""

    def average(self, outputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """From the members' outputs to their mean."""
        return torch.stack(list(outputs)).mean(dim=0)


AVERAGING: dict[str, type[AveragedNetworks]] = {
    "probabilities": AveragedProbabilities,
    "odds": AveragedOdds,
    "amounts": AveragedOutputs,
}
"""What the mean is of, as a task says it, to the network that takes it."""
