"""Where the kernels find things: sizes of scratch, and the distances from a pixel to those that its taps read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from archwright.supernets.fused.blocked import blocks_of
from archwright.supernets.fused.lanes import LANES

__all__ = ["BackGeometry", "Geometry", "Taps", "geometry_of"]

Taps = tuple[tuple[int, int], ...]

_STRIP = 64
"""Pixels that pass together from the depthwise to the pointwise convolution, inside the first cache."""


@dataclass(frozen=True, eq=False)
class BackGeometry:
    """The taps by which a pixel of the input gets its gradient, for each remainder of its row and column.

    Args:
        margin: Zeros around the gradient, above and left.
        height: With the zeros.
        width: With the zeros.
        offsets: Distances in the padded gradient, (halves, taps), flat.
        order: The tap at each of these places, (halves, taps).
        starts: Where the taps of each remainder begin, (halves, stride * stride + 1), flat.
    """

    margin: int
    height: int
    width: int
    offsets: NDArray[np.int64]
    order: NDArray[np.int64]
    starts: NDArray[np.int64]


class Geometry:
    """Of halves that run together.

    Args:
        taps: Those of each half.
        stride: 1 or 2.
        copies: Copies of each channel before the pointwise convolution.
        channels: Of input and output.
        size: Height and width of the input.
        out_size: Those of the output.
    """

    def __init__(
        self,
        taps: tuple[Taps, ...],
        stride: int,
        copies: int,
        channels: tuple[int, int],
        size: tuple[int, int],
        out_size: tuple[int, int],
    ) -> None:
        self.taps, self.stride, self.copies = taps, stride, copies
        self.blocks, self.out_blocks = map(blocks_of, channels)
        self.height, self.width = size
        self.out_height, self.out_width = out_size
        self.most_taps = max(map(len, taps))
        self.tap_counts = np.array(list(map(len, taps)), np.int64)
        self.strip = max(1, min(self.out_height, _STRIP // self.out_width))
        every = [tap for each in taps for tap in each]
        self.margin = max(0, -min(map(min, every)))
        below = max(y for y, _ in every) + (self.out_height - 1) * stride - (self.height - 1)
        right = max(x for _, x in every) + (self.out_width - 1) * stride - (self.width - 1)
        self.padded_height = self.margin + self.height + max(0, below)
        self.padded_width = self.margin + self.width + max(0, right)
        offsets = np.zeros((len(taps), self.most_taps), np.int64)
        for i, each in enumerate(taps):
            for k, (y, x) in enumerate(each):
                offsets[i, k] = ((y + self.margin) * self.padded_width + x + self.margin) * LANES
        self.offsets = offsets.ravel()
        depth = max(copies * self.blocks, self.out_blocks) * LANES
        index = np.arange(depth, dtype=np.int64)
        self.pointwise_offsets = index // LANES * self.strip * self.out_width * LANES + index % LANES

    @property
    def room(self) -> int:
        """Vectors of scratch that the forward pass needs."""
        padded = self.blocks * self.padded_height * self.padded_width
        return padded + self.copies * self.blocks * self.strip * self.out_width

    @property
    def back_room(self) -> int:
        """Vectors of scratch that the backward pass needs."""
        spread = self.copies * self.blocks * self.back.height * self.back.width
        arrived = self.out_blocks * self.strip * self.out_width
        weights = self.copies * self.blocks * (self.most_taps + self.out_blocks * LANES)
        return self.room + arrived + spread + self.blocks * self.height * self.width + weights

    @cached_property
    def back(self) -> BackGeometry:
        """For the backward pass."""
        stride = self.stride
        remainders = [(row, column) for row in range(stride) for column in range(stride)]
        phases = [
            [
                [
                    ((row - y) // stride, (column - x) // stride, k)
                    for k, (y, x) in enumerate(taps)
                    if (row - y) % stride == 0 and (column - x) % stride == 0
                ]
                for row, column in remainders
            ]
            for taps in self.taps
        ]
        steps = [step for half in phases for phase in half for step in phase]
        margin = max(0, -min(min(y, x) for y, x, _ in steps))
        below = max(y for y, _, _ in steps) + (self.height - 1) // stride - (self.out_height - 1)
        right = max(x for _, x, _ in steps) + (self.width - 1) // stride - (self.out_width - 1)
        height = margin + self.out_height + max(0, below)
        width = margin + self.out_width + max(0, right)
        offsets, order = np.zeros((2, len(self.taps), self.most_taps), np.int64)
        starts = np.zeros((len(self.taps), len(remainders) + 1), np.int64)
        for i, half in enumerate(phases):
            place = 0
            for p, phase in enumerate(half):
                for y, x, k in phase:
                    offsets[i, place] = ((y + margin) * width + x + margin) * LANES
                    order[i, place] = k
                    place += 1
                starts[i, p + 1] = place
        return BackGeometry(margin, height, width, offsets.ravel(), order, starts.ravel())


@lru_cache(maxsize=1024)
def geometry_of(
    taps: tuple[Taps, ...],
    stride: int,
    copies: int,
    channels: tuple[int, int],
    size: tuple[int, int],
    out_size: tuple[int, int],
) -> Geometry:
    """The geometry of these, made once."""
    return Geometry(taps, stride, copies, channels, size, out_size)
