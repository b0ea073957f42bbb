"""Modules that compute one pointwise function: primitives with and without learned parameters, and units of them.

An exported network holds the source of those it uses. Channels are axis 1, shape (N, C, ...).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = [
    "ChannelConstant",
    "ChannelScale",
    "ChannelShift",
    "CoreUnit",
    "ExpDistance",
    "ExpSquare",
    "Interpolation",
    "OperatorNode",
    "Pairwise",
    "Pointwise",
    "Standardized",
    "searched_functions",
]


class Pointwise(nn.Module):
    """A function of one tensor as a module.

    Args:
        function: From a tensor to one of the same shape.
    """

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return self.function(x)


class Pairwise(nn.Module):
    """A function of two tensors as a module.

    Args:
        function: From two tensors of one shape to one of that shape.
    """

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The same shape."""
        return self.function(a, b)


class _ChannelParameter(nn.Module):
    """A learned number for each channel.

    Args:
        channels: How many; 1 is one number for all.
        initial: Their value before training.
    """

    def __init__(self, channels: int, initial: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.full((channels,), initial))

    def along(self, x: Tensor) -> Tensor:
        """The numbers in a shape that broadcasts along axis 1 of x."""
        return self.value.view(-1, *[1] * (x.ndim - 2))


class ChannelScale(_ChannelParameter):
    """b x with a learned b, 1 before training.

    Args:
        channels: How many b there are, one for each channel; 1 is one for all.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return self.along(x) * x


class ChannelShift(_ChannelParameter):
    """x + b with a learned b, 0 before training.

    Args:
        channels: How many b there are, one for each channel; 1 is one for all.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x + self.along(x)


class ChannelConstant(_ChannelParameter):
    """A learned b, 1 before training, whatever x is.

    Args:
        channels: How many b there are, one for each channel; 1 is one for all.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """The shape of x."""
        return self.along(x) + torch.zeros_like(x)


class ExpSquare(_ChannelParameter):
    """exp(-b (x - y)^2) with a learned b, 1 before training.

    Args:
        channels: How many b there are, one for each channel; 1 is one for all.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1.0)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The same shape."""
        return torch.exp(-self.along(a) * (a - b) ** 2)


class ExpDistance(_ChannelParameter):
    """exp(-b |x - y|) with a learned b, 1 before training.

    Args:
        channels: How many b there are, one for each channel; 1 is one for all.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1.0)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The same shape."""
        return torch.exp(-self.along(a) * (a - b).abs())


class Interpolation(_ChannelParameter):
    """b x + (1 - b) y with a learned b, 1/2 before training.

    Args:
        channels: How many b there are, one for each channel; 1 is one for all.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 0.5)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The same shape."""
        weight = self.along(a)
        return weight * a + (1 - weight) * b


class CoreUnit(nn.Module):
    """b(u1(x), u2(x)), where each x may be another unit's output (Ramachandran et al. 2017, arXiv:1710.05941).

    Args:
        binary: Of two tensors.
        unary_1: Of the first operand.
        unary_2: Of the second operand.
        inner_1: The unit whose output is the first operand; None for x.
        inner_2: The same of the second operand.
        scales: Learned factors by the edge that they stand on: "in_1", "in_2", "out_1", "out_2", before and after the
            unary functions, and "out" (Bingham & Miikkulainen 2022, arXiv:2006.03179).
    """

    def __init__(
        self,
        binary: nn.Module,
        unary_1: nn.Module,
        unary_2: nn.Module,
        inner_1: nn.Module | None = None,
        inner_2: nn.Module | None = None,
        scales: dict[str, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.binary = binary
        self.unary_1, self.unary_2 = unary_1, unary_2
        self.inner_1, self.inner_2 = inner_1, inner_2
        self.scales = nn.ModuleDict(scales or {})

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        a = x if self.inner_1 is None else self.inner_1(x)
        b = x if self.inner_2 is None else self.inner_2(x)
        a = self.scaled("out_1", self.unary_1(self.scaled("in_1", a)))
        b = self.scaled("out_2", self.unary_2(self.scaled("in_2", b)))
        return self.scaled("out", self.binary(a, b))

    def scaled(self, edge: str, x: Tensor) -> Tensor:
        """What flows along an edge, times the factor there is on it."""
        y: Tensor = self.scales[edge](x) if edge in self.scales else x
        return y


class OperatorNode(nn.Module):
    """A node of a function's graph: an operator of what the nodes below it give.

    Args:
        operator: Of one tensor or two.
        inner: What gives each of its operands: another node, or `nn.Identity` for x.
    """

    def __init__(self, operator: nn.Module, inner: list[nn.Module]) -> None:
        super().__init__()
        self.operator = operator
        self.inner = nn.ModuleList(inner)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        y: Tensor = self.operator(*(one(x) for one in self.inner))
        return y


class Standardized(nn.Module):
    """A pointwise function with mean 0 and variance 1 on normal inputs, before training.

    Bingham & Miikkulainen 2023, arXiv:2301.05785: so candidates can be compared at one learning rate. The moments are
    those of 4,001 points between -8 and 8.

    Args:
        body: The function.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        with torch.no_grad():
            points = torch.linspace(-8.0, 8.0, 4001)
            density = torch.exp(-(points**2) / 2) * (0.004 / math.sqrt(2 * math.pi))
            values = body(points[:, None]).mean(1)
            mean = (density * values).sum()
            deviation = (density * (values - mean) ** 2).sum().sqrt()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        y: Tensor = self.body(x)
        return (y - self.mean) / self.deviation


def searched_functions(network: nn.Module) -> dict[str, nn.Module]:
    """The pointwise functions that a network holds, by the names of their modules; units inside others are left out."""
    found: dict[str, nn.Module] = {}
    for name, module in network.named_modules():
        is_inside = any(not outer or name.startswith(f"{outer}.") for outer in found)
        if isinstance(module, CoreUnit | OperatorNode | Standardized) and not is_inside:
            found[name] = module
    return found
