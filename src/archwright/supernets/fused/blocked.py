"""The kernels' layout: channels in blocks of one vector, (N, B, H, W, LANES), the last block filled up with zeros."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archwright.supernets.fused.lanes import LANES
from archwright.supernets.fused.sum_kernels import over_images

__all__ = ["Floats", "blocks_of", "by_channel", "filled_up", "from_blocked", "to_blocked"]

Floats = NDArray[np.float64]


def blocks_of(channels: int) -> int:
    """Number of blocks that hold so many channels."""
    return -(-channels // LANES)


def to_blocked(x: Tensor) -> Tensor:
    """From (N, C, H, W) of any strides to (N, B, H, W, LANES)."""
    batch, channels, height, width = x.shape
    blocks = blocks_of(channels)
    if channels % LANES:
        blocked = x.new_zeros(batch, height, width, blocks * LANES)
        blocked[..., :channels] = x.permute(0, 2, 3, 1)
    else:
        blocked = x.permute(0, 2, 3, 1)
    return blocked.reshape(batch, height, width, blocks, LANES).permute(0, 3, 1, 2, 4).contiguous()


def from_blocked(blocked: Tensor, channels: int, into: Tensor | None = None) -> Tensor:
    """From (N, B, H, W, LANES) to (N, C, H, W), into a tensor of that shape or a new contiguous one.

    The channels-last format would save the copy, but torch's backward pass of convolutions on the CPU writes past its
    buffers in that format with two or more threads (torch 2.13: a kernel of 1x1 with a stride of two).
    """
    batch, _, height, width, _ = blocked.shape
    if into is None:
        into = blocked.new_empty(batch, channels, height, width)
    return into.copy_(blocked.permute(0, 2, 3, 1, 4).flatten(3)[..., :channels].permute(0, 3, 1, 2))


def filled_up(values: Floats, channels: int) -> Tensor:
    """Numbers by channel, shape (..., C), as float32 with zeros up to whole blocks."""
    full = np.zeros((*values.shape[:-1], blocks_of(channels) * LANES), np.float32)
    full[..., :channels] = values
    return torch.from_numpy(full)


def by_channel(sums: Tensor, channels: int) -> Floats:
    """Sums of a kernel, shape (K, N, B, k, LANES), added over the images in float64: shape (K, k, C)."""
    tensors, _, blocks, kinds, _ = sums.shape
    added = np.empty((tensors, kinds, blocks, LANES))
    over_images(sums.numpy(), added)
    return added.reshape(tensors, kinds, -1)[..., :channels]
