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
from archwright.supernets.fused.kernels import combine
from archwright.supernets.fused.lanes import LANES

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
    _update(norms, moments)
    channels = moments.mean.shape[1]
    weight = np.array([_numbers(norm.weight, 1.0, channels) for norm in norms], np.float64)
    bias = np.array([_numbers(norm.bias, 0.0, channels) for norm in norms], np.float64)
    eps = np.array([[norm.eps] for norm in norms])
    mean, variance, share = moments.mean, moments.variance, np.full((len(norms), 1), 1.0 / moments.count)
    fixed = [i for i, norm in enumerate(norms) if not norm.training and norm.running_mean is not None]
    if fixed:
        mean, variance = mean.copy(), variance.copy()
        for i in fixed:
            mean[i] = _numbers(norms[i].running_mean, 0.0, channels)
            variance[i] = _numbers(norms[i].running_var, 1.0, channels)
            share[i] = 0.0
    return Norms(mean, 1.0 / np.sqrt(variance + eps), weight, bias, share)


def _update(norms: Sequence[nn.BatchNorm2d], moments: Moments) -> None:
    updated = [
        i
        for i, norm in enumerate(norms)
        if norm.training and norm.track_running_stats and norm.running_mean is not None
    ]
    if not updated:
        return
    means = torch.from_numpy(moments.mean.astype(np.float32)).unbind(0)
    unbiased = moments.variance * (moments.count / max(1, moments.count - 1))
    variances = torch.from_numpy(unbiased.astype(np.float32)).unbind(0)
    for i in updated:
        norm = norms[i]
        assert norm.running_mean is not None
        assert norm.running_var is not None
        momentum = norm.momentum
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
            if momentum is None:
                momentum = 1.0 / float(norm.num_batches_tracked)
        if momentum:
            norm.running_mean.lerp_(means[i], momentum)
            norm.running_var.lerp_(variances[i], momentum)


def _numbers(tensor: Tensor | None, otherwise: float, channels: int) -> Floats:
    if tensor is None:
        return np.full(channels, otherwise)
    return np.asarray(tensor.detach().numpy(), np.float64)
