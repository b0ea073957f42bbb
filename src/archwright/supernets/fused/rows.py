# mypy: disable-error-code="no-untyped-def"
# Compiled functions: numba infers their types.
"""Rows of pixels through the innermost loops, whatever their number: whole tiles, then what is left one by one."""

from __future__ import annotations

from numba import njit

from archwright.supernets.fused.lanes import LANES, load, multiply_accumulate, put

__all__ = [
    "BYTES",
    "add_taps",
    "pointwise",
    "pointwise_gradient",
    "taps",
    "taps_gradient",
    "weigh",
]

BYTES = 4 * LANES
"""Of a vector."""
TILE = 8

_taps = multiply_accumulate(TILE, LANES, over_pixels=True, broadcast=False, fresh=True)
_taps_one = multiply_accumulate(1, LANES, over_pixels=True, broadcast=False, fresh=True)
_taps_strided = multiply_accumulate(TILE, 2 * LANES, over_pixels=True, broadcast=False, fresh=True)
_add_taps = multiply_accumulate(TILE, LANES, over_pixels=True, broadcast=False, fresh=False)
_add_taps_one = multiply_accumulate(1, LANES, over_pixels=True, broadcast=False, fresh=False)
_pointwise = multiply_accumulate(TILE, LANES, over_pixels=True, broadcast=True, fresh=True)
_pointwise_one = multiply_accumulate(1, LANES, over_pixels=True, broadcast=True, fresh=True)
_gradient = multiply_accumulate(TILE, LANES, over_pixels=False, broadcast=False, fresh=False)
_gradient_three = multiply_accumulate(3, LANES, over_pixels=False, broadcast=False, fresh=False)
_gradient_one = multiply_accumulate(1, LANES, over_pixels=False, broadcast=False, fresh=False)
_gradient_strided = multiply_accumulate(TILE, 2 * LANES, over_pixels=False, broadcast=False, fresh=False)
_gradient_strided_one = multiply_accumulate(1, 2 * LANES, over_pixels=False, broadcast=False, fresh=False)
_outer = multiply_accumulate(LANES, LANES, over_pixels=False, broadcast=True, fresh=False)


@njit(nogil=True)
def taps(target, source, stride, offsets, factors, terms, count):
    """target[p] = sum_k factors[k] * source[p * stride + offsets[k]], for `count` pixels p; stride 1 or 2."""
    p = 0
    if stride == 1:
        while p + TILE <= count:
            _taps(target + p * BYTES, LANES, source + p * BYTES, offsets, factors, terms)
            p += TILE
    else:
        while p + TILE <= count:
            _taps_strided(target + p * BYTES, LANES, source + 2 * p * BYTES, offsets, factors, terms)
            p += TILE
    while p < count:
        _taps_one(target + p * BYTES, LANES, source + p * stride * BYTES, offsets, factors, terms)
        p += 1


@njit(nogil=True)
def add_taps(target, step, source, offsets, factors, terms, count):
    """target[p * step] += sum_k factors[k] * source[p + offsets[k]], for `count` pixels p."""
    p = 0
    while p + TILE <= count:
        _add_taps(target + p * step * BYTES, step * LANES, source + p * BYTES, offsets, factors, terms)
        p += TILE
    while p < count:
        _add_taps_one(target + p * step * BYTES, LANES, source + p * BYTES, offsets, factors, terms)
        p += 1


@njit(nogil=True)
def weigh(target, source, offsets, factors, terms, shift, count):
    """target[p] = shift + sum_k factors[k] * source[p + offsets[k]], for `count` pixels p; shift is one vector."""
    added = load(shift, 0)
    p = 0
    while p < count:
        width = min(TILE, count - p)
        if width == TILE:
            _taps(target + p * BYTES, LANES, source + p * BYTES, offsets, factors, terms)
        else:
            for q in range(p, count):
                _taps_one(target + q * BYTES, LANES, source + q * BYTES, offsets, factors, terms)
        for q in range(p, p + width):
            put(load(target, q * LANES) + added, target, q * LANES)
        p += width


@njit(nogil=True)
def pointwise(target, source, offsets, factors, terms, count):
    """target[p] = sum_k factors[k] * (the number source[p + offsets[k]]), for `count` pixels p."""
    p = 0
    while p + TILE <= count:
        _pointwise(target + p * BYTES, LANES, source + p * BYTES, offsets, factors, terms)
        p += TILE
    while p < count:
        _pointwise_one(target + p * BYTES, LANES, source + p * BYTES, offsets, factors, terms)
        p += 1


@njit(nogil=True)
def pointwise_gradient(target, source, factors, count):
    """target[i] += sum_p factors[p] * (the i-th number of source[p]), over `count` pixels p, for a vector of i."""
    _outer(target, LANES, source, 0, factors, count)


@njit(nogil=True)
def taps_gradient(target, source, stride, offsets, terms, factors, count):
    """target[k] += sum_p factors[p] * source[p * stride + offsets[k]], over `count` pixels p, for `terms` k."""
    k = 0
    if stride == 1:
        while k + TILE <= terms:
            _gradient(target + k * BYTES, LANES, source, offsets + 8 * k, factors, count)
            k += TILE
        while k + 3 <= terms:
            _gradient_three(target + k * BYTES, LANES, source, offsets + 8 * k, factors, count)
            k += 3
        while k < terms:
            _gradient_one(target + k * BYTES, LANES, source, offsets + 8 * k, factors, count)
            k += 1
    else:
        while k + TILE <= terms:
            _gradient_strided(target + k * BYTES, LANES, source, offsets + 8 * k, factors, count)
            k += TILE
        while k < terms:
            _gradient_strided_one(target + k * BYTES, LANES, source, offsets + 8 * k, factors, count)
            k += 1
