"""Weighted sums of blocked tensors, and the inner products that their gradients need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archwright.supernets.fused.blocked import Floats, by_channel, filled_up
from archwright.supernets.fused.lanes import LANES
from archwright.supernets.fused.sum_kernels import RUN, moments_with, weighted_sum
from archwright.supernets.fused.threads import share_images

__all__ = ["add_up", "by_block", "distances", "inner_products"]


def distances(tensors: Sequence[Tensor]) -> NDArray[np.int64]:
    """How many numbers after the first tensor each begins."""
    return np.array([(tensor.data_ptr() - tensors[0].data_ptr()) // 4 for tensor in tensors], np.int64)


def by_block(scales: Floats, channels: int) -> Tensor:
    """Factors by tensor and channel, shape (k, C), in the kernels' form (B, k, LANES)."""
    return filled_up(scales, channels).view(len(scales), -1, LANES).transpose(0, 1).contiguous()


def add_up(tensors: Sequence[Tensor], scales: Floats, shift: Floats) -> Tensor:
    """The sum shift + sum_k scales[k] * tensors[k].

    Args:
        tensors: Blocked, of one shape, at least one.
        scales: Shape (k, C).
        shift: Shape (C,).
    """
    images, blocks, height, width, _ = tensors[0].shape
    result = torch.empty_like(tensors[0])
    table, factors, added = (
        distances(tensors),
        by_block(scales, scales.shape[1]),
        filled_up(shift, len(shift)),
    )

    def work(first: int, last: int, thread: int) -> None:
        weighted_sum(
            first,
            last,
            tensors[0].data_ptr(),
            table,
            factors.data_ptr(),
            added.data_ptr(),
            blocks,
            height * width,
            result.data_ptr(),
        )

    share_images(images, work)
    return result


def inner_products(gradient: Tensor, tensors: Sequence[Tensor], channels: int) -> tuple[Floats, Floats]:
    """By channel the sum of a gradient, shape (C,), and its inner product with each tensor, shape (k, C)."""
    images, blocks, height, width, _ = gradient.shape
    runs = -(-height * width // RUN)
    sums = torch.empty(1, images * runs, blocks, 1 + len(tensors), LANES)
    table = distances(tensors)

    def work(first: int, last: int, thread: int) -> None:
        moments_with(
            first,
            last,
            tensors[0].data_ptr() if tensors else 0,
            table,
            gradient.data_ptr(),
            blocks,
            height * width,
            runs,
            sums.data_ptr(),
        )

    share_images(images, work)
    added = by_channel(sums, channels)[0]
    return added[0], added[1:]
