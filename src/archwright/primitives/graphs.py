"""Modules of a layer that is a graph of primitives on feature maps: normalisation and activation in one.

Liu et al. 2020, arXiv:2004.02967. Inputs have the shape (N, C, H, W). An exported network holds the source of those it
uses.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = [
    "BatchMoment",
    "ChannelAffine",
    "GroupMoment",
    "GraphLayer",
    "InstanceMoment",
    "groups_of",
]

_MOST_GROUPS = 32


def groups_of(channels: int) -> int:
    """The largest number of groups up to 32 that divides the channels."""
    return next(groups for groups in range(min(_MOST_GROUPS, channels), 0, -1) if channels % groups == 0)


class InstanceMoment(nn.Module):
    """Mean, variance or standard deviation over height and width, for each example and channel.

    Args:
        moment: "mean", "var" or "std".
    """

    def __init__(self, moment: str) -> None:
        super().__init__()
        self.moment = moment

    def forward(self, x: Tensor) -> Tensor:
        """The shape of x, with the moment at each of its places."""
        return self.of(x, x.mean((2, 3), keepdim=True), (2, 3)).expand_as(x)

    def of(self, x: Tensor, mean: Tensor, axes: tuple[int, ...]) -> Tensor:
        """The moment over some axes, which are kept with the length 1."""
        if self.moment == "mean":
            return mean
        variance = (x - mean).square().mean(axes, keepdim=True)
        return variance if self.moment == "var" else (variance + 1e-5).sqrt()


class GroupMoment(InstanceMoment):
    """Mean, variance or standard deviation over height, width and a group of channels, for each example.

    Args:
        moment: "mean", "var" or "std".
    """

    def forward(self, x: Tensor) -> Tensor:
        """The shape of x, with the moment at each of its places."""
        groups = groups_of(x.shape[1])
        y = x.reshape(len(x), groups, -1, *x.shape[2:])
        return self.of(y, y.mean((2, 3, 4), keepdim=True), (2, 3, 4)).expand_as(y).reshape(x.shape)


class BatchMoment(nn.Module):
    """Mean, variance or standard deviation over batch, height and width, for each channel.

    In evaluation mode by running averages of mean and variance, as in batch normalisation.

    Args:
        moment: "mean", "var" or "std".
        channels: C.
    """

    def __init__(self, moment: str, channels: int) -> None:
        super().__init__()
        self.moment = moment
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """The shape of x, with the moment at each of its places."""
        mean, variance = self.running_mean, self.running_var
        if self.training:
            variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean.to(self.running_mean), 0.1)
                self.running_var.lerp_(variance.to(self.running_var), 0.1)
        found = {"mean": mean, "var": variance, "std": (variance + 1e-5).sqrt()}[self.moment]
        return found.view(1, -1, 1, 1).expand_as(x)


class GraphLayer(nn.Module):
    """Normalisation and activation as a graph of primitives; its output is the last node, times gamma, plus beta.

    Nodes 0 to 3 are x, zero, and two learned numbers for each channel that begin at 0 and 1; those after them are
    given. Nodes that the last does not depend on are not computed.

    Args:
        channels: C.
        primitives: Of one tensor or two, for each node from node 4 on.
        inputs: For each the numbers of the nodes that it reads, which come before it.
    """

    def __init__(self, channels: int, primitives: list[nn.Module], inputs: list[list[int]]) -> None:
        super().__init__()
        self.v0 = nn.Parameter(torch.zeros(channels))
        self.v1 = nn.Parameter(torch.ones(channels))
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        needed = {len(inputs) + 3}
        for number in range(len(inputs) + 3, 3, -1):
            if number in needed:
                needed.update(inputs[number - 4])
        self.inputs = {i: read for i, read in enumerate(inputs, 4) if i in needed}
        self.primitives = nn.ModuleDict({str(i): primitives[i - 4] for i in self.inputs})
        for number, vector in ((2, self.v0), (3, self.v1)):
            vector.requires_grad_(number in needed)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, (N, C, H, W)."""
        v0, v1, gamma, beta = (v.view(1, -1, 1, 1) for v in (self.v0, self.v1, self.gamma, self.beta))
        values = {0: x, 1: torch.zeros_like(x), 2: v0.expand_as(x), 3: v1.expand_as(x)}
        for number, read in self.inputs.items():
            values[number] = self.primitives[str(number)](*(values[i] for i in read))
        y: Tensor = values[max(values)] * gamma + beta
        return y


class ChannelAffine(nn.Module):
    """Scale and shift of each channel: what is left of a normalisation without statistics nor activation.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, (N, C, H, W)."""
        return x * self.gamma.view(1, -1, 1, 1) + self.beta.view(1, -1, 1, 1)
