"""Max and average pooling of a cell's state: done once, however many edges read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from archwright.supernets.fused.blocked import Floats, blocks_of, filled_up
from archwright.supernets.fused.lanes import LANES
from archwright.supernets.fused.pool_kernels import pool, pool_backward
from archwright.supernets.fused.statistics import Moments
from archwright.supernets.fused.sum_kernels import moments
from archwright.supernets.fused.sums import by_block, distances
from archwright.supernets.fused.threads import share_images, threads_for

__all__ = ["Pooling", "Window", "pooling_of", "window_of"]


@dataclass(frozen=True)
class Window:
    """What a pooling does; equal ones of one state are done once.

    Args:
        largest: Whether it takes the largest number, instead of the mean.
        size: Side of the window in pixels.
        stride: 1 or more.
        padding: On each side.
        counts_padding: Whether a mean counts the padding as zeros.
    """

    largest: bool
    size: int
    stride: int
    padding: int
    counts_padding: bool


@lru_cache(maxsize=256)
def pooling_of(window: Window, height: int, width: int) -> Pooling:
    """The pooling for images of this size, made once."""
    return Pooling(window, height, width)


def window_of(module: nn.Module) -> Window | None:
    """The window of a pooling that is done here, else None."""
    if type(module) is not nn.MaxPool2d and type(module) is not nn.AvgPool2d:
        return None
    size, stride, padding = _side(module.kernel_size), _side(module.stride), _side(module.padding)
    if size is None or stride is None or padding is None or module.ceil_mode:
        return None
    if isinstance(module, nn.MaxPool2d):
        plain = _side(module.dilation) == 1 and not module.return_indices
        return Window(True, size, stride, padding, False) if plain else None
    counts = module.count_include_pad and padding > 0
    return Window(False, size, stride, padding, counts) if module.divisor_override is None else None


class Pooling:
    """A window over images of one size.

    Args:
        window: What is done.
        height: Of the input.
        width: Of the input.
    """

    def __init__(self, window: Window, height: int, width: int) -> None:
        self.window, self.height, self.width = window, height, width
        size, stride, padding = window.size, window.stride, window.padding
        self.out_height = (height + 2 * padding - size) // stride + 1
        self.out_width = (width + 2 * padding - size) // stride + 1
        self.padded_height, self.padded_width = height + 2 * padding, width + 2 * padding
        places = [y * self.padded_width + x for y in range(size) for x in range(size)]
        self.offsets = np.array(places, np.int64) * LANES
        rows = _covered(height, self.out_height, window)
        columns = _covered(width, self.out_width, window)
        self.shares = (1.0 / np.outer(rows, columns)).astype(np.float32).ravel()

    def _geometry(self) -> tuple[Any, ...]:
        window = self.window
        return (
            self.height,
            self.width,
            window.padding,
            self.padded_height,
            self.padded_width,
            window.stride,
            self.out_height,
            self.out_width,
            self.offsets,
            int(window.largest),
            self.shares,
        )

    def forward(self, source: Tensor, channels: int) -> tuple[Tensor, Moments]:
        """The pooled images and their moments."""
        images, blocks = source.shape[:2]
        scratch = torch.empty(threads_for(images), self.padded_height * self.padded_width, LANES)
        pooled = torch.empty(images, blocks, self.out_height, self.out_width, LANES)
        sums = torch.empty(1, images, blocks, 3, LANES)
        pixels = self.out_height * self.out_width

        def work(first: int, last: int, thread: int) -> None:
            given = (first, last, scratch[thread].data_ptr(), source.data_ptr(), blocks, *self._geometry())
            pool(*given, pooled.data_ptr())  # type: ignore[call-arg]
            moments(first, last, pooled.data_ptr(), blocks, pixels, sums.data_ptr())

        share_images(images, work)
        return pooled, Moments.of(sums, pixels, channels)

    def backward(
        self,
        source: Tensor,
        pooled: Tensor,
        terms: Sequence[Tensor],
        scales: Floats,
        shift: Floats,
        target: Tensor,
    ) -> None:
        """Adds the gradient of the source to the target.

        Args:
            source: The input, blocked.
            pooled: The output.
            terms: With the scales and the shift they add up to the output's gradient, as in `add_up`.
            scales: Shape (terms, C).
            shift: Shape (C,).
            target: Blocked, as the source.
        """
        images, blocks = source.shape[:2]
        room = 2 * self.padded_height * self.padded_width + self.out_height * self.out_width
        scratch = torch.empty(threads_for(images), room, LANES)
        channels = len(shift)
        assert blocks == blocks_of(channels)
        table, factors, added = distances(terms), by_block(scales, channels), filled_up(shift, channels)

        def work(first: int, last: int, thread: int) -> None:
            given = (first, last, scratch[thread].data_ptr(), source.data_ptr(), blocks, *self._geometry())
            sums = (terms[0].data_ptr(), table, factors.data_ptr(), added.data_ptr())
            pool_backward(*given, *sums, pooled.data_ptr(), target.data_ptr())  # type: ignore[call-arg]

        share_images(images, work)


def _side(value: Any) -> int | None:
    """The one number of a size given once or twice; None where height and width differ."""
    if isinstance(value, int):
        return value
    return value[0] if len(value) == 2 and value[0] == value[1] else None


def _covered(size: int, out_size: int, window: Window) -> list[int]:
    """Pixels that each window counts, along one side."""
    starts = [i * window.stride - window.padding for i in range(out_size)]
    if window.counts_padding:
        return [window.size] * out_size
    return [min(start + window.size, size) - max(start, 0) for start in starts]
