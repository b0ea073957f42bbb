# mypy: disable-error-code="no-untyped-def"
# Compiled functions: numba infers their types.
"""The compiled kernels: ReLU, depthwise and pointwise convolution with the norm's moments, forward and backward.

Tensors are blocked: (N, B, H, W, LANES), where B = ceil(channels / LANES) and the places without a channel hold zeros.
All tensors are given by address. Each kernel does the images `first` to `last` - 1, so that threads can share a batch;
scratch belongs to one thread. An image passes through all steps while it is in the caches, only a convolution's
output is written for the whole batch, since batch normalisation must see all of it before the next step.
"""

from __future__ import annotations

from numba import njit

from archwright.supernets.fused.lanes import LANES, fma, greater, load, maximum, put, zeros
from archwright.supernets.fused.rows import (
    BYTES,
    add_taps,
    pointwise,
    pointwise_gradient,
    taps,
    taps_gradient,
)
from archwright.supernets.fused.sum_kernels import RUN, clear, write_moments

__all__ = ["convolve", "convolve_backward"]


@njit(nogil=True)
def _add(target, source, vectors):
    for i in range(vectors):
        put(load(target, i * LANES) + load(source, i * LANES), target, i * LANES)


@njit(nogil=True)
def _rectify(padded, source, blocks, height, width, scale, shift, margin, padded_height, padded_width):
    """The inside of the padded image: max(source * scale + shift, 0)."""
    for b in range(blocks):
        factor = load(scale, b * LANES)
        added = load(shift, b * LANES)
        for y in range(height):
            from_row = source + (b * height + y) * width * BYTES
            to_row = padded + ((b * padded_height + y + margin) * padded_width + margin) * BYTES
            for x in range(width):
                put(maximum(fma(load(from_row, x * LANES), factor, added), zeros()), to_row, x * LANES)


@njit(nogil=True, cache=True)
def convolve(
    first,
    last,
    scratch,
    sources,
    shared,
    blocks,
    height,
    width,
    scale,
    shift,
    margin,
    padded_height,
    padded_width,
    stride,
    out_height,
    out_width,
    out_blocks,
    strip,
    multiplier,
    tap_counts,
    most_taps,
    offsets,
    spatial,
    pointwise_offsets,
    channels,
    outputs,
    moments,
    images,
):
    """For each operation: pointwise(depthwise(relu(source * scale + shift))), and the moments of that.

    With `shared` all have one source, scale and shift, else each its own.
    """
    lifted_blocks = multiplier * blocks
    depth = lifted_blocks * LANES
    pixels = out_height * out_width
    padded = scratch
    lifted = padded + blocks * padded_height * padded_width * BYTES
    clear(padded, blocks * padded_height * padded_width)
    for n in range(first, last):
        for o in range(len(outputs)):
            if o == 0 or not shared:
                own = 0 if shared else o * blocks * BYTES
                _rectify(
                    padded,
                    sources[o] + n * blocks * height * width * BYTES,
                    blocks,
                    height,
                    width,
                    scale + own,
                    shift + own,
                    margin,
                    padded_height,
                    padded_width,
                )
            table = offsets.ctypes.data + 8 * o * most_taps
            image = outputs[o] + n * out_blocks * pixels * BYTES
            for start in range(0, out_height, strip):
                rows = min(strip, out_height - start)
                for m in range(lifted_blocks):
                    factors = spatial + (o * lifted_blocks + m) * most_taps * BYTES
                    block = padded + (m % blocks) * padded_height * padded_width * BYTES
                    for r in range(rows):
                        taps(
                            lifted + (m * strip + r) * out_width * BYTES,
                            block + (start + r) * stride * padded_width * BYTES,
                            stride,
                            table,
                            factors,
                            tap_counts[o],
                            out_width,
                        )
                for b in range(out_blocks):
                    pointwise(
                        image + (b * pixels + start * out_width) * BYTES,
                        lifted,
                        pointwise_offsets.ctypes.data,
                        channels + (o * out_blocks + b) * depth * BYTES,
                        depth,
                        rows * out_width,
                    )
            for b in range(out_blocks):
                write_moments(
                    moments + 3 * ((o * images + n) * out_blocks + b) * BYTES,
                    image + b * pixels * BYTES,
                    pixels,
                )


@njit(nogil=True)
def _upstream(target, gradient, output, coefficients, blocks, pixels, start, count, room):
    """The norm's gradient: a * gradient + b * output + c, `count` pixels of each block from pixel `start` on."""
    for b in range(blocks):
        first = load(coefficients, b * LANES)
        second = load(coefficients, (blocks + b) * LANES)
        third = load(coefficients, (2 * blocks + b) * LANES)
        place = (b * pixels + start) * LANES
        for p in range(count):
            value = fma(load(gradient, place + p * LANES), first, third)
            put(fma(load(output, place + p * LANES), second, value), target, (b * room + p) * LANES)


@njit(nogil=True)
def _masked(target, gradient, source, blocks, pixels, scale, shift, centre, moments, accumulate):
    """Lets the gradient pass where the ReLU did; writes its sum, and that of its product with source - centre."""
    for b in range(blocks):
        factor = load(scale, b * LANES)
        added = load(shift, b * LANES)
        middle = load(centre, b * LANES)
        total = zeros()
        product = zeros()
        for start in range(b * pixels, (b + 1) * pixels, RUN):
            part = zeros()
            part_product = zeros()
            for i in range(start, min(start + RUN, (b + 1) * pixels)):
                value = load(source, i * LANES)
                passed = greater(fma(value, factor, added), zeros(), load(gradient, i * LANES))
                part = part + passed
                part_product = fma(passed, value - middle, part_product)
                if accumulate:
                    passed = passed + load(target, i * LANES)
                put(passed, target, i * LANES)
            total = total + part
            product = product + part_product
        put(total, moments, 2 * b * LANES)
        put(product, moments, (2 * b + 1) * LANES)


@njit(nogil=True, cache=True)
def convolve_backward(
    first,
    last,
    scratch,
    sources,
    shared,
    blocks,
    height,
    width,
    scale,
    shift,
    margin,
    padded_height,
    padded_width,
    stride,
    out_height,
    out_width,
    out_blocks,
    strip,
    multiplier,
    tap_counts,
    most_taps,
    offsets,
    spatial,
    pointwise_offsets,
    outputs,
    gradients,
    coefficients,
    transposed,
    phases,
    back_offsets,
    back_spatial,
    back_margin,
    back_height,
    back_width,
    centre,
    targets,
    accumulate,
    moments,
    images,
    weights,
    spatial_gradient,
    pointwise_gradients,
):
    """The gradients of the sources, summed over the operations if they share one; with `weights` also the kernels'."""
    lifted_blocks = multiplier * blocks
    depth = lifted_blocks * LANES
    out_depth = out_blocks * LANES
    pixels = out_height * out_width
    lifted = scratch + blocks * padded_height * padded_width * BYTES
    arrived = lifted + lifted_blocks * strip * out_width * BYTES
    spread = arrived + out_blocks * strip * out_width * BYTES
    summed = spread + lifted_blocks * back_height * back_width * BYTES
    clear(scratch, blocks * padded_height * padded_width)
    clear(spread, lifted_blocks * back_height * back_width)
    spatial_size = lifted_blocks * most_taps
    channels_size = out_blocks * depth
    spatial_part = summed + blocks * height * width * BYTES
    channels_part = spatial_part + spatial_size * BYTES
    for n in range(first, last):
        for o in range(len(outputs)):
            own = 0 if shared else o * blocks * BYTES
            image = sources[o] + n * blocks * height * width * BYTES
            if o == 0 or not shared:
                clear(summed, blocks * height * width)
                if weights:
                    _rectify(
                        scratch,
                        image,
                        blocks,
                        height,
                        width,
                        scale + own,
                        shift + own,
                        margin,
                        padded_height,
                        padded_width,
                    )
            table = offsets.ctypes.data + 8 * o * most_taps
            if weights:
                clear(spatial_part, spatial_size + channels_size)
            for start in range(0, out_height, strip):
                rows = min(strip, out_height - start)
                _upstream(
                    arrived,
                    gradients[o] + n * out_blocks * pixels * BYTES,
                    outputs[o] + n * out_blocks * pixels * BYTES,
                    coefficients + 3 * o * out_blocks * BYTES,
                    out_blocks,
                    pixels,
                    start * out_width,
                    rows * out_width,
                    strip * out_width,
                )
                for m in range(lifted_blocks):
                    for r in range(rows):
                        pointwise(
                            spread
                            + ((m * back_height + start + r + back_margin) * back_width + back_margin)
                            * BYTES,
                            arrived + r * out_width * BYTES,
                            pointwise_offsets.ctypes.data,
                            transposed + (o * lifted_blocks + m) * out_depth * BYTES,
                            out_depth,
                            out_width,
                        )
                if weights:
                    for m in range(lifted_blocks):
                        factors = spatial + (o * lifted_blocks + m) * most_taps * BYTES
                        block = scratch + (m % blocks) * padded_height * padded_width * BYTES
                        for r in range(rows):
                            taps(
                                lifted + (m * strip + r) * out_width * BYTES,
                                block + (start + r) * stride * padded_width * BYTES,
                                stride,
                                table,
                                factors,
                                tap_counts[o],
                                out_width,
                            )
                    for b in range(out_blocks):
                        for m in range(lifted_blocks):
                            pointwise_gradient(
                                channels_part + (b * depth + m * LANES) * BYTES,
                                lifted + m * strip * out_width * BYTES,
                                arrived + b * strip * out_width * BYTES,
                                rows * out_width,
                            )
            for m in range(lifted_blocks):
                plane = spread + m * back_height * back_width * BYTES
                if weights:
                    block = scratch + (m % blocks) * padded_height * padded_width * BYTES
                    for y in range(out_height):
                        taps_gradient(
                            spatial_part + m * most_taps * BYTES,
                            block + y * stride * padded_width * BYTES,
                            stride,
                            table,
                            tap_counts[o],
                            plane + ((y + back_margin) * back_width + back_margin) * BYTES,
                            out_width,
                        )
                # A pixel of the source meets only the taps that a step of the stride brings onto it: one set of
                # taps for each remainder of its row and column.
                for phase in range(stride * stride):
                    begin = phases[o * (stride * stride + 1) + phase]
                    count = phases[o * (stride * stride + 1) + phase + 1] - begin
                    if count == 0:
                        continue
                    row = phase // stride
                    column = phase % stride
                    for y in range(row, height, stride):
                        add_taps(
                            summed + (((m % blocks) * height + y) * width + column) * BYTES,
                            stride,
                            plane + (y // stride) * back_width * BYTES,
                            back_offsets.ctypes.data + 8 * (o * most_taps + begin),
                            back_spatial + ((o * lifted_blocks + m) * most_taps + begin) * BYTES,
                            count,
                            (width - column + stride - 1) // stride,
                        )
            if weights:
                _add(spatial_gradient + o * spatial_size * BYTES, spatial_part, spatial_size)
                _add(pointwise_gradients + o * channels_size * BYTES, channels_part, channels_size)
            if o == len(outputs) - 1 or not shared:
                result = 0 if shared else o
                _masked(
                    targets[result] + n * blocks * height * width * BYTES,
                    summed,
                    image,
                    blocks,
                    height * width,
                    scale + own,
                    shift + own,
                    centre + own,
                    moments + 2 * (result * images + n) * blocks * BYTES,
                    accumulate,
                )
