"""Halves that read one input at one stride: run together, so that the input is fetched once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archwright.supernets.fused.blocked import Floats, blocks_of, by_channel, filled_up
from archwright.supernets.fused.halves import Half, Packed, pack
from archwright.supernets.fused.kernels import convolve, convolve_backward
from archwright.supernets.fused.lanes import LANES
from archwright.supernets.fused.statistics import Moments
from archwright.supernets.fused.threads import share_images, threads_for

__all__ = ["Family", "Upstream"]

_STRIP = 64
"""Pixels that pass together from the depthwise to the pointwise convolution, inside the first cache."""


@dataclass(frozen=True, eq=False)
class Upstream:
    """What arrives at an output: the gradient a * gradient + b * output + c, with a, b, c by channel.

    Args:
        gradient: Blocked.
        coefficients: a, b, c, shape (3, C).
    """

    gradient: Tensor
    coefficients: Floats


class Family:
    """Halves of the same channels, stride and output size.

    Args:
        halves: At least one.
        height: Of the input.
        width: Of the input.
    """

    def __init__(self, halves: Sequence[Half], height: int, width: int) -> None:
        self.halves = list(halves)
        self.height, self.width = height, width
        first = self.halves[0]
        self.channels, self.out_channels = first.in_channels, first.out_channels
        self.blocks, self.out_blocks = blocks_of(self.channels), blocks_of(self.out_channels)
        self.copies, self.stride = first.copies, first.stride
        self.out_height, self.out_width = first.out_size(height, width)
        self.most_taps = max(len(half.taps) for half in self.halves)
        self.tap_counts = np.array([len(half.taps) for half in self.halves], np.int64)
        self.strip = max(1, min(self.out_height, _STRIP // self.out_width))
        self._lay_out_forward()
        depth = max(self.copies * self.blocks, self.out_blocks) * LANES
        index = np.arange(depth, dtype=np.int64)
        self.pointwise_offsets = index // LANES * self.strip * self.out_width * LANES + index % LANES

    def _lay_out_forward(self) -> None:
        taps = [tap for half in self.halves for tap in half.taps]
        self.margin = max(0, -min(min(tap) for tap in taps))
        below = max(tap[0] for tap in taps) + (self.out_height - 1) * self.stride - (self.height - 1)
        right = max(tap[1] for tap in taps) + (self.out_width - 1) * self.stride - (self.width - 1)
        self.padded_height = self.margin + self.height + max(0, below)
        self.padded_width = self.margin + self.width + max(0, right)
        offsets = np.zeros((len(self.halves), self.most_taps), np.int64)
        for i, half in enumerate(self.halves):
            for k, (y, x) in enumerate(half.taps):
                offsets[i, k] = ((y + self.margin) * self.padded_width + x + self.margin) * LANES
        self.offsets = offsets.ravel()

    @cached_property
    def _back(self) -> dict[str, Any]:
        """The taps by which a pixel of the input gets its gradient, for each remainder of its row and column."""
        stride = self.stride
        phases: list[list[list[tuple[int, int, int]]]] = []
        for half in self.halves:
            phases.append(
                [
                    [
                        ((row - y) // stride, (column - x) // stride, k)
                        for k, (y, x) in enumerate(half.taps)
                        if (row - y) % stride == 0 and (column - x) % stride == 0
                    ]
                    for row in range(stride)
                    for column in range(stride)
                ]
            )
        steps = [step for half in phases for phase in half for step in phase]
        margin = max(0, -min(min(y, x) for y, x, _ in steps))
        below = max(y for y, _, _ in steps) + (self.height - 1) // stride - (self.out_height - 1)
        right = max(x for _, x, _ in steps) + (self.width - 1) // stride - (self.out_width - 1)
        height = margin + self.out_height + max(0, below)
        width = margin + self.out_width + max(0, right)
        offsets = np.zeros((len(self.halves), self.most_taps), np.int64)
        order = np.zeros((len(self.halves), self.most_taps), np.int64)
        starts = np.zeros((len(self.halves), stride * stride + 1), np.int64)
        for i, half_phases in enumerate(phases):
            place = 0
            for p, phase in enumerate(half_phases):
                for y, x, k in phase:
                    offsets[i, place] = ((y + margin) * width + x + margin) * LANES
                    order[i, place] = k
                    place += 1
                starts[i, p + 1] = place
        return {
            "margin": margin,
            "height": height,
            "width": width,
            "offsets": offsets.ravel(),
            "order": torch.from_numpy(order),
            "starts": starts.ravel(),
        }

    def pack(self) -> Packed:
        """The present weights in the kernels' form."""
        return pack(self.halves)

    def forward(self, packed: Packed, source: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Moments]:
        """The outputs of all halves, without the norms, and their moments.

        Args:
            packed: The weights.
            source: The input, blocked.
            scale: What it is multiplied by before the ReLU, by channel, filled up.
            shift: What is added then.

        Returns:
            Shape (halves, N, B, H, W, LANES), and the moments by half and channel.
        """
        images = len(source)
        room = self.blocks * self.padded_height * self.padded_width
        room += self.copies * self.blocks * self.strip * self.out_width
        scratch = torch.empty(threads_for(images), room, LANES)
        shape = (len(self.halves), images, self.out_blocks)
        outputs = torch.empty(*shape, self.out_height, self.out_width, LANES)
        moments = torch.empty(*shape, 3, LANES)
        addresses = _addresses(list(outputs))

        def work(first: int, last: int, thread: int) -> None:
            convolve(
                first,
                last,
                scratch[thread].data_ptr(),
                source.data_ptr(),
                self.blocks,
                self.height,
                self.width,
                scale.data_ptr(),
                shift.data_ptr(),
                self.margin,
                self.padded_height,
                self.padded_width,
                self.stride,
                self.out_height,
                self.out_width,
                self.out_blocks,
                self.strip,
                self.copies,
                self.tap_counts,
                self.most_taps,
                self.offsets,
                packed.spatial.data_ptr(),
                self.pointwise_offsets,
                packed.channels.data_ptr(),
                addresses,
                moments.data_ptr(),
                images,
            )

        share_images(images, work)
        return outputs, Moments.of(moments, self.out_height * self.out_width, self.out_channels)

    def backward(
        self,
        packed: Packed,
        source: Tensor,
        scale: Tensor,
        shift: Tensor,
        centre: Tensor,
        outputs: Sequence[Tensor],
        upstream: Sequence[Upstream],
        target: Tensor,
        *,
        accumulate: bool,
        weights: bool,
    ) -> tuple[Floats, list[list[Tensor]]]:
        """The gradient of what the ReLU reads.

        Args:
            packed: The weights.
            source: As forward.
            scale: As forward.
            shift: As forward.
            centre: Subtracted from the source in the second sum that is returned, by channel, filled up.
            outputs: Of each half.
            upstream: What arrives at each.
            target: Takes the gradient, blocked.
            accumulate: Whether it is added to what is there.
            weights: Whether the convolutions' weights want gradients.

        Returns:
            By channel, shape (2, C): the sum of the gradient, and of its product with source - centre. And for each
            half the gradients of its `weights`, none when they are not wanted.
        """
        back = self._back
        images, threads, lifted = len(source), threads_for(len(source)), self.copies * self.blocks
        room = self.blocks * self.padded_height * self.padded_width
        room += (lifted + self.out_blocks) * self.strip * self.out_width
        room += lifted * back["height"] * back["width"]
        room += self.blocks * self.height * self.width
        scratch = torch.empty(threads, room, LANES)
        moments = torch.empty(images, self.blocks, 2, LANES)
        coefficients = filled_up(np.stack([each.coefficients for each in upstream]), self.out_channels)
        order = back["order"][:, None, :, None].expand_as(packed.spatial)
        back_spatial = packed.spatial.gather(2, order)
        spatial = packed.spatial.new_zeros(threads, *(packed.spatial.shape if weights else ()))
        channels = packed.channels.new_zeros(threads, *(packed.channels.shape if weights else ()))
        output_addresses = _addresses(outputs)
        gradient_addresses = _addresses([each.gradient for each in upstream])

        def work(first: int, last: int, thread: int) -> None:
            convolve_backward(
                first,
                last,
                scratch[thread].data_ptr(),
                source.data_ptr(),
                self.blocks,
                self.height,
                self.width,
                scale.data_ptr(),
                shift.data_ptr(),
                self.margin,
                self.padded_height,
                self.padded_width,
                self.stride,
                self.out_height,
                self.out_width,
                self.out_blocks,
                self.strip,
                self.copies,
                self.tap_counts,
                self.most_taps,
                self.offsets,
                packed.spatial.data_ptr(),
                self.pointwise_offsets,
                output_addresses,
                gradient_addresses,
                coefficients.data_ptr(),
                packed.transposed.data_ptr(),
                back["starts"],
                back["offsets"],
                back_spatial.data_ptr(),
                back["margin"],
                back["height"],
                back["width"],
                centre.data_ptr(),
                target.data_ptr(),
                int(accumulate),
                moments.data_ptr(),
                int(weights),
                spatial[thread].data_ptr(),
                channels[thread].data_ptr(),
            )

        share_images(images, work)
        gradients: list[list[Tensor]] = []
        if weights:
            all_spatial, all_channels = spatial.sum(0), channels.sum(0)
            gradients = [half.unpack(all_spatial[i], all_channels[i]) for i, half in enumerate(self.halves)]
        return by_channel(moments, self.channels), gradients


def _addresses(tensors: Sequence[Tensor]) -> NDArray[np.int64]:
    return np.array([tensor.data_ptr() for tensor in tensors], np.int64)
