"""Quantised layers that hold whole numbers, as a file does that is to be small."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from archwright.spaces.zoo.blocks.quantised import (
    Quantised,
    QuantisedConv1d,
    QuantisedConv2d,
    QuantisedLinear,
    round_weight,
)

__all__ = ["stored"]


def stored(network: nn.Module) -> nn.Module:
    """A network whose quantised layers hold a byte a weight and their scales: it gives the same outputs.

    Args:
        network: Left as it is.

    Returns:
        A copy where it has quantised layers, else the network itself.
    """
    if not any(isinstance(module, Quantised) for module in network.modules()):
        return network
    made = copy.deepcopy(network)
    for module in made.modules():
        if isinstance(module, Quantised):
            numbers, scales = round_weight(module.weight, module.bits)
            shape = module.weight.shape
            del module._parameters["weight"]
            module.register_buffer("numbers", numbers.to(torch.int8).view(shape))
            module.register_buffer("scales", scales)
            kind: type[nn.Module] = _STORED[type(module)]
            module.__class__ = kind  # type: ignore[assignment]  # a subclass
    return made


class _Stored(Quantised):
    numbers: Tensor
    scales: Tensor

    def rounded_weight(self) -> Tensor:
        rows = self.numbers.to(self.scales.dtype).view(len(self.scales), -1)
        return (rows * self.scales).view(self.numbers.shape)


class _StoredLinear(_Stored, QuantisedLinear):
    pass


class _StoredConv1d(_Stored, QuantisedConv1d):
    pass


class _StoredConv2d(_Stored, QuantisedConv2d):
    pass


_STORED: dict[type[nn.Module], type[nn.Module]] = {
    QuantisedLinear: _StoredLinear,
    QuantisedConv1d: _StoredConv1d,
    QuantisedConv2d: _StoredConv2d,
}
