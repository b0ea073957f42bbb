# mypy: disable-error-code="no-untyped-def"
# Compiled functions: numba infers their types.
"""The compiled kernels of pooling, forward and backward, on blocked tensors as in `kernels`."""

from __future__ import annotations

from numba import njit

from archwright.supernets.fused.lanes import LANES, load, maximum, number, put, select, zeros
from archwright.supernets.fused.rows import BYTES, weigh
from archwright.supernets.fused.sum_kernels import clear

__all__ = ["pool", "pool_backward"]

_LOWEST = -3.4e38


@njit(nogil=True)
def _pad(padded, source, height, width, margin, padded_width):
    for y in range(height):
        from_row = source + y * width * BYTES
        to_row = padded + ((y + margin) * padded_width + margin) * BYTES
        for x in range(width):
            put(load(from_row, x * LANES), to_row, x * LANES)


@njit(nogil=True, cache=True)
def pool(
    first,
    last,
    scratch,
    source,
    blocks,
    height,
    width,
    margin,
    padded_height,
    padded_width,
    stride,
    out_height,
    out_width,
    offsets,
    largest,
    shares,
    target,
):
    """The largest number of each window, or the sum times the pixel's share (one over the window's size)."""
    border = number(_LOWEST) if largest else zeros()
    for i in range(padded_height * padded_width):
        put(border, scratch, i * LANES)
    for i in range(first * blocks, last * blocks):
        _pad(scratch, source + i * height * width * BYTES, height, width, margin, padded_width)
        for y in range(out_height):
            for x in range(out_width):
                window = (y * padded_width + x) * stride * LANES
                value = load(scratch, window + offsets[0])
                if largest:
                    for k in range(1, len(offsets)):
                        value = maximum(value, load(scratch, window + offsets[k]))
                else:
                    for k in range(1, len(offsets)):
                        value = value + load(scratch, window + offsets[k])
                    value = value * number(shares[y * out_width + x])
                put(value, target, ((i * out_height + y) * out_width + x) * LANES)


@njit(nogil=True, cache=True)
def pool_backward(
    first,
    last,
    scratch,
    source,
    blocks,
    height,
    width,
    margin,
    padded_height,
    padded_width,
    stride,
    out_height,
    out_width,
    offsets,
    largest,
    shares,
    base,
    terms,
    scales,
    shift,
    pooled,
    target,
):
    """Adds to the target the gradient of the source; that of the pooled image is shift + sum_k scales[k] * term k."""
    area = padded_height * padded_width
    pixels = out_height * out_width
    spread = scratch + area * BYTES
    arrived = spread + area * BYTES
    clear(scratch, area)
    for i in range(first * blocks, last * blocks):
        b = i % blocks
        weigh(
            arrived,
            base + i * pixels * BYTES,
            terms.ctypes.data,
            scales + b * len(terms) * BYTES,
            len(terms),
            shift + b * BYTES,
            pixels,
        )
        clear(spread, area)
        if largest:
            _pad(scratch, source + i * height * width * BYTES, height, width, margin, padded_width)
        for y in range(out_height):
            for x in range(out_width):
                window = (y * padded_width + x) * stride * LANES
                p = y * out_width + x
                left = load(arrived, p * LANES)
                if largest:  # to the first of equal numbers, as torch does
                    value = load(pooled, (i * pixels + p) * LANES)
                    for k in range(len(offsets)):
                        place = window + offsets[k]
                        number_there = load(scratch, place)
                        put(load(spread, place) + select(number_there, value, left, zeros()), spread, place)
                        left = select(number_there, value, zeros(), left)
                else:
                    left = left * number(shares[p])
                    for k in range(len(offsets)):
                        place = window + offsets[k]
                        put(load(spread, place) + left, spread, place)
        for y in range(height):
            for x in range(width):
                place = ((i * height + y) * width + x) * LANES
                inside = ((y + margin) * padded_width + x + margin) * LANES
                put(load(target, place) + load(spread, inside), target, place)
