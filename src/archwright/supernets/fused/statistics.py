"""Batch normalisation, worked out by channel: y -> (y - mean) / sqrt(variance + eps) * weight + bias.

Ioffe and Szegedy 2015, arXiv:1502.03167. All here are small arrays in float64, one row a norm: (K, C).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from archwright.supernets.fused.blocked import Floats
from archwright.supernets.fused.lanes import LANES
from archwright.supernets.fused.sum_kernels import combine

__all__ = ["Moments", "Norms", "normalise"]


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and variance (divided by the count) of tensors, by channel.

    Args:
        mean: Shape (K, C).
        variance: Shape (K, C).
        count: Numbers that each was taken over.
    """

    mean: Floats
    variance: Floats
    count: int

    @classmethod
    def of(cls, sums: Tensor, pixels: int, channels: int) -> Moments:
        """From a kernel's moments by image, shape (K, N, B, 3, LANES)."""
        tensors, images, blocks = sums.shape[:3]
        mean, variance = np.empty((2, tensors, blocks, LANES))
        combine(sums.numpy(), pixels, mean, variance)
        mean, variance = (part.reshape(tensors, -1)[:, :channels] for part in (mean, variance))
        return cls(mean, variance, images * pixels)

    def repeated(self, times: int) -> Moments:
        """Those of one tensor, as often as norms read it."""
        return Moments(np.repeat(self.mean, times, 0), np.repeat(self.variance, times, 0), self.count)


@dataclass(frozen=True, eq=False)
class Norms:
    """Norms as they were applied: (y - mean) * rate * weight + bias.

    Args:
        mean: Shape (K, C), as the others.
        rate: One over the standard deviation.
        weight: The learned scale.
        bias: The learned shift.
        share: One over the numbers that mean and rate were taken over; 0 where they are constants. Shape (K, 1).
    """

    mean: Floats
    rate: Floats
    weight: Floats
    bias: Floats
    share: Floats

    @classmethod
    def none(cls, channels: int) -> Norms:
        """One that changes nothing."""
        zeros, ones = np.zeros((1, channels)), np.ones((1, channels))
        return cls(zeros, ones, ones, zeros, np.zeros((1, 1)))

    @classmethod
    def joined(cls, parts: Sequence[Norms]) -> Norms:
        """One after the other."""
        rows = zip(*((p.mean, p.rate, p.weight, p.bias, p.share) for p in parts), strict=True)
        return cls(*(np.concatenate(row) for row in rows))

    def row(self, index: int) -> Norms:
        """One of them."""
        one = slice(index, index + 1)
        return Norms(self.mean[one], self.rate[one], self.weight[one], self.bias[one], self.share[one])

    @property
    def scale(self) -> Floats:
        """What y is multiplied by."""
        return self.rate * self.weight

    @property
    def shift(self) -> Floats:
        """What is added then."""
        return self.bias - self.mean * self.scale

    def upstream(self, total: Floats, correlation: Floats, factor: Floats) -> Floats:
        """The coefficients a, b, c of y's gradient a * g + b * y + c, where factor * g arrives at the norm.

        Args:
            total: The sum of g, shape (K, C) or (C,).
            correlation: The inner product of g with the normalised y, shape (K, C).
            factor: Of g, shape (K, 1).

        Returns:
            Shape (K, 3, C).
        """
        scale = factor * self.scale
        slope = -scale * self.rate * correlation * self.share
        return np.stack([scale, slope, -scale * total * self.share - slope * self.mean], axis=1)


@torch.no_grad()
def normalise(norms: Sequence[nn.BatchNorm2d], moments: Moments) -> Norms:
    """The norms with the statistics that they use in their mode; running statistics are updated as torch would."""
    _update(
        [(i, norm) for i, norm in enumerate(norms) if norm.training and _tracked(norm) is not None], moments
    )
    channels = moments.mean.shape[1]
    weight = _rows([norm._parameters["weight"] for norm in norms], 1.0, channels)
    bias = _rows([norm._parameters["bias"] for norm in norms], 0.0, channels)
    eps = np.array([[norm.eps] for norm in norms])
    mean, variance, share = moments.mean, moments.variance, np.full((len(norms), 1), 1.0 / moments.count)
    fixed = [
        (i, tracked) for i, n in enumerate(norms) if not n.training and (tracked := _tracked(n)) is not None
    ]
    if fixed:
        mean, variance = mean.copy(), variance.copy()
        for i, (running_mean, running_variance) in fixed:
            mean[i], variance[i], share[i] = running_mean.numpy(), running_variance.numpy(), 0.0
    return Norms(mean, 1.0 / np.sqrt(variance + eps), weight, bias, share)


def _tracked(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor] | None:
    """The running mean and variance."""
    mean, variance = norm._buffers.get("running_mean"), norm._buffers.get("running_var")
    return None if mean is None or variance is None else (mean, variance)


def _update(updated: Sequence[tuple[int, nn.BatchNorm2d]], moments: Moments) -> None:
    """The running statistics of some of the norms, by their momentum."""
    if not updated:
        return
    means = torch.from_numpy(moments.mean.astype(np.float32)).unbind(0)
    unbiased = moments.variance * (moments.count / max(1, moments.count - 1))
    variances = torch.from_numpy(unbiased.astype(np.float32)).unbind(0)
    counts = [count for _, norm in updated if (count := norm._buffers.get("num_batches_tracked")) is not None]
    if counts:
        torch._foreach_add_(counts, 1)
    by_momentum: dict[float, list[tuple[Tensor, Tensor]]] = {}
    for i, norm in updated:
        momentum = norm.momentum
        if momentum is None:  # the plain mean of all batches
            count = norm._buffers.get("num_batches_tracked")
            momentum = 0.0 if count is None else 1.0 / float(count)
        tracked = _tracked(norm)
        assert tracked is not None
        by_momentum.setdefault(momentum, []).extend([(tracked[0], means[i]), (tracked[1], variances[i])])
    for momentum, pairs in by_momentum.items():
        torch._foreach_lerp_([running for running, _ in pairs], [new for _, new in pairs], momentum)


def _rows(tensors: Sequence[Tensor | None], otherwise: float, channels: int) -> Floats:
    """Numbers by channel; where there is no tensor, the other number."""
    rows = np.full((len(tensors), channels), otherwise)
    for row, tensor in zip(rows, tensors, strict=True):
        if tensor is not None:
            row[:] = tensor.detach().numpy()
    return rows
