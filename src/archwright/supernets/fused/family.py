"""Halves of one shape that run together: on one input, which is fetched once for all, or each on its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archwright.supernets.fused.blocked import Floats, by_channel, filled_up
from archwright.supernets.fused.geometry import Geometry, geometry_of
from archwright.supernets.fused.halves import Half, pack, unpack
from archwright.supernets.fused.kernels import convolve, convolve_backward
from archwright.supernets.fused.lanes import LANES
from archwright.supernets.fused.statistics import Moments, Norms
from archwright.supernets.fused.threads import share_images, threads_for

__all__ = ["Family", "Upstream", "family_key"]


@dataclass(frozen=True, eq=False)
class Upstream:
    """What arrives at an output: the gradient a * gradient + b * output + c, with a, b, c by channel.

    Args:
        gradient: Blocked.
        coefficients: a, b, c, shape (3, C).
    """

    gradient: Tensor
    coefficients: Floats


def family_key(half: Half, height: int, width: int) -> tuple[object, ...]:
    """Halves with equal keys can be in one family."""
    return half.stride, half.copies, half.in_channels, half.out_channels, half.out_size(height, width)


class Family:
    """Halves with equal keys, on inputs of one size.

    Args:
        halves: At least one.
        height: Of the inputs.
        width: Of the inputs.
    """

    def __init__(self, halves: Sequence[Half], height: int, width: int) -> None:
        self.halves = list(halves)
        first = self.halves[0]
        self.channels, self.out_channels = first.in_channels, first.out_channels
        self.geometry: Geometry = geometry_of(
            tuple(half.taps for half in halves),
            first.stride,
            first.copies,
            (first.in_channels, first.out_channels),
            (height, width),
            first.out_size(height, width),
        )

    def forward(self, sources: Sequence[Tensor], norms: Norms) -> tuple[Tensor, Moments]:
        """The outputs of all halves, without their own norms, and their moments.

        Args:
            sources: The input of each half, blocked; or one, for all.
            norms: Those before the ReLU, one a source.

        Returns:
            Shape (halves, N, B, H, W, LANES), and the moments by half and channel.
        """
        layout, packed = self.geometry, pack(self.halves)
        images = len(sources[0])
        scratch = torch.empty(threads_for(images), layout.room, LANES)
        shape = (len(self.halves), images, layout.out_blocks)
        outputs = torch.empty(*shape, layout.out_height, layout.out_width, LANES)
        moments = torch.empty(*shape, 3, LANES)
        given = [filled_up(norms.scale, self.channels), filled_up(norms.shift, self.channels)]
        source_addresses, addresses = _addresses(sources, len(self.halves)), _addresses(list(outputs))

        def work(first: int, last: int, thread: int) -> None:
            convolve(
                first,
                last,
                scratch[thread].data_ptr(),
                source_addresses,
                int(len(sources) == 1),
                layout.blocks,
                layout.height,
                layout.width,
                given[0].data_ptr(),
                given[1].data_ptr(),
                layout.margin,
                layout.padded_height,
                layout.padded_width,
                layout.stride,
                layout.out_height,
                layout.out_width,
                layout.out_blocks,
                layout.strip,
                layout.copies,
                layout.tap_counts,
                layout.most_taps,
                layout.offsets,
                packed.spatial.data_ptr(),
                layout.pointwise_offsets,
                packed.channels.data_ptr(),
                addresses,
                moments.data_ptr(),
                images,
            )

        share_images(images, work)
        return outputs, Moments.of(moments, layout.out_height * layout.out_width, self.out_channels)

    def backward(
        self,
        sources: Sequence[Tensor],
        norms: Norms,
        outputs: Sequence[Tensor],
        upstream: Sequence[Upstream],
        targets: Sequence[Tensor],
        *,
        accumulate: bool,
        weights: bool,
    ) -> tuple[Floats, list[list[Tensor]]]:
        """The gradients of what the ReLUs read.

        Args:
            sources: As forward.
            norms: As forward.
            outputs: Of each half.
            upstream: What arrives at each.
            targets: Take the gradient of each source, blocked.
            accumulate: Whether it is added to what is there.
            weights: Whether the convolutions' weights want gradients.

        Returns:
            By source and channel, shape (sources, 2, C): the sum of the gradient, and of its product with
            source - mean. And for each half the gradients of its `weights`, none when they are not wanted.
        """
        layout, packed = self.geometry, pack(self.halves)
        back = layout.back
        images, threads = len(sources[0]), threads_for(len(sources[0]))
        scratch = torch.empty(threads, layout.back_room, LANES)
        moments = torch.empty(len(sources), images, layout.blocks, 2, LANES)
        coefficients = filled_up(np.stack([each.coefficients for each in upstream]), self.out_channels)
        given = [filled_up(values, self.channels) for values in (norms.scale, norms.shift, norms.mean)]
        order = torch.from_numpy(back.order)[:, None, :, None].expand_as(packed.spatial)
        back_spatial = packed.spatial.gather(2, order)
        spatial = packed.spatial.new_zeros(threads, *(packed.spatial.shape if weights else ()))
        channels = packed.channels.new_zeros(threads, *(packed.channels.shape if weights else ()))
        source_addresses, target_addresses = _addresses(sources, len(self.halves)), _addresses(targets)
        output_addresses = _addresses(outputs)
        gradient_addresses = _addresses([each.gradient for each in upstream])

        def work(first: int, last: int, thread: int) -> None:
            convolve_backward(
                first,
                last,
                scratch[thread].data_ptr(),
                source_addresses,
                int(len(sources) == 1),
                layout.blocks,
                layout.height,
                layout.width,
                given[0].data_ptr(),
                given[1].data_ptr(),
                layout.margin,
                layout.padded_height,
                layout.padded_width,
                layout.stride,
                layout.out_height,
                layout.out_width,
                layout.out_blocks,
                layout.strip,
                layout.copies,
                layout.tap_counts,
                layout.most_taps,
                layout.offsets,
                packed.spatial.data_ptr(),
                layout.pointwise_offsets,
                output_addresses,
                gradient_addresses,
                coefficients.data_ptr(),
                packed.transposed.data_ptr(),
                back.starts,
                back.offsets,
                back_spatial.data_ptr(),
                back.margin,
                back.height,
                back.width,
                given[2].data_ptr(),
                target_addresses,
                int(accumulate),
                moments.data_ptr(),
                images,
                int(weights),
                spatial[thread].data_ptr(),
                channels[thread].data_ptr(),
            )

        share_images(images, work)
        gradients = unpack(self.halves, spatial.sum(0), channels.sum(0)) if weights else []
        return by_channel(moments, self.channels), gradients


def _addresses(tensors: Sequence[Tensor], times: int = 1) -> NDArray[np.int64]:
    """Where tensors begin; of a single one as often as it is asked."""
    addresses = [tensor.data_ptr() for tensor in tensors]
    return np.array(addresses * times if len(addresses) == 1 else addresses, np.int64)
