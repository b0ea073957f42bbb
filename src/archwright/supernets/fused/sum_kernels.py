# mypy: disable-error-code="no-untyped-def"
# Compiled functions: numba infers their types.
"""The compiled kernels of sums: of tensors, of their values by channel, and of gradients with them.

Tensors are blocked and given by address, as in `kernels`.
"""

from __future__ import annotations

from numba import njit

from archwright.supernets.fused.lanes import LANES, fma, load, put, zeros
from archwright.supernets.fused.rows import BYTES, taps_gradient, weigh

__all__ = [
    "RUN",
    "clear",
    "combine",
    "moments",
    "moments_with",
    "over_images",
    "weighted_sum",
    "write_moments",
]

RUN = 64
"""Numbers that are added up before the sum joins the whole: sums of sums round less than one long sum."""


@njit(nogil=True)
def clear(target, vectors):
    """Zeros."""
    for i in range(vectors):
        put(zeros(), target, i * LANES)


@njit(nogil=True)
def write_moments(target, row, count):
    """A reference value, and the sums of (value - reference) and its square: no cancellation at a large mean."""
    reference = load(row, 0)
    total = zeros()
    squares = zeros()
    for start in range(0, count, RUN):
        part = zeros()
        part_squares = zeros()
        for p in range(start, min(start + RUN, count)):
            value = load(row, p * LANES) - reference
            part = part + value
            part_squares = fma(value, value, part_squares)
        total = total + part
        squares = squares + part_squares
    put(reference, target, 0)
    put(total, target, LANES)
    put(squares, target, 2 * LANES)


@njit(nogil=True, cache=True)
def moments(first, last, source, blocks, pixels, target):
    """The moments of each image and channel, shape (N, B, 3, LANES): reference, sum, sum of squares around it."""
    for i in range(first * blocks, last * blocks):
        write_moments(target + 3 * i * BYTES, source + i * pixels * BYTES, pixels)


@njit(nogil=True, cache=True)
def combine(sums, pixels, mean, variance):
    """Mean and variance over the images from their moments, (K, N, B, 3, LANES) to (K, B, LANES), in float64.

    Chan et al. 1979, STAN-CS-79-773, for parts of equal size.
    """
    tensors, images, blocks = sums.shape[:3]
    for t in range(tensors):
        for b in range(blocks):
            for i in range(LANES):
                middle = 0.0
                for n in range(images):
                    middle += sums[t, n, b, 0, i] + float(sums[t, n, b, 1, i]) / pixels
                middle /= images
                squares = 0.0
                for n in range(images):
                    total = float(sums[t, n, b, 1, i])
                    difference = sums[t, n, b, 0, i] + total / pixels - middle
                    squares += sums[t, n, b, 2, i] - total * total / pixels + difference * difference * pixels
                mean[t, b, i] = middle
                variance[t, b, i] = max(squares, 0.0) / (images * pixels)


@njit(nogil=True, cache=True)
def over_images(sums, result):
    """The sums over the images, (K, N, B, k, LANES) to (K, k, B, LANES), in float64."""
    tensors, images, blocks, kinds = sums.shape[:4]
    result[:] = 0.0
    for t in range(tensors):
        for n in range(images):
            for b in range(blocks):
                for k in range(kinds):
                    for i in range(LANES):
                        result[t, k, b, i] += sums[t, n, b, k, i]


@njit(nogil=True, cache=True)
def weighted_sum(first, last, base, offsets, scales, shift, blocks, pixels, target):
    """Each target is shift + sum_k scales[k] * tensor k; tensors by their offsets from the first."""
    terms = len(offsets)
    for i in range(first * blocks, last * blocks):
        b = i % blocks
        weigh(
            target + i * pixels * BYTES,
            base + i * pixels * BYTES,
            offsets.ctypes.data,
            scales + b * terms * BYTES,
            terms,
            shift + b * BYTES,
            pixels,
        )


@njit(nogil=True, cache=True)
def moments_with(first, last, base, offsets, gradient, blocks, pixels, runs, target):
    """For runs of each image, by channel: the sum of the gradient, then its inner product with each tensor.

    Shape (N * runs, B, 1 + tensors, LANES).
    """
    terms = len(offsets)
    for n in range(first, last):
        for run in range(runs):
            begin = run * pixels // runs
            count = (run + 1) * pixels // runs - begin
            for b in range(blocks):
                place = ((n * blocks + b) * pixels + begin) * BYTES
                results = target + ((n * runs + run) * blocks + b) * (1 + terms) * BYTES
                total = zeros()
                for p in range(count):
                    total = total + load(gradient + place, p * LANES)
                put(total, results, 0)
                clear(results + BYTES, terms)
                taps_gradient(
                    results + BYTES, base + place, 1, offsets.ctypes.data, terms, gradient + place, count
                )
