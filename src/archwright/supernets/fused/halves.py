"""ReLU, depthwise and pointwise convolution, batch norm: the part of which the operations of cells are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from archwright.supernets.fused.blocked import blocks_of
from archwright.supernets.fused.lanes import LANES
from archwright.supernets.fused.zoo_blocks import is_block

__all__ = ["Half", "Packed", "halves_of", "is_plain_norm", "pack", "unpack"]


@dataclass(frozen=True, eq=False)
class Half:
    """ReLU, depthwise convolution, pointwise convolution, batch norm; a separable convolution has two of them.

    A pointwise convolution alone has a depthwise one of a single tap of weight one before it. A factorized reduction
    has two copies of each channel, one pixel apart, and a pointwise convolution that reads the one or the other.

    Args:
        norm: The norm at the end.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: 1 or 2.
        taps: For each tap how many pixels below and right of the output's pixel (times the stride) it reads.
        spatial: The depthwise weight; None where it is fixed.
        points: The pointwise weights: one, or the two of a factorized reduction.
        reach: Pixels that the windows take beyond the input at its end less those at its start, by which the
            output's size is known: (size + reach) // stride + 1.
    """

    norm: nn.BatchNorm2d
    in_channels: int
    out_channels: int
    stride: int
    taps: tuple[tuple[int, int], ...]
    spatial: nn.Conv2d | None
    points: tuple[nn.Conv2d, ...]
    reach: tuple[int, int]

    @property
    def copies(self) -> int:
        """Copies of each channel before the pointwise convolution."""
        return len(self.points)

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the output."""
        return (height + self.reach[0]) // self.stride + 1, (width + self.reach[1]) // self.stride + 1

    def weights(self) -> list[Tensor]:
        """The convolutions' weights, the depthwise first."""
        spatial = [] if self.spatial is None else [self.spatial]
        return [_weight(convolution) for convolution in (*spatial, *self.points)]


@dataclass(frozen=True, eq=False)
class Packed:
    """The weights of several halves in the kernels' form.

    Args:
        spatial: Shape (halves, copies * blocks, taps, LANES).
        channels: Shape (halves, out blocks, copies * blocks * LANES, LANES).
        transposed: Shape (halves, copies * blocks, out blocks * LANES, LANES).
    """

    spatial: Tensor
    channels: Tensor
    transposed: Tensor


@torch.no_grad()
def pack(halves: Sequence[Half]) -> Packed:
    """The present weights of halves of the same channels and copies, in the kernels' form."""
    first, count = halves[0], len(halves)
    blocks, out_blocks, copies = blocks_of(first.in_channels), blocks_of(first.out_channels), first.copies
    most_taps = max(len(half.taps) for half in halves)
    spatial = torch.zeros(count, copies, blocks * LANES, most_taps)
    for taps in {len(half.taps) for half in halves if half.spatial is not None}:
        of_size = [i for i, half in enumerate(halves) if half.spatial is not None and len(half.taps) == taps]
        stacked = torch.stack([_weight(halves[i].spatial).flatten(1) for i in of_size])
        spatial[of_size, 0, : first.in_channels, :taps] = stacked
    for i, half in enumerate(halves):
        if half.spatial is None:
            for copy in range(copies):
                spatial[i, copy, :, copy] = 1.0
    matrix = torch.zeros(count, out_blocks * LANES, copies, blocks * LANES)
    row = 0
    for copy in range(copies):
        stacked = torch.stack([_weight(half.points[copy]) for half in halves])
        rows = stacked.shape[1]
        matrix[:, row : row + rows, copy, : first.in_channels] = stacked.flatten(2)
        row += rows
    return Packed(
        spatial.view(count, copies * blocks, LANES, most_taps).transpose(2, 3).contiguous(),
        matrix.view(count, out_blocks, LANES, -1).transpose(2, 3).contiguous(),
        matrix.view(count, out_blocks * LANES, copies * blocks, LANES).transpose(1, 2).contiguous(),
    )


def unpack(halves: Sequence[Half], spatial: Tensor, channels: Tensor) -> list[list[Tensor]]:
    """Gradients in the kernels' form as those of each half's `weights`.

    Args:
        halves: As for `pack`.
        spatial: Shaped as `Packed.spatial`.
        channels: Shaped as `Packed.channels`.
    """
    first, count = halves[0], len(halves)
    gradients: list[list[Tensor]] = [[] for _ in halves]
    for shape in {half.spatial.weight.shape for half in halves if half.spatial is not None}:
        of_shape = [
            i for i, h in enumerate(halves) if h.spatial is not None and h.spatial.weight.shape == shape
        ]
        taps = shape[2] * shape[3]
        by_tap = spatial[of_shape, :, :taps].transpose(2, 3).flatten(1, 2)[:, : shape[0]]
        for i, gradient in zip(of_shape, by_tap.reshape(-1, *shape).unbind(0), strict=True):
            gradients[i].append(gradient)
    matrix = channels.transpose(2, 3).reshape(count, -1, channels.shape[2])
    depth, row = blocks_of(first.in_channels) * LANES, 0
    for copy in range(first.copies):
        rows = first.points[copy].out_channels
        part = matrix[:, row : row + rows, copy * depth : copy * depth + first.in_channels]
        shape = first.points[copy].weight.shape
        for each, gradient in zip(gradients, part.reshape(count, *shape).unbind(0), strict=True):
            each.append(gradient)
        row += rows
    return gradients


def _weight(convolution: nn.Conv2d | None) -> Tensor:
    weight = (
        None if convolution is None else convolution._parameters["weight"]
    )  # a tenth of the time of .weight
    assert weight is not None
    return weight


def halves_of(module: nn.Module) -> list[Half] | None:
    """The halves that a module does one after another; None when it is anything else."""
    if is_block(module, "FactorizedReduce") and module.relu:
        return _reduction(module)
    if not isinstance(module, nn.Sequential) or type(module).forward is not nn.Sequential.forward:
        return None
    halves: list[Half] = []
    parts = list(module)
    while parts:
        if type(parts[0]) is not nn.ReLU:
            return None
        spatial = None
        if len(parts) > 3 and _is_depthwise(parts[1]):
            spatial, *parts = parts[1:]  # of as many channels as what comes before and after
        else:
            parts = parts[1:]
        if (
            len(parts) < 2
            or not _is_pointwise(parts[0], strided=spatial is None)
            or not is_plain_norm(parts[1])
        ):
            return None
        if parts[1].num_features != parts[0].out_channels or (
            halves and halves[-1].out_channels != parts[0].in_channels
        ):
            return None
        halves.append(_half(spatial, parts[0], parts[1]))
        parts = parts[2:]
    return halves or None


def is_plain_norm(module: Any) -> TypeGuard[nn.BatchNorm2d]:
    """Whether a module is torch's own batch norm of images."""
    return type(module) is nn.BatchNorm2d


def _half(spatial: Any, point: Any, norm: Any) -> Half:
    if spatial is None:
        return Half(
            norm, point.in_channels, point.out_channels, point.stride[0], ((0, 0),), None, (point,), (-1, -1)
        )
    (rows, columns), (down, right), (above, left) = spatial.kernel_size, spatial.dilation, spatial.padding
    taps = tuple((y * down - above, x * right - left) for y in range(rows) for x in range(columns))
    reach = (2 * above - down * (rows - 1) - 1, 2 * left - right * (columns - 1) - 1)
    return Half(
        norm, point.in_channels, point.out_channels, spatial.stride[0], taps, spatial, (point,), reach
    )


def _reduction(module: Any) -> list[Half] | None:
    even, odd, norm = module.even, module.odd, module.norm
    fitting = all(_is_pointwise(part, strided=True) and part.stride == (2, 2) for part in (even, odd))
    channels = even.out_channels + odd.out_channels
    if not fitting or not is_plain_norm(norm) or norm.num_features != channels:
        return None
    return [Half(norm, even.in_channels, channels, 2, ((0, 0), (1, 1)), None, (even, odd), (-1, -1))]


def _is_plain_convolution(module: Any) -> bool:
    return (
        type(module) is nn.Conv2d
        and module.bias is None
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
        and module.stride[0] == module.stride[1] in (1, 2)
    )


def _is_depthwise(module: Any) -> bool:
    return (
        _is_plain_convolution(module)
        and module.groups == module.in_channels == module.out_channels
        and all(
            size % 2 and padding <= dilation * (size - 1)
            for size, padding, dilation in zip(
                module.kernel_size, module.padding, module.dilation, strict=True
            )
        )
    )


def _is_pointwise(module: Any, *, strided: bool) -> bool:
    return (
        _is_plain_convolution(module)
        and module.groups == 1
        and module.kernel_size == (1, 1)
        and module.padding == (0, 0)
        and (strided or module.stride == (1, 1))
    )
