"""Linear layers and convolutions whose weights, and inputs, are rounded to what few bits can hold."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# fmt: off
__all__ = [
    "BITS", "GROUP", "QUANTISED", "Quantised", "QuantisedConv1d", "QuantisedConv2d", "QuantisedLinear", "quantise",
    "round_weight", "unquantised",
]
# fmt: on

BITS = {"int8": 8, "int4": 4}
GROUP = 32
"""Weights that share a scale in 4 bits, where an output has a multiple of so many; else, and in 8, all of an output."""
MOMENTUM = 0.1
RANGE = ("low", "high", "is_observed")
"""Buffers of a layer in 8 bits."""
SCALE_BYTES, RANGE_BYTES = 4, 5
"""Of a scale (float32), and of an input's scale and zero point (float32 and int8)."""


def weight_rows(weight: Tensor, bits: int) -> Tensor:
    """A weight of shape (out, ...) as rows that have a scale each."""
    flat = weight.flatten(1)
    return flat.reshape(-1, GROUP) if bits == 4 and flat.shape[1] % GROUP == 0 else flat


def round_weight(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Whole numbers and scales that stand for a weight: symmetric, of the largest magnitude in each row.

    Args:
        weight: Shape (out, ...).
        bits: 8 or 4.

    Returns:
        Whole numbers from -2^(bits - 1) to 2^(bits - 1) - 1 of the shape of `weight_rows`, as floating point, and a
        scale per row, shape (rows, 1); their product is the rounded weight.
    """
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    rows = weight_rows(weight.detach(), bits)
    scales = (rows.abs().amax(dim=1, keepdim=True) / ((high - low) / 2)).clamp(min=1e-12)
    return (rows * (1 / scales)).round().clamp(low, high), scales


class Quantised(nn.Module):
    """What the layers below have in common. In training, gradients pass through the rounding as if it were not there.

    With 8 bits inputs are rounded, too: to 256 steps over a range that is the exponential moving mean of their smallest
    and largest values in training (Jacob et al. 2018, arXiv:1712.05877); before any was seen they are not.
    """

    weight: Tensor
    bits: int
    low: Tensor
    high: Tensor
    is_observed: Tensor

    def hold(self, bits: int) -> None:
        """Say in how many bits; called once, when a layer becomes quantised."""
        self.bits = bits
        if bits == 8:
            for name, value in zip(RANGE, (0.0, 0.0, False), strict=True):
                self.register_buffer(name, torch.tensor(value))

    @property
    def stored_bytes(self) -> int:
        """Bytes of weight, scales and range when they are stored in so many bits."""
        rows = weight_rows(self.weight, self.bits)
        bytes_of_weight = -(-rows.numel() * self.bits // 8)
        return bytes_of_weight + SCALE_BYTES * len(rows) + (RANGE_BYTES if self.bits == 8 else 0)

    def rounded_weight(self) -> Tensor:
        """The weight as it is stored."""
        numbers, scales = round_weight(self.weight, self.bits)
        return self.weight + ((numbers * scales).view_as(self.weight) - self.weight).detach()

    def rounded_input(self, x: Tensor) -> Tensor:
        """An input of any shape as its 256 steps have it."""
        if self.bits != 8:
            return x
        if self.training:
            self._observe(x.detach())
        low, high = self.low.clamp(max=0), self.high.clamp(min=0)  # zero, as of a border, is a step
        step = ((high - low) / 255).clamp(min=1e-12).to(x.dtype)
        zero = (-low / step).round().to(x.dtype)
        rounded = ((x / step).round() + zero).clamp(0, 255).sub(zero) * step
        return x + torch.where(self.is_observed, rounded - x, torch.zeros_like(x)).detach()

    @torch.no_grad()
    def _observe(self, x: Tensor) -> None:
        for held, now in ((self.low, x.amin()), (self.high, x.amax())):
            now = now.to(held.dtype)
            held.copy_(torch.where(self.is_observed, held + MOMENTUM * (now - held), now))
        self.is_observed.fill_(True)


class QuantisedLinear(Quantised, nn.Linear):
    """`nn.Linear` by rounded weights and inputs."""

    def forward(self, input: Tensor) -> Tensor:
        """Shape (..., in_features) to (..., out_features)."""
        return F.linear(self.rounded_input(input), self.rounded_weight(), self.bias)


class QuantisedConv1d(Quantised, nn.Conv1d):
    """`nn.Conv1d` by rounded weights and inputs."""

    def forward(self, input: Tensor) -> Tensor:
        """Shape (N, C, L) to (N, out, L')."""
        result: Tensor = self._conv_forward(self.rounded_input(input), self.rounded_weight(), self.bias)
        return result


class QuantisedConv2d(Quantised, nn.Conv2d):
    """`nn.Conv2d` by rounded weights and inputs."""

    def forward(self, input: Tensor) -> Tensor:
        """Shape (N, C, H, W) to (N, out, H', W')."""
        result: Tensor = self._conv_forward(self.rounded_input(input), self.rounded_weight(), self.bias)
        return result


QUANTISED: dict[type[nn.Module], Any] = {
    nn.Linear: QuantisedLinear,
    nn.Conv1d: QuantisedConv1d,
    nn.Conv2d: QuantisedConv2d,
}


def quantise(network: nn.Module, layers: dict[str, str]) -> nn.Module:
    """Let layers of a network compute by weights of few bits. Their parameters, and names, stay.

    Args:
        network: Changed in place.
        layers: Name of a layer to "float32", "int8" or "int4"; one that the network lacks, or has in another
            kind, is passed over.
    """
    modules = dict(network.named_modules())
    for name, form in layers.items():
        layer: Any = modules.get(name)
        if form in BITS and type(layer) in QUANTISED:
            layer.__class__ = QUANTISED[type(layer)]
            layer.hold(BITS[form])
    return network


def unquantised(network: nn.Module) -> nn.Module:
    """The network as it was before `quantise`: a copy where it has quantised layers, else itself."""
    if not any(isinstance(module, Quantised) for module in network.modules()):
        return network
    plain = copy.deepcopy(network)
    for module in plain.modules():
        if isinstance(module, Quantised):
            for name in RANGE:
                module._buffers.pop(name, None)
            del module.bits
            kind: Any = next(kind for kind, form in QUANTISED.items() if form is type(module))
            module.__class__ = kind
    return plain
