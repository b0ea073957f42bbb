"""Draws of discrete values with a gradient: the straight-through Gumbel-softmax.

Jang et al. 2017, arXiv:1611.01144; Maddison et al. 2017, arXiv:1611.00712.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["bounded_items", "gumbel_noise", "gumbel_one_hot", "gumbel_subset", "perturbed"]


def gumbel_noise(count: int, generator: torch.Generator) -> Tensor:
    """Independent standard Gumbel numbers, -log(-log u), all finite. Shape (count,), on the CPU."""
    while True:
        noise: Tensor = -torch.empty(count).exponential_(generator=generator).log()
        if bool(noise.isfinite().all()):
            return noise


def gumbel_one_hot(
    log_probabilities: Tensor, temperature: float, generator: torch.Generator
) -> tuple[Tensor, int]:
    """Draw one value; draws again where the temperature is so low that the weights are not numbers.

    Args:
        log_probabilities: Shape (values,); -inf where a value cannot be drawn.
        temperature: Tau > 0.
        generator: On the CPU.

    Returns:
        h, shape (values,): exactly one-hot, with the gradient of p = softmax((log_probabilities + g) / tau); and the
        position of the drawn value.
    """
    while True:
        noise = gumbel_noise(len(log_probabilities), generator).to(log_probabilities)
        soft = ((log_probabilities + noise) / temperature).softmax(0)
        if bool(soft.isfinite().all()):
            position = int(soft.argmax())
            return _one_hot(len(soft), (position,), soft) + (soft - soft.detach()), position


def gumbel_subset(
    logits: Tensor, temperature: float, bounds: tuple[int, int], generator: torch.Generator
) -> tuple[Tensor, tuple[int, ...]]:
    """Draw which items are in a subset, each with the probability of the sigmoid of its logit.

    An item is a draw between two values, in and out, so that its perturbed logit is l = (logit + g_in - g_out) / tau.
    Where more or fewer items than allowed are drawn, those nearest to the other side change it.

    Args:
        logits: Shape (items,).
        temperature: Tau > 0.
        bounds: The fewest and the most items.
        generator: On the CPU.

    Returns:
        Shape (items,): exactly 1 for an item that is in and 0 for one that is out, with the gradient of sigmoid(l);
        and the items that are in.
    """
    strengths = perturbed(logits, generator) / temperature
    chosen = bounded_items(strengths.tolist(), bounds)
    soft = strengths.sigmoid()
    return _one_hot(len(soft), chosen, soft) + (soft - soft.detach()), chosen


def perturbed(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Logits of independent draws, above 0 with the probabilities of their sigmoids. Shape (items,)."""
    noise = gumbel_noise(2 * len(logits), generator).to(logits)
    return logits + noise[: len(logits)] - noise[len(logits) :]


def bounded_items(strengths: Sequence[float], bounds: tuple[int, int]) -> tuple[int, ...]:
    """The items whose strength is above 0: the strongest ones where that gives too few or too many.

    Args:
        strengths: One number an item.
        bounds: The fewest and the most items.
    """
    wanted = sum(strength > 0 for strength in strengths)
    count = min(bounds[1], max(bounds[0], wanted))
    order = sorted(range(len(strengths)), key=lambda item: -strengths[item])
    return tuple(sorted(order[:count]))


def _one_hot(length: int, positions: Sequence[int], like: Tensor) -> Tensor:
    hard = torch.zeros(length, dtype=like.dtype, device=like.device)
    hard[list(positions)] = 1.0
    return hard
