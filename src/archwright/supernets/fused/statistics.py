"""Batch normalisation, worked out by channel: y -> (y - mean) / sqrt(variance + eps) * weight + bias.

Ioffe and Szegedy 2015, arXiv:1502.03167. All here are small arrays by channel, in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from archwright.supernets.fused.blocked import Floats

__all__ = ["Moments", "Norm", "normalise"]


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and variance (divided by the count) of a tensor, or of several, by channel.

    Args:
        mean: Shape (..., C).
        variance: Shape (..., C).
        count: Numbers that each was taken over.
    """

    mean: Floats
    variance: Floats
    count: int

    @classmethod
    def of(cls, sums: Tensor, pixels: int, channels: int) -> Moments:
        """From a kernel's sums, shape (..., N, B, 3, LANES): a reference, sums and squares around it, by image."""
        raw: Any = np.moveaxis(sums.numpy().astype(np.float64), -2, 0)
        reference, total, squares = (part.reshape(*part.shape[:-2], -1)[..., :channels] for part in raw)
        means = reference + total / pixels
        inside = (squares - total**2 / pixels).sum(-2)
        mean = means.mean(-2)
        between = ((means - mean[..., None, :]) ** 2).sum(-2) * pixels
        count = means.shape[-2] * pixels
        return cls(mean, np.maximum(inside + between, 0.0) / count, count)

    def __getitem__(self, index: int) -> Moments:
        return Moments(self.mean[index], self.variance[index], self.count)


@dataclass(frozen=True, eq=False)
class Norm:
    """A norm as it was applied: (y - mean) * rate * weight + bias.

    Args:
        mean: By channel.
        rate: One over the standard deviation.
        weight: By channel.
        bias: By channel.
        count: Numbers that mean and rate were taken over; 0 where they are constants.
    """

    mean: Floats
    rate: Floats
    weight: Floats
    bias: Floats
    count: int

    @classmethod
    def none(cls, channels: int) -> Norm:
        """The one that changes nothing."""
        zeros, ones = np.zeros(channels), np.ones(channels)
        return cls(zeros, ones, ones, zeros, 0)

    @property
    def scale(self) -> Floats:
        """What y is multiplied by."""
        return self.rate * self.weight

    @property
    def shift(self) -> Floats:
        """What is added then."""
        return self.bias - self.mean * self.rate * self.weight

    def correlation(self, total: Floats, product: Floats) -> Floats:
        """The gradient's inner product with the normalised y.

        Args:
            total: The gradient's sum.
            product: Its inner product with y - mean.
        """
        return self.rate * product

    def upstream(self, total: Floats, correlation: Floats, factor: float = 1.0) -> Floats:
        """The coefficients a, b, c of y's gradient a * g + b * y + c, where g * factor arrives at the norm.

        Args:
            total: The sum of g.
            correlation: The inner product of g with the normalised y.
            factor: Of g.

        Returns:
            Shape (3, C).
        """
        scale = factor * self.scale
        if not self.count:
            return np.stack([scale, np.zeros_like(scale), np.zeros_like(scale)])
        slope = -scale * self.rate * correlation / self.count
        return np.stack([scale, slope, -scale * total / self.count - slope * self.mean])


@torch.no_grad()
def normalise(norm: nn.BatchNorm2d, moments: Moments) -> Norm:
    """The norm with the statistics that it uses in its mode; its running statistics are updated as torch would."""
    channels = norm.num_features
    weight = _numbers(norm.weight) if norm.weight is not None else np.ones(channels)
    bias = _numbers(norm.bias) if norm.bias is not None else np.zeros(channels)
    if norm.training and norm.track_running_stats and norm.running_mean is not None:
        _update(norm, moments)
    if norm.training or norm.running_mean is None or norm.running_var is None:
        return Norm(moments.mean, 1.0 / np.sqrt(moments.variance + norm.eps), weight, bias, moments.count)
    rate = 1.0 / np.sqrt(_numbers(norm.running_var) + norm.eps)
    return Norm(_numbers(norm.running_mean), rate, weight, bias, 0)


def _update(norm: nn.BatchNorm2d, moments: Moments) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    momentum = norm.momentum
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
        if momentum is None:
            momentum = 1.0 / float(norm.num_batches_tracked)
    momentum = 0.0 if momentum is None else momentum
    unbiased = moments.variance * moments.count / max(1, moments.count - 1)
    norm.running_mean.lerp_(torch.from_numpy(moments.mean).to(norm.running_mean), momentum)
    norm.running_var.lerp_(torch.from_numpy(unbiased).to(norm.running_var), momentum)


def _numbers(tensor: Tensor) -> Floats:
    return tensor.detach().numpy().astype(np.float64)
